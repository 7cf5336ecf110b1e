import type { LayerEntry } from "../../contract/index.js";
import { Choice, Slider } from "../interface/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { colourMapTitles, mapsFor } from "../viewer/index.js";
import { firstSetting } from "./first-setting.js";
import { Legend } from "./legend.js";

interface LayerRowProps {
  readonly layer: LayerEntry;
  /** Of which viewer, where it is not the slide's own: " beside". */
  readonly where?: string;
  readonly shown: readonly LayerSetting[];
  onChange(shown: readonly LayerSetting[]): void;
}

/** A layer that can be shown, made more or less opaque, and coloured otherwise. */
export function LayerRow({ layer, where = "", shown, onChange }: LayerRowProps) {
  const setting = shown.find(({ id }) => id === layer.id);
  const title = `${layer.title}${where}`;
  const change = (changed: Partial<LayerSetting>) => {
    onChange(shown.map((one) => (one.id === layer.id ? { ...one, ...changed } : one)));
  };
  const toggle = () => {
    onChange(
      setting === undefined ? [...shown, firstSetting(layer)] : shown.filter(({ id }) => id !== layer.id),
    );
  };
  return (
    <fieldset class="layer">
      <legend class="visually-hidden">{title}</legend>
      <label class="check layer-title">
        <input type="checkbox" checked={setting !== undefined} onChange={toggle} />
        <span>
          {layer.title}
          <span class="hint">{layer.origin}</span>
        </span>
      </label>
      {setting === undefined ? null : <LayerControls {...{ layer, title, setting, change }} />}
    </fieldset>
  );
}

interface LayerControlsProps {
  readonly layer: LayerEntry;
  readonly title: string;
  readonly setting: LayerSetting;
  change(changed: Partial<LayerSetting>): void;
}

function LayerControls({ layer, title, setting, change }: LayerControlsProps) {
  const maps = mapsFor(layer.values);
  return (
    <div class="layer-controls">
      <Slider
        {...{ title: "Opacity", name: `Opacity of ${title}`, min: 0, max: 1, step: 0.05 }}
        value={setting.opacity}
        text={`${Math.round(setting.opacity * 100)} %`}
        onInput={(opacity) => change({ opacity })}
      />
      {maps.length < 2 ? null : (
        <Choice
          title="Colours"
          aria-label={`Colours of ${title}`}
          value={setting.map}
          choices={maps.map((map) => [map, colourMapTitles[map]] as const)}
          onChoose={(map) => change({ map })}
        />
      )}
      <Legend layer={layer} map={setting.map} />
    </div>
  );
}
