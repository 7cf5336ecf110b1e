import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Position } from "../../contract/index.js";
import { listen, ToolButton } from "../interface/index.js";
import { isPlain, type Look, lookText } from "../looking/index.js";
import { lengthText, scaleBar, withSeparators } from "../viewer/index.js";
import { GoToDialog } from "./go-to-dialog.js";
import type { SlideSession } from "./session.js";
import { askForPlace } from "./slide-shortcuts.js";

const LONGEST_BAR = 140;

/** Scale bar, coordinates under the pointer, and what is amiss, at the lower edge of the slide. */
export function Readouts({ session, look }: { readonly session: SlideSession; readonly look: Look }) {
  const { viewer, goingTo } = session;
  const pointer = useSignal<Position | null>(null);
  useEffect(() => {
    const moved = (event: PointerEvent) => {
      const [x, y] = viewer.positionOf(event);
      const { width, height } = viewer.slide.value.size ?? { width: Infinity, height: Infinity };
      // Beside the slide there are no coordinates.
      pointer.value = x >= 0 && y >= 0 && x < width && y < height ? [x, y] : null;
    };
    const left = () => {
      pointer.value = null;
    };
    return listen(viewer.element, { pointermove: moved, pointerleave: left });
  }, [viewer, pointer]);
  const failed = viewer.failedTiles.value;
  return (
    <>
      {goingTo.value ? <GoToDialog session={session} /> : null}
      <div class="readouts">
        <Bar viewer={viewer} />
        <ToolButton
          icon="foci"
          title="Go to coordinates"
          shortcut="Shift+G"
          class="go-to"
          onClick={() => askForPlace(session)}
        />
        <Coordinates position={pointer.value} micronsPerPixel={viewer.slide.value.micronsPerPixel} />
        {isPlain(look) ? null : <span class="readout">Shown with {lookText(look)}</span>}
        {failed > 0 ? (
          <span class="readout warning" role="status">
            {failed} {failed === 1 ? "tile" : "tiles"} could not be loaded
          </span>
        ) : null}
      </div>
    </>
  );
}

function Bar({ viewer }: { readonly viewer: SlideSession["viewer"] }) {
  const bar = useComputed(() =>
    scaleBar(viewer.view.value.zoom, viewer.slide.value.micronsPerPixel?.x ?? null, LONGEST_BAR),
  );
  const { length, label } = bar.value;
  return (
    <span class="readout scale-bar" role="img" aria-label={`Scale bar: ${label}`}>
      <span class="bar" style={{ width: `${length}px` }} />
      {label}
    </span>
  );
}

interface CoordinatesProps {
  readonly position: Position | null;
  readonly micronsPerPixel: { readonly x: number; readonly y: number } | null;
}

function Coordinates({ position, micronsPerPixel }: CoordinatesProps) {
  if (position === null) return null;
  const [x, y] = position;
  const pixels = `${withSeparators(x)}, ${withSeparators(y)} px`;
  const lengths =
    micronsPerPixel === null
      ? ""
      : ` · ${lengthText(x * micronsPerPixel.x)}, ${lengthText(y * micronsPerPixel.y)}`;
  return (
    <span class="readout coordinates" aria-hidden="true">
      {pixels}
      {lengths}
    </span>
  );
}
