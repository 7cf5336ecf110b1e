import { Select } from "../../interface/index.js";
import type { DecodingPlace } from "../segment/mask-decoder.js";
import { type Segmentation, usualExtent } from "../segment/segmentation.js";

const ENGINES = {
  webgpu: "in this browser, with WebGPU",
  wasm: "in this browser",
  server: "on the server",
  map: "in this browser, from the run's own map",
} as const;

/** Which decoder answers clicks, on how much of the slide, and where. */
export function SegmenterChoice({ segmentation }: { readonly segmentation: Segmentation }) {
  const { segmenters, segmenter, chosen, extent, place } = segmentation;
  const current = segmenter.value;
  if (current === null) return null;
  return (
    <fieldset class="segmenter-choice">
      <legend>Segment with a click</legend>
      <label class="field">
        <span>Decoder</span>
        <Select
          value={current.id}
          choices={(segmenters.value ?? []).map(({ id, title }) => [id, title] as const)}
          onChoose={(id) => {
            chosen.value = id;
            extent.value = null;
          }}
        />
      </label>
      <label class="field">
        <span>Looks at</span>
        <Select
          value={extent.value ?? usualExtent(current)}
          choices={[
            ["trained", patchText(current.patchSize, current.patchMpp)],
            ["view", "as much as is seen"],
          ]}
          onChoose={(wanted) => {
            extent.value = wanted;
          }}
        />
      </label>
      <p class="hint">{placeText(place.value)}</p>
    </fieldset>
  );
}

function patchText(side: number, mpp: number | null): string {
  return mpp === null ? `${side} pixels a side` : `${Math.round(side * mpp)} µm a side, as it was trained`;
}

function placeText({ engine, milliseconds, why }: DecodingPlace): string {
  if (engine === null) return "The first click at a place takes longest.";
  const time = milliseconds === null ? "" : ` (${Math.round(milliseconds)} ms)`;
  const reason = why === null ? "" : ` The browser cannot: ${why}`;
  return `Masks are decoded ${ENGINES[engine]}${time}.${reason}`;
}
