import type { Signal } from "@preact/signals";
import type { SlideDetail } from "../../contract/index.js";
import { announce, Select, ToolButton } from "../interface/index.js";
import { LayerRow } from "../layers/index.js";
import type { Beside } from "../routing/hash-link.js";
import { workspace } from "../state/workspace.js";
import type { OpenBeside } from "./open-beside.js";

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
      <Select
        aria-label="Slide beside"
        value={value.slide}
        choices={slides
          .filter(({ status }) => status.state === "ready")
          .map(({ id, name }) => [id, name] as const)}
        onChoose={(slide) => change({ slide, layers: [], alignment: null, released: null })}
      />
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

/** Which layers lie over the slide beside, as in the panel of the first. */
function LayerChoice({
  beside: { layers },
  detail,
  change,
}: {
  readonly beside: Beside;
  readonly detail: SlideDetail;
  change(changed: Partial<Beside>): void;
}) {
  const shown = layers.filter(({ id }) => detail.layers.some((layer) => layer.id === id)).length;
  if (detail.layers.length === 0) return null;
  return (
    <details
      class="beside-layers"
      onKeyDown={(event) => {
        const { currentTarget } = event;
        if (event.key !== "Escape" || !currentTarget.open) return;
        event.stopPropagation();
        currentTarget.open = false;
        currentTarget.querySelector("summary")?.focus();
      }}
    >
      <summary aria-label={`Layers beside, ${shown} shown`}>Layers ({shown})</summary>
      <ul class="layer-list">
        {detail.layers.map((layer) => (
          <li key={layer.id}>
            <LayerRow
              layer={layer}
              where=" beside"
              shown={layers}
              onChange={(next) => change({ layers: next })}
            />
          </li>
        ))}
      </ul>
    </details>
  );
}
