import type { DecodeRequest } from "../contract/index.js";
import type { PromptArrays } from "./work.js";

/** Labels of SAM's prompt encoder (segment-anything, `PromptEncoder`). */
const LABEL = { upperLeft: 2, lowerRight: 3, padding: -1 } as const;

/**
 * Points and box as the decoder takes them: a box is its two corners, and where there is none a padding point ends
 * the points, as SAM was trained.
 */
export function promptArrays({ points, box }: DecodeRequest): PromptArrays {
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
