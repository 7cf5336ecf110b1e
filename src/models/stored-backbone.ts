import type { Value } from "../graph/index.js";
import { frozenParameters, type ParameterSet, type ParameterSource } from "../nn/index.js";
import { type BackboneEntry, hasHighFrequency, type LevelFeatures } from "./backbones/index.js";
import type { StateDict } from "./weights/index.js";

/** What the names of a backbone's tensors begin with in the weights of a model on it. */
export const backbonePrefix = "backbone.";

/** The backbone's weights that are part of a model's, by its own names; empty where there are none. */
export function ownBackbone(weights: StateDict): StateDict {
  return new Map(
    [...weights].flatMap(([name, tensor]) =>
      name.startsWith(backbonePrefix) ? [[name.slice(backbonePrefix.length), tensor] as const] : [],
    ),
  );
}

/** A backbone's weights as part of a model's, see {@link ownBackbone}. */
export function asOwnBackbone(weights: StateDict): StateDict {
  return new Map([...weights].map(([name, tensor]) => [backbonePrefix + name, tensor]));
}

/** A backbone in a graph. */
export interface PlacedBackbone {
  readonly entry: BackboneEntry;
  /** By the backbone's own names. */
  readonly parameters: ParameterSource;
  /** Whether its first convolution takes the high-frequency channel. */
  readonly highFrequency: boolean;
}

/** What of a backbone is trained. */
export interface TrainedPart {
  /** Gets them, named as in the model's weights. */
  readonly parameters: ParameterSet;
  /** Tells them by the backbone's own names. */
  isTrained(name: string): boolean;
}

/**
 * The backbone that is part of a model's weights, frozen but for what is to be trained. Running statistics stay what they
 * were in any case.
 * @param weights `backbone.*`
 */
export function placedBackbone(
  entry: BackboneEntry,
  weights: StateDict,
  trained?: TrainedPart,
): PlacedBackbone {
  const frozen = frozenParameters(weights);
  return {
    entry,
    parameters: {
      get: (name, shape) =>
        trained?.isTrained(name) === true
          ? trained.parameters.get(backbonePrefix + name, shape)
          : frozen(backbonePrefix + name, shape),
      buffer: (name, shape) => frozen(backbonePrefix + name, shape),
    },
    highFrequency: hasHighFrequency(entry, ownBackbone(weights)),
  };
}

/**
 * The features of a backbone in a graph.
 * @param images colours from 0 to 255, [N, 3, H, W]
 * @param dropThreshold as in `BackboneOptions`
 */
export function placedFeatures(
  { entry, parameters, highFrequency }: PlacedBackbone,
  images: Value,
  dropThreshold?: number,
): LevelFeatures {
  return entry.features(images, parameters, { highFrequency, dropThreshold });
}
