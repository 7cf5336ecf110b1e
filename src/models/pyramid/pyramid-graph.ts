import type { RandomStream } from "../../common/index.js";
import { elementCount, type FloatTensor, input, reshape, type Value } from "../../graph/index.js";
import { filled, normal, ParameterSet, type WeightedMaskLosses, weightedMaskLosses } from "../../nn/index.js";
import { type FeatureLevelSizes, type FeatureLevels, featureInput, forEachLevel } from "../feature-levels.js";
import { featurePyramid, resized } from "./feature-pyramid.js";

/** Names of a pyramid's inputs besides its features. */
export const pyramidInputs = { target: "target", weights: "target-weights" } as const;

/** A pyramid on features that are fed, with a loss at its own resolution. */
export interface PyramidGraph {
  /** `pyramid.*` by state-dict name. */
  readonly parameters: ParameterSet;
  /** Logits of the patch, [B, height, width]; above 0 is foreground. */
  readonly logits: Value;
  /** The same at the finest level, [B, H, W]. */
  readonly fine: Value;
  /** Against the inputs `target` and `target-weights`, [B, H, W] at the finest level. */
  readonly losses: WeightedMaskLosses;
}

/**
 * Builds a pyramid for batches of patches whose standardised features are inputs, see {@link featureInput}.
 * @param patch size of the logits in pixels
 * @param seen the features themselves, as part of the graph, instead of inputs
 */
export function pyramidGraph(
  batchSize: number,
  levels: FeatureLevelSizes,
  patch: { readonly width: number; readonly height: number },
  seen?: FeatureLevels,
): PyramidGraph {
  const parameters = new ParameterSet();
  const features =
    seen ??
    forEachLevel((stride) => {
      const { channels, width, height } = levels[stride];
      return input(featureInput(stride), [batchSize, channels, height, width]);
    });
  const finest = featurePyramid((name, shape) => parameters.get(`pyramid.${name}`, shape), features);
  const { width, height } = levels[4];
  const shape = [batchSize, height, width];
  const fine = reshape(finest, shape);
  const losses = weightedMaskLosses(
    fine,
    input(pyramidInputs.target, shape),
    input(pyramidInputs.weights, shape),
  );
  const logits = reshape(resized(finest, patch), [batchSize, patch.height, patch.width]);
  return { parameters, logits, fine, losses };
}

/**
 * Random starting weights: He-normal convolutions, the last layer N(0, 0.01), biases zero.
 * @param streamOf gives each tensor a stream of its own
 */
export function initialPyramidWeights(
  levels: FeatureLevelSizes,
  streamOf: (name: string) => RandomStream,
): Map<string, FloatTensor> {
  const { parameters } = pyramidGraph(1, levels, { width: 1, height: 1 });
  return new Map(
    [...parameters.all()].map(([name, { shape }]) => [
      name,
      initializerOf(name, shape)(shape, streamOf(name)),
    ]),
  );
}

function initializerOf(name: string, shape: readonly number[]) {
  if (name.endsWith(".bias")) return filled(0);
  if (name === "pyramid.logits.weight") return normal(0.01);
  const [outputs = 1] = shape;
  return normal(Math.sqrt((2 * outputs) / elementCount(shape)));
}
