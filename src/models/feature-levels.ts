import type { Value } from "../graph/index.js";

/** The strides of a backbone's levels that decoders see, finest first. */
export const FEATURE_STRIDES = [4, 8, 16] as const;
export type FeatureStride = (typeof FEATURE_STRIDES)[number];

/** Features of a patch at every level, [B, C, H, W] each, standardised. */
export type FeatureLevels = Readonly<Record<FeatureStride, Value>>;

/** Channels and cells of one level. */
export interface FeatureLevelSize {
  readonly channels: number;
  readonly width: number;
  readonly height: number;
}

/** What a graph that takes features as inputs is compiled for. */
export type FeatureLevelSizes = Readonly<Record<FeatureStride, FeatureLevelSize>>;

/** The name of a graph's input with the features of a level. */
export function featureInput(stride: FeatureStride): string {
  return `features-${stride}`;
}

/** One thing for each level. */
export function forEachLevel<Result>(of: (stride: FeatureStride) => Result): Record<FeatureStride, Result> {
  return { 4: of(4), 8: of(8), 16: of(16) };
}
