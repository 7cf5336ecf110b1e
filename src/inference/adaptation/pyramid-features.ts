import { must } from "../../common/index.js";
import { floatTensor, type HostTensors } from "../../graph/index.js";
import {
  FEATURE_STRIDES,
  type FeatureLevelSizes,
  type FeatureMap,
  type FeatureStride,
  featureInput,
  forEachLevel,
  type StateDict,
  standardisationTensors,
} from "../../models/index.js";

/** Standardised features by stride. */
export type Levels = Readonly<Record<FeatureStride, Float32Array>>;

/** Features as a decoder sees them: every channel standardised by its statistics. */
export function standardisedLevels(maps: readonly FeatureMap[], weights: StateDict): Levels {
  const byStride = new Map(maps.map((level) => [level.stride, level]));
  return forEachLevel((stride) => {
    const names = standardisationTensors(stride);
    const of = (name: string) => must(weights, name, "a decoder's tensors").data;
    const [mean, scale] = [of(names.mean), of(names.scale)];
    const { data, width, height } = must(byStride, stride, "a backbone's levels");
    return data.map((value, index) => {
      const channel = Math.floor(index / (width * height));
      return (value - (mean[channel] ?? 0)) * (scale[channel] ?? 0);
    });
  });
}

/** Standardised features of several parts as a pyramid's inputs. */
export function featureFeeds(parts: readonly Levels[], levels: FeatureLevelSizes): HostTensors {
  const feeds: Record<string, HostTensors[string]> = {};
  for (const stride of FEATURE_STRIDES) {
    const { channels, width, height } = levels[stride];
    const tensor = floatTensor([parts.length, channels, height, width]);
    parts.forEach((part, index) => {
      tensor.data.set(part[stride], index * channels * height * width);
    });
    feeds[featureInput(stride)] = tensor;
  }
  return feeds;
}
