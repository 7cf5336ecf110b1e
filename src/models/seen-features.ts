import { EpSamError } from "../common/index.js";
import { channelAffine, multiply, scale, type Value } from "../graph/index.js";
import type { ParameterLookup, ParameterSource } from "../nn/index.js";
import type { BackboneEntry } from "./backbones/index.js";
import {
  type FeatureLevelSizes,
  type FeatureLevels,
  type FeatureStride,
  forEachLevel,
} from "./feature-levels.js";

/** What the names of a backbone's tensors begin with in a decoder's weights. */
export const backbonePrefix = "backbone.";

/** Names of the tensors that standardise a level's features: mean, and one over the deviation, of each channel, [C]. */
export function standardisationTensors(stride: FeatureStride): {
  readonly mean: string;
  readonly scale: string;
} {
  return { mean: `standardisation.${stride}.mean`, scale: `standardisation.${stride}.scale` };
}

/** Where the tensors of a backbone and its standardisation come from. */
export interface SeenFeatureSources {
  /** By the backbone's own names. */
  readonly backbone: ParameterSource;
  /** By {@link standardisationTensors}. */
  readonly standardisation: ParameterLookup;
}

/**
 * A backbone's features as decoders see them: every channel standardised by fixed statistics.
 * @param images colours from 0 to 255, [N, 3, H, W]
 * @param mode as in `BackboneEntry.features`
 * @throws EpSamError `usage` when the backbone lacks a level
 */
export function seenFeatures(
  entry: BackboneEntry,
  images: Value,
  { backbone, standardisation }: SeenFeatureSources,
  mode: "evaluation" | "training",
): FeatureLevels {
  const sizes = levelsOf(entry, { width: 1, height: 1 });
  const features = entry.features(images, backbone, { mode });
  return forEachLevel((stride) => {
    const names = standardisationTensors(stride);
    const shape = [sizes[stride].channels];
    const factor = standardisation(names.scale, shape);
    const shift = scale(multiply(standardisation(names.mean, shape), factor), -1);
    return channelAffine(features[stride] ?? missingLevel(entry, stride), factor, shift);
  });
}

/**
 * The levels that decoders see of images of a size.
 * @throws EpSamError `usage` when the backbone lacks a level
 */
export function levelsOf(
  entry: BackboneEntry,
  { width, height }: { readonly width: number; readonly height: number },
): FeatureLevelSizes {
  return forEachLevel((stride) => {
    const level = entry.levels.find((candidate) => candidate.stride === stride);
    const { channels } = level ?? missingLevel(entry, stride);
    return { channels, width: Math.ceil(width / stride), height: Math.ceil(height / stride) };
  });
}

function missingLevel({ name }: BackboneEntry, stride: FeatureStride): never {
  throw new EpSamError("usage", {
    what: `has no level of stride ${stride}, which a decoder sees`,
    where: name,
    action: "Choose another classifier.dense.backbone.",
  });
}
