import { RandomStream } from "../src/common/index.js";
import { floatTensor } from "../src/graph/index.js";
import {
  createSamFrame,
  FEATURE_STRIDES,
  levelsOf,
  type StateDict,
  standardisationTensors,
} from "../src/models/index.js";
import { adamW, TrainingStep } from "../src/nn/index.js";
import { decoderBackbone, decoderBase, resolveConfig } from "../src/run/index.js";
import { segmenterModel } from "../src/training/segmenter-model.js";
import type { Section } from "./sections.js";

const SIDE = 416;

/** The decoder stage of the preset `laptop`: the pyramid and the backbone below it are trained, the making of the batch counted. */
export function pyramidStep(): Section {
  const config = resolveConfig("laptop");
  const { batchSize } = config.decoder;
  return {
    title: `Feature pyramid on EfficientNet-Lite0, training step, ${SIDE}² crops, batch ${batchSize}`,
    images: batchSize,
    target: 1.8,
    inPyTorch: true,
    async prepare(device) {
      const patch = { width: SIDE, height: SIDE };
      const model = segmenterModel({
        config,
        stage: "preliminary",
        batchSize,
        side: SIDE,
        base: await decoderBase(config, { loadDecoder: async () => new Map() }),
        standardisation: plainStandardisation(levelsOf(decoderBackbone(config), patch)),
        frame: createSamFrame(patch),
        hasNoise: false,
      });
      const step = await TrainingStep.create({
        loss: model.loss,
        parameters: model.parameters,
        optimizer: adamW({ weightDecay: config.decoder.weightDecay }),
        initial: model.initial,
        device,
      });
      const samples = Array.from({ length: batchSize }, (_, index) => randomSample(index));
      return async () => {
        await step.run(model.feeds(samples), config.decoder.learningRate);
      };
    },
  };
}

/** Features as they come. */
function plainStandardisation(levels: ReturnType<typeof levelsOf>): StateDict {
  return new Map(
    FEATURE_STRIDES.flatMap((stride) => {
      const { channels } = levels[stride];
      const { mean, scale } = standardisationTensors(stride);
      const ones = new Float32Array(channels).fill(1);
      return [[mean, floatTensor([channels])] as const, [scale, floatTensor([channels], ones)] as const];
    }),
  );
}

function randomSample(index: number) {
  const random = new RandomStream(0, "bench", "pyramid", index);
  const bytes = (length: number, below: number) => Uint8Array.from({ length }, () => random.integer(below));
  const image = { width: SIDE, height: SIDE, data: bytes(SIDE * SIDE * 3, 256) };
  return { image, target: bytes(SIDE * SIDE, 2), confidence: bytes(SIDE * SIDE, 256), hasMask: false };
}
