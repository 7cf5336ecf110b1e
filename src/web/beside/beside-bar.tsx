import type { Signal } from "@preact/signals";
import type { SlideDetail } from "../../contract/index.js";
import { announce, ToolButton } from "../interface/index.js";
import type { Beside } from "../routing/hash-link.js";
import { workspace } from "../state/workspace.js";
import { layerSetting, type OpenBeside } from "./open-beside.js";

interface BesideBarProps {
  readonly beside: Signal<Beside | null>;
  readonly open: OpenBeside;
  readonly detail: SlideDetail;
}

/** What is seen beside the slide, and how the two belong together. */
export function BesideBar({ beside, open, detail }: BesideBarProps) {
  const { value } = beside;
  if (value === null) return null;
  const change = (changed: Partial<Beside>) => {
    beside.value = { ...value, ...changed };
  };
  const slides = workspace.value.state === "ready" ? workspace.value.value.slides : [];
  const isLinked = value.released === null;
  return (
    <div
      class={value.curtain === null ? "beside-bar" : "beside-bar over-curtain"}
      role="toolbar"
      aria-label="Side by side"
    >
      <select
        aria-label="Slide beside"
        value={value.slide}
        onChange={({ currentTarget }) =>
          change({ slide: currentTarget.value, layer: null, alignment: null, released: null })
        }
      >
        {slides
          .filter(({ status }) => status.state === "ready")
          .map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
      </select>
      <LayerChoice beside={value} detail={detail} change={change} />
      <ToolButton
        icon="curtain"
        title="Curtain"
        pressed={value.curtain !== null}
        onClick={() => {
          change({ curtain: value.curtain === null ? 0.5 : null });
          announce(value.curtain === null ? "One over the other, with a curtain" : "Side by side");
        }}
      />
      <ToolButton icon="link" title="Move together" pressed={isLinked} onClick={open.toggleLink} />
      <ToolButton
        icon="aligned"
        title={open.inMicrons ? "Align by microns" : "Align by their middles"}
        disabled={isLinked && value.alignment === null}
        onClick={open.resetAlignment}
      />
      <ToolButton
        icon="close"
        title="Close what is beside"
        onClick={() => {
          beside.value = null;
          announce("One slide alone");
        }}
      />
    </div>
  );
}

function LayerChoice({
  beside: { layer },
  detail,
  change,
}: {
  readonly beside: Beside;
  readonly detail: SlideDetail;
  change(changed: Partial<Beside>): void;
}) {
  if (detail.layers.length === 0) return null;
  return (
    <>
      <select
        aria-label="Layer beside"
        value={layer?.id ?? ""}
        onChange={({ currentTarget }) => {
          const chosen = detail.layers.find(({ id }) => id === currentTarget.value);
          change({ layer: chosen === undefined ? null : layerSetting(chosen) });
        }}
      >
        <option value="">no layer</option>
        {detail.layers.map(({ id, title, origin }) => (
          <option key={id} value={id}>
            {title}, {origin}
          </option>
        ))}
      </select>
      {layer === null ? null : (
        <input
          type="range"
          min="0"
          max="1"
          step="0.05"
          value={layer.opacity}
          aria-label="Opacity of the layer beside"
          aria-valuetext={`${Math.round(layer.opacity * 100)} %`}
          onInput={({ currentTarget }) =>
            change({ layer: { ...layer, opacity: Number(currentTarget.value) } })
          }
        />
      )}
    </>
  );
}
