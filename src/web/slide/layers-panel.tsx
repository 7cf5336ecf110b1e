import { Button, Choice } from "../interface/index.js";
import { LayerRow } from "../layers/index.js";
import { LookingPanel, type OpenLooking } from "../looking/index.js";
import { workspace } from "../state/workspace.js";
import { type OpenThreshold, ThresholdPanel } from "../threshold/index.js";
import { cssColour, palette } from "../viewer/index.js";
import type { SlideSession } from "./session.js";
import { toggleBeside } from "./slide-shortcuts.js";
import { isTaught } from "./taught-layer.js";

interface LayersPanelProps {
  readonly session: SlideSession;
  readonly threshold: OpenThreshold;
  readonly looking: OpenLooking;
  onFigure(): void;
}

/** What lies over the slide: each layer can be shown, made more or less opaque, and coloured otherwise. */
export function LayersPanel({ session, threshold, looking, onFigure }: LayersPanelProps) {
  const { layers } = session.viewer.slide.value;
  return (
    <div class="panel layers-panel">
      {session.bare.value ? <p class="hint">All layers are hidden for the moment (H).</p> : null}
      {layers.length === 0 ? (
        <p class="hint">
          Nothing lies over this slide yet. Segment it (Jobs), or put annotations beside it; they appear here.
        </p>
      ) : null}
      <ul class="layer-list">
        {layers.map((layer) => (
          <li key={layer.id}>
            <LayerRow
              layer={layer}
              shown={session.layers.value}
              onChange={(shown) => {
                session.layers.value = shown;
              }}
            />
            {layer.values === "fraction" && !isTaught(layer) ? (
              <ThresholdPanel
                layer={layer}
                open={threshold}
                resolution={session.viewer.slide.value.micronsPerPixel}
              />
            ) : null}
          </li>
        ))}
      </ul>
      <GridChoice session={session} />
      <LookingPanel look={looking.look} />
      <div class="button-row">
        <Button onClick={() => toggleBeside(session)}>
          {session.beside.value === null ? "Compare side by side" : "Show one alone"}
        </Button>
        <Button onClick={onFigure}>Save a figure …</Button>
      </div>
    </div>
  );
}

/** Patches of a dataset, with what the outlines mean. */
function GridChoice({ session: { grid, viewer } }: { readonly session: SlideSession }) {
  const { datasets } = viewer.slide.value;
  if (datasets.length === 0) return null;
  const known = workspace.value.state === "ready" ? workspace.value.value.datasets : [];
  const nameOf = (id: string) => known.find((dataset) => dataset.id === id)?.name ?? id;
  return (
    <div class="grid-choice">
      <Choice
        title="Patches"
        aria-label="Patches of a dataset"
        value={grid.value ?? ""}
        choices={[["", "none"], ...datasets.map((id) => [id, nameOf(id)] as const)]}
        onChoose={(id) => {
          grid.value = id === "" ? null : id;
        }}
      />
      {grid.value === null ? null : (
        <ul class="swatches">
          <li>
            <span class="swatch line" style={{ borderColor: cssColour(palette.vermillion) }} /> tumour
          </li>
          <li>
            <span class="swatch line dashed" style={{ borderColor: cssColour(palette.blue) }} /> normal
          </li>
        </ul>
      )}
    </div>
  );
}
