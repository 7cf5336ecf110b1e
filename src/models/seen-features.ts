import { EpSamError } from "../common/index.js";
import { add, channelAffine, multiply, scale, type Value } from "../graph/index.js";
import { frozenParameters, type ParameterLookup } from "../nn/index.js";
import type { BackboneEntry } from "./backbones/index.js";
import {
  type FeatureLevelSizes,
  type FeatureLevels,
  type FeatureStride,
  forEachLevel,
} from "./feature-levels.js";
import { type PlacedBackbone, placedBackbone, placedFeatures } from "./stored-backbone.js";
import type { StateDict } from "./weights/index.js";

/** Names of the tensors that standardise a level's features: mean, and one over the deviation, of each channel, [C]. */
export function standardisationTensors(stride: FeatureStride): {
  readonly mean: string;
  readonly scale: string;
} {
  return { mean: `standardisation.${stride}.mean`, scale: `standardisation.${stride}.scale` };
}

/** What each channel of standardised features is multiplied by, and what is added then, [N, C, 1, 1] each. */
export interface FeatureNoise {
  readonly factor: Value;
  readonly shift: Value;
}

/**
 * A backbone's features as decoders see them: every channel standardised by fixed statistics.
 * @param images colours from 0 to 255, [N, 3, H, W]
 * @param standardisation gives {@link standardisationTensors}
 * @param noise of a level, for training
 * @throws EpSamError `usage` when the backbone lacks a level
 */
export function seenFeatures(
  backbone: PlacedBackbone,
  images: Value,
  standardisation: ParameterLookup,
  noise?: (stride: FeatureStride, channels: number) => FeatureNoise,
): FeatureLevels {
  const { entry } = backbone;
  const sizes = levelsOf(entry, { width: 1, height: 1 });
  const features = placedFeatures(backbone, images);
  return forEachLevel((stride) => {
    const names = standardisationTensors(stride);
    const { channels } = sizes[stride];
    const shape = [channels];
    const factor = standardisation(names.scale, shape);
    const shift = scale(multiply(standardisation(names.mean, shape), factor), -1);
    const seen = channelAffine(features[stride] ?? missingLevel(entry, stride), factor, shift);
    const drawn = noise?.(stride, channels);
    return drawn === undefined ? seen : add(multiply(seen, drawn.factor), drawn.shift);
  });
}

/** {@link seenFeatures} by a trained decoder's own `backbone.*` and `standardisation.*`. */
export function storedFeatures(entry: BackboneEntry, images: Value, weights: StateDict): FeatureLevels {
  return seenFeatures(placedBackbone(entry, weights), images, frozenParameters(weights));
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
