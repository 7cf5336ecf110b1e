import { useState } from "preact/hooks";
import { Button, Check, Choice, Dialog, saveFile, showMessage, showProblem } from "../interface/index.js";
import { isPlain, type Look, lookText, pixelChange } from "../looking/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import type { OpenViewer } from "../viewer/index.js";
import { composeFigure } from "./compose-figure.js";
import { figureText } from "./figure-text.js";
import { withDescription } from "./png-text.js";

interface FigureDialogProps {
  readonly viewer: OpenViewer;
  readonly layers: readonly LayerSetting[];
  readonly look: Look;
  onClose(): void;
}

/** Saves the view as a picture. */
export function FigureDialog({ viewer, layers, look, onClose }: FigureDialogProps) {
  const [ratio, setRatio] = useState(2);
  const [hasScaleBar, setScaleBar] = useState(true);
  const [hasLegend, setLegend] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const { clientWidth, clientHeight } = viewer.element;
  const sizeText = (times: number) => `${clientWidth * times} × ${clientHeight * times} pixels`;
  const facts = { slide: viewer.slide.value, view: viewer.view.value, ratio, layers, look: lookText(look) };
  const save = async () => {
    setBusy(true);
    try {
      const change = isPlain(look) ? null : pixelChange(look);
      const canvas = await composeFigure(viewer, { ratio, layers, hasScaleBar, hasLegend, change });
      await download(canvas, facts.slide.name, figureText(facts));
      showMessage("The figure is saved.");
      onClose();
    } catch (thrown) {
      setBusy(false);
      showProblem(thrown);
    }
  };
  return (
    <Dialog title="Figure" onClose={onClose}>
      <p>The view as a PNG, with the layers and annotations that are shown.</p>
      <Choice
        title="Size"
        value={String(ratio)}
        choices={[
          ["1", `As on the screen, ${sizeText(1)}`],
          ["2", `Twice as fine, ${sizeText(2)}`],
        ]}
        onChoose={(times) => setRatio(Number(times))}
      />
      <Check checked={hasScaleBar} onChange={setScaleBar}>
        Scale bar
      </Check>
      {layers.length === 0 ? null : (
        <Check checked={hasLegend} onChange={setLegend}>
          Names and colours of the layers
        </Check>
      )}
      <p class="hint">Its description: {figureText(facts)}</p>
      <div class="dialog-actions">
        <Button kind="main" disabled={isBusy} onClick={() => void save()}>
          {isBusy ? "Drawing …" : "Save the figure"}
        </Button>
      </div>
    </Dialog>
  );
}

async function download(canvas: HTMLCanvasElement, slide: string, description: string): Promise<void> {
  const png = await new Promise<Blob>((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("the browser cannot make a picture of this size"));
      else resolve(blob);
    }, "image/png");
  });
  const described = withDescription(new Uint8Array(await png.arrayBuffer()), description);
  saveFile(described, `${slide.replace(/\.[^.]*$/, "")}-figure.png`);
}
