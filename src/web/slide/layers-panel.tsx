import type { LayerEntry } from "../../contract/index.js";
import { Button } from "../interface/index.js";
import { LookingPanel, type OpenLooking } from "../looking/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { workspace } from "../state/workspace.js";
import { type OpenThreshold, ThresholdPanel } from "../threshold/index.js";
import { colourMapNames, colourMapTitles, cssColour, mapsFor, palette } from "../viewer/index.js";
import { Legend } from "./legend.js";
import { firstSetting, type SlideSession } from "./session.js";
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
            <LayerRow layer={layer} session={session} />
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

function LayerRow({
  layer,
  session: { layers },
}: {
  readonly layer: LayerEntry;
  readonly session: SlideSession;
}) {
  const setting = layers.value.find(({ id }) => id === layer.id);
  const change = (changed: Partial<LayerSetting>) => {
    layers.value = layers.value.map((one) => (one.id === layer.id ? { ...one, ...changed } : one));
  };
  const toggle = () => {
    layers.value =
      setting === undefined
        ? [...layers.value, firstSetting(layer)]
        : layers.value.filter(({ id }) => id !== layer.id);
  };
  return (
    <fieldset class="layer">
      <legend class="visually-hidden">{layer.title}</legend>
      <label class="check layer-title">
        <input type="checkbox" checked={setting !== undefined} onChange={toggle} />
        <span>
          {layer.title}
          <span class="hint">{layer.origin}</span>
        </span>
      </label>
      {setting === undefined ? null : <LayerControls layer={layer} setting={setting} change={change} />}
    </fieldset>
  );
}

interface LayerControlsProps {
  readonly layer: LayerEntry;
  readonly setting: LayerSetting;
  change(changed: Partial<LayerSetting>): void;
}

function LayerControls({ layer, setting, change }: LayerControlsProps) {
  const maps = mapsFor(layer.values);
  return (
    <div class="layer-controls">
      <label class="slider">
        <span>Opacity</span>
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={setting.opacity}
          aria-label={`Opacity of ${layer.title}`}
          aria-valuetext={`${Math.round(setting.opacity * 100)} %`}
          onInput={({ currentTarget }) => change({ opacity: Number(currentTarget.value) })}
        />
        <output>{Math.round(setting.opacity * 100)} %</output>
      </label>
      {maps.length < 2 ? null : (
        <label class="choice">
          <span>Colours</span>
          <select
            value={setting.map}
            aria-label={`Colours of ${layer.title}`}
            onChange={({ currentTarget }) => {
              const map = colourMapNames.find((name) => name === currentTarget.value);
              if (map !== undefined) change({ map });
            }}
          >
            {maps.map((map) => (
              <option key={map} value={map}>
                {colourMapTitles[map]}
              </option>
            ))}
          </select>
        </label>
      )}
      <Legend layer={layer} map={setting.map} />
    </div>
  );
}

/** Patches of a dataset, with what the outlines mean. */
function GridChoice({ session: { grid, viewer } }: { readonly session: SlideSession }) {
  const { datasets } = viewer.slide.value;
  if (datasets.length === 0) return null;
  const known = workspace.value.state === "ready" ? workspace.value.value.datasets : [];
  return (
    <div class="grid-choice">
      <label class="choice">
        <span>Patches</span>
        <select
          value={grid.value ?? ""}
          aria-label="Patches of a dataset"
          onChange={({ currentTarget }) => {
            grid.value = currentTarget.value === "" ? null : currentTarget.value;
          }}
        >
          <option value="">none</option>
          {datasets.map((id) => (
            <option key={id} value={id}>
              {known.find((dataset) => dataset.id === id)?.name ?? id}
            </option>
          ))}
        </select>
      </label>
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
