import type { FloatTensor } from "../../graph/index.js";
import { floatTensor } from "../../graph/index.js";
import type { Points } from "./transforms.js";

/** Label of a slot that holds no point. */
const paddingLabel = -1;

/** The point prompts of several images as the graph's feeds. */
export interface PointFeeds {
  /** [B, N, 2]. */
  readonly coordinates: FloatTensor;
  /** [B, N]; slots beyond an image's points carry the label of SAM's padding point. */
  readonly labels: FloatTensor;
}

/** Stacks the points of several images; each keeps its first `count`. */
export function batchPoints(prompts: readonly Points<"sam-input">[], count: number): PointFeeds {
  const coordinates = new Float32Array(prompts.length * count * 2);
  const labels = new Float32Array(prompts.length * count).fill(paddingLabel);
  prompts.forEach((points, index) => {
    coordinates.set(points.coordinates.subarray(0, 2 * count), index * count * 2);
    labels.set(points.labels.subarray(0, count), index * count);
  });
  return {
    coordinates: floatTensor([prompts.length, count, 2], coordinates),
    labels: floatTensor([prompts.length, count], labels),
  };
}
