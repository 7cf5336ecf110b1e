import { type ClassifierDepth, resNetFeatures } from "../resnet-adl.js";
import type { BackboneEntry } from "./entry.js";
import { stemInput } from "./input.js";
import { withDropoutLayers } from "./resnet-names.js";

/** ImageNet's colours as torchvision's weights expect them, on 8-bit values. */
const imageNet = { mean: [123.675, 116.28, 103.53], deviation: [58.395, 57.12, 57.375] } as const;

/** ResNet with attention dropout and layer 4 at stride 16, as in the patch classifier. */
function resNet(depth: ClassifierDepth, published?: string): BackboneEntry {
  const widening = depth === 50 ? 4 : 1;
  return {
    name: `resnet-${depth}`,
    title: `ResNet-${depth} of ImageNet (torchvision's names), layer 4 at stride 16`,
    levels: [
      { stride: 4, channels: 64 * widening },
      { stride: 8, channels: 128 * widening },
      { stride: 16, channels: 512 * widening },
    ],
    normalisation: imageNet,
    padding: "symmetric",
    licence: "BSD-3-Clause (torchvision); ImageNet's terms for its images are non-commercial",
    published,
    stem: "conv1.weight",
    beyond: /^fc\./,
    strideOf(name) {
      const stage = Number(/^layer(\d)\./.exec(name)?.[1] ?? 0);
      return stage === 0 ? 2 : stage === 1 ? 4 : stage === 2 ? 8 : 16;
    },
    renamed: withDropoutLayers,
    features(images, parameters, { highFrequency = false, dropThreshold }) {
      const { levels } = resNetFeatures(
        parameters,
        stemInput(images, imageNet, highFrequency),
        { depth, dropThreshold: dropThreshold ?? 0 },
        dropThreshold === undefined ? "evaluation" : "frozen-statistics",
      );
      return levels;
    },
  };
}

export const resNet18 = resNet(18);
export const resNet50 = resNet(50, "resnet-50");
