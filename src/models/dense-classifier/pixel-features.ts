import { EpSamError } from "../../common/index.js";
import { concat, constant, floatTensor, input, separable, shape4, type Value } from "../../graph/index.js";
import type { BackboneLevel } from "../backbones/index.js";
import { type PlacedBackbone, placedFeatures } from "../stored-backbone.js";

/** Name of the input with colours from 0 to 255, [N, 3, H, W], where features are computed in the graph. */
export const denseImagesInput = "images";

/** What features are computed from, and how. */
export interface PixelFeatures {
  readonly backbone: PlacedBackbone;
  readonly batchSize: number;
  /** Side of the images in pixels. */
  readonly side: number;
  /** See `withContext`. */
  readonly context: readonly number[];
  /** Adds attention dropout, see `BackboneOptions`. */
  readonly dropThreshold?: number | undefined;
}

/**
 * Joined features with their context as a graph, so that their backbone can be trained: what `joinFeatures` and
 * `withContext` give of the backbone's levels, but for rounding. [N, C, h, w]
 */
export function pixelFeatures({ backbone, batchSize, side, context, dropThreshold }: PixelFeatures): Value {
  const { entry } = backbone;
  const images = input(denseImagesInput, [batchSize, 3, side, side]);
  const features = placedFeatures(backbone, images, dropThreshold);
  const levels = entry.levels.map(({ stride }) => ({
    stride,
    features: features[stride] ?? missingLevel(entry.name, stride),
  }));
  const joined = joinedLevels(levels);
  const means = context.map((cells) => squareMeans(joined, (cells - 1) / 2));
  return means.length === 0 ? joined : concat([joined, ...means], 1);
}

function joinedLevels(
  levels: readonly { readonly stride: BackboneLevel["stride"]; readonly features: Value }[],
): Value {
  const coarsest = levels.reduce((a, b) => (b.stride > a.stride ? b : a));
  const [, , height, width] = shape4(coarsest.features, "joined features");
  return concat(
    levels.map(({ stride, features }) => {
      const step = coarsest.stride / stride;
      if (step === 1) return features;
      const [, , rows, columns] = shape4(features, "joined features");
      const ofCell = (at: number): Range => [at * step, (at + 1) * step];
      return separable(features, rangeMeans(height, rows, ofCell), rangeMeans(width, columns, ofCell));
    }),
    1,
  );
}

/** Means over the cells at most `reach` away along each axis, as far as there are any. */
function squareMeans(features: Value, reach: number): Value {
  const [, , height, width] = shape4(features, "context");
  const around = (at: number): Range => [at - reach, at + reach + 1];
  return separable(features, rangeMeans(height, height, around), rangeMeans(width, width, around));
}

/** From, and up to, of what a mean is taken. */
type Range = readonly [from: number, to: number];

/** A matrix [count, length] that takes a vector to its means over ranges, as far as it has them. */
function rangeMeans(count: number, length: number, rangeOf: (index: number) => Range): Value {
  const matrix = floatTensor([count, length]);
  for (let index = 0; index < count; index++) {
    const [from, to] = rangeOf(index);
    const [first, end] = [Math.max(0, from), Math.min(length, to)];
    matrix.data.fill(1 / (end - first), index * length + first, index * length + end);
  }
  return constant(matrix);
}

function missingLevel(name: string, stride: number): never {
  throw new EpSamError("internal", { what: `the backbone has no level of stride ${stride}`, where: name });
}
