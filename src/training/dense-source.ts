import { RandomStream } from "../common/index.js";
import { jitterStains, loadPatchImage, type PatchRecord } from "../dataset/index.js";
import { floatTensor, type HostTensors, type Value } from "../graph/index.js";
import type { RgbImage } from "../imaging/index.js";
import {
  type CellGrid,
  colourPlanes,
  denseFeaturesInput,
  denseImagesInput,
  dropDrawFeeds,
  pixelFeatures,
  placedBackbone,
  type StateDict,
  shownToBackbone,
} from "../models/index.js";
import { ParameterSet } from "../nn/index.js";
import { decoderBackbone, isTrainedTensor, type TrainingConfig } from "../run/index.js";
import type { PatchFeatures } from "./patch-features.js";

/** Where in a training a batch stands: what draws at random for it depends on this alone. */
export interface BatchPlace {
  readonly epoch: number;
  readonly position: number;
}

/** Where the features of a dense classifier's graphs come from. */
export interface DenseSource {
  /**
   * Features [N, C, H, W] of a batch in its graph, undefined where they are fed, and what of their backbone is trained.
   * @param mode in `training` attention is dropped, if configured
   */
  graph(
    batchSize: number,
    mode: "training" | "evaluation",
  ): {
    readonly features: Value | undefined;
    readonly trained: ReadonlyMap<string, Value>;
  };
  /** What graphs are fed with for a batch: for evaluation, unless its place in a training is told. */
  feeds(patches: readonly PatchRecord[], place?: BatchPlace): Promise<HostTensors>;
}

/** Features of frozen networks, computed once. */
export function cachedSource(
  features: PatchFeatures,
  channels: number,
  { width, height }: CellGrid,
): DenseSource {
  return {
    graph: () => ({ features: undefined, trained: new Map() }),
    feeds: async (patches) => {
      const cells = channels * width * height;
      const joined = new Float32Array(patches.length * cells);
      for (const [index, own] of (await features.get(patches)).entries()) joined.set(own, index * cells);
      return { [denseFeaturesInput]: floatTensor([patches.length, channels, height, width], joined) };
    },
  };
}

/** What features are computed from pixels with. */
export interface PixelSourceOptions {
  readonly config: TrainingConfig;
  /** Starting weights of the backbone, and what stays frozen of it: `backbone.*`. */
  readonly base: StateDict;
  /** Side in pixels that the backbone sees patches at. */
  readonly side: number;
  /** See `withContext`. */
  readonly context: readonly number[];
}

/** Features that are computed from pixels in every graph, so that backbone, pixels and attention may change. */
export function pixelSource({ config, base, side, context }: PixelSourceOptions): DenseSource {
  const { dense } = config.classifier;
  const drops = dense.dropRate > 0;
  return {
    graph: (batchSize, mode) => {
      const parameters = new ParameterSet();
      const backbone = placedBackbone(decoderBackbone(config), base, {
        parameters,
        isTrained: (name) => isTrainedTensor(dense, name),
      });
      const dropThreshold = drops && mode === "training" ? dense.dropThreshold : undefined;
      const features = pixelFeatures({ backbone, batchSize, side, context, dropThreshold });
      return { features, trained: parameters.all() };
    },
    feeds: async (patches, place) => {
      const images: RgbImage[] = [];
      for (const [index, patch] of patches.entries()) {
        const image = shownToBackbone(await loadPatchImage(patch), side);
        images.push(place === undefined ? image : stained(image, config, place, index));
      }
      return {
        [denseImagesInput]: colourPlanes(images),
        ...(drops && place !== undefined
          ? dropDrawFeeds(
              new RandomStream(config.seed, "attention dropout", place.epoch, place.position),
              dense.dropRate,
            )
          : {}),
      };
    },
  };
}

function stained(
  image: RgbImage,
  { seed, classifier }: TrainingConfig,
  { epoch, position }: BatchPlace,
  index: number,
): RgbImage {
  const stream = new RandomStream(seed, "stain jitter", epoch, position, index);
  return jitterStains(image, classifier.dense.augment, stream);
}
