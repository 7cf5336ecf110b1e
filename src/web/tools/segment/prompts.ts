import type { DecodeRequest } from "../../../server/contract/index.js";

/** Labels of SAM's prompt encoder (segment-anything, `PromptEncoder`). */
const LABEL = { upperLeft: 2, lowerRight: 3, padding: -1 } as const;

/**
 * Points and box as the decoder takes them: coordinates [N, 2] and labels [N]. A box is its two corners; where there is
 * none, a padding point ends the points, as SAM was trained.
 */
export function promptArrays({ points, box }: DecodeRequest): {
  readonly coordinates: Float32Array;
  readonly labels: Float32Array;
} {
  const ending =
    box === null
      ? [{ x: 0, y: 0, label: LABEL.padding }]
      : [
          { x: box.left, y: box.top, label: LABEL.upperLeft },
          { x: box.right, y: box.bottom, label: LABEL.lowerRight },
        ];
  const all = [...points, ...ending];
  return {
    coordinates: Float32Array.from(all.flatMap(({ x, y }) => [x, y])),
    labels: Float32Array.from(all, ({ label }) => label),
  };
}
