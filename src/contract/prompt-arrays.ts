import type { DecodeRequest } from "./segmentation.js";

/** Prompts as the decoder takes them: coordinates [N, 2] in patch pixels, labels [N] from -1 to 3. */
export interface PromptArrays {
  readonly coordinates: Float32Array;
  readonly labels: Float32Array;
}

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
