import { RandomStream } from "../src/common/index.js";
import { floatTensor } from "../src/graph/index.js";
import {
  asOwnBackbone,
  createSamFrame,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  FEATURE_STRIDES,
  levelsOf,
  loadBackboneWeights,
  loadMinisamDecoder,
  patchPoints,
  type StateDict,
  standardisationTensors,
} from "../src/models/index.js";
import { adamW, TrainingStep } from "../src/nn/index.js";
import { decoderBackbone, resolveConfig, type TrainingConfig } from "../src/run/index.js";
import { type SegmenterSample, segmenterModel } from "../src/training/segmenter-model.js";
import type { Section } from "./sections.js";

const SIDE = 416;

/** The decoder stage of the preset `laptop`: the pyramid and the backbone below it are trained. */
export function pyramidStep(): Section {
  return segmenterStep("Feature pyramid", resolveConfig("laptop"));
}

/** The same with SAM's decoder, which sees embedding and features and has no prompt. */
export function seeingDecoderStep(): Section {
  const decoder = { kind: "sam", features: true, flipsAtTest: false };
  return segmenterStep("SAM's decoder with features", resolveConfig("laptop", { decoder }));
}

/** The making of the batch is counted, the making of its samples not. */
function segmenterStep(what: string, config: TrainingConfig): Section {
  const { batchSize } = config.decoder;
  return {
    title: `${what} on EfficientNet-Lite0, training step, ${SIDE}² crops, batch ${batchSize}`,
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
        base: new Map([
          ...(config.decoder.kind === "sam" ? await loadMinisamDecoder() : []),
          ...asOwnBackbone((await loadBackboneWeights(decoderBackbone(config))).weights),
        ]),
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
      const samples = Array.from({ length: batchSize }, (_, index) =>
        randomSample(index, config.decoder.kind),
      );
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

function randomSample(index: number, kind: TrainingConfig["decoder"]["kind"]): SegmenterSample {
  const random = new RandomStream(0, "bench", "pyramid", index);
  const bytes = (length: number, below: number) => Uint8Array.from({ length }, () => random.integer(below));
  const image = { width: SIDE, height: SIDE, data: bytes(SIDE * SIDE * 3, 256) };
  const sample = {
    image,
    target: bytes(SIDE * SIDE, 2),
    confidence: bytes(SIDE * SIDE, 256),
    hasMask: false,
  };
  if (kind === "pyramid") return sample;
  const embedding = Float32Array.from({ length: EMBEDDING_WIDTH * EMBEDDING_SIZE ** 2 }, () =>
    random.uniform(),
  );
  return { ...sample, embedding, prompt: { points: patchPoints(new Float32Array()) } };
}
