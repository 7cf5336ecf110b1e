import { RandomStream } from "../src/common/index.js";
import { add, type Device, floatTensor, input, mean, square } from "../src/graph/index.js";
import type { RgbImage } from "../src/imaging/index.js";
import { ClassActivationMapper } from "../src/method/index.js";
import {
  BackboneFeatures,
  backbone,
  batchPoints,
  type CamLayer,
  classifierGraph,
  classifierInputs,
  createSamFrame,
  decoderGraph,
  decoderInputs,
  defaultBackbone,
  dropDrawFeeds,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  initialClassifierWeights,
  loadBackboneWeights,
  loadMinisamDecoder,
  openMinisamEncoder,
  paperResNetAdl,
  patchPoints,
  type ResNetAdlOptions,
} from "../src/models/index.js";
import { adam, adamW, ParameterSet, TrainingStep, type TrainingStepOptions } from "../src/nn/index.js";
import { pyramidStep, seeingDecoderStep } from "./segmenter-sections.js";

/** One measured piece of work. */
export interface Section {
  readonly title: string;
  /** Images that one step handles; times are given per image. */
  readonly images: number;
  /** The least speed aimed at, as a multiple of PyTorch's. */
  readonly target?: number;
  /** False where PyTorch has no such model. */
  readonly inPyTorch: boolean;
  /** Compiles the work; the result does it once. */
  prepare(device: Device): Promise<() => Promise<void>>;
}

const PATCH = 512;
const POINTS = 50;
const DECODER_BATCH = 4;
const BACKBONE_BATCH = 4;
const BACKBONE_SIZE = 416;
const stream = (name: string) => new RandomStream(0, "bench", name);

/** What `bench/training.ts` measures, by the name that `--only` takes. */
export const sections: Readonly<Record<string, Section>> = {
  "classifier-512": classifierStep(4, PATCH),
  "classifier-256": classifierStep(16, PATCH / 2),
  cam: activationMap("layer4-first", "features of layer 4's first block, the default"),
  "cam-last": activationMap("layer4-last", "features of layer 4's last block"),
  "backbone-forward": backboneForward(),
  "backbone-step": backboneStep(),
  pyramid: pyramidStep(),
  "decoder-features": seeingDecoderStep(),
  encoder: {
    title: "Image encoder (TinyViT), one 512² patch",
    images: 1,
    inPyTorch: false,
    async prepare(device) {
      const encoder = await openMinisamEncoder(device);
      const image = randomImage();
      return async () => {
        await encoder.encode(image);
      };
    },
  },
  decoder: {
    title: `SAM decoder training step, ${PATCH}² patches, batch ${DECODER_BATCH}, ${POINTS} points`,
    images: DECODER_BATCH,
    target: 2.5,
    inPyTorch: true,
    prepare: (device) => decoderStep(device),
  },
};

/** What `--memory` measures: the largest steps of the paper's setting, and what they may take. */
export const memorySections: Readonly<Record<string, Section & { readonly limitBytes: number }>> = {
  "classifier-512-batch-16": { ...classifierStep(16, PATCH), limitBytes: 12e9 },
  decoder: { ...requireSection("decoder"), limitBytes: 3e9 },
};

/** Small enough for a GPU in software; `--only` asks for them by name. */
export const tinySections: Readonly<Record<string, Section>> = {
  "classifier-tiny": {
    ...classifierStep(2, 64, {}, { ...paperResNetAdl, depth: 18 }),
    title: "ResNet-18-ADL training step, 64² patches, batch 2",
    inPyTorch: false,
  },
};

function requireSection(name: string): Section {
  const section = sections[name];
  if (section === undefined) throw new RangeError(`no section is called ${name}`);
  return section;
}

/** A training step's ways to save memory. */
export type StepMemory = Pick<TrainingStepOptions, "keepAtMost" | "segments" | "precision"> & {
  /** Images of a micro-batch; the whole batch unless told. */
  readonly microBatch?: number;
};

/** How a batch is divided for a step. */
function divided(batchSize: number, { microBatch, ...options }: StepMemory, inputs: readonly string[]) {
  if (microBatch === undefined || microBatch >= batchSize)
    return { images: batchSize, count: undefined, options };
  const count = batchSize / microBatch;
  return { images: microBatch, count, options: { ...options, microBatches: { count, split: inputs } } };
}

/** The patch classifier's training step on patches of `size`². */
export function classifierStep(
  batchSize: number,
  size: number,
  memory: StepMemory = {},
  network: ResNetAdlOptions = paperResNetAdl,
): Section {
  return {
    title: `ResNet-50-ADL training step, ${size}² patches, batch ${batchSize}`,
    images: batchSize,
    target: 1.4,
    inPyTorch: true,
    async prepare(device) {
      const { images, count, options } = divided(batchSize, memory, Object.values(classifierInputs));
      const mode = count === undefined ? "training" : { microBatches: count };
      const { parameters, model, loss } = classifierGraph(network, images, size, mode);
      const step = await TrainingStep.create({
        loss,
        parameters: parameters.all(),
        buffers: model.buffers,
        optimizer: adam({ weightDecay: 1e-3 }),
        initial: initialClassifierWeights(network, stream),
        device,
        ...options,
      });
      const draws = stream("draws");
      const labels = Float32Array.from({ length: batchSize }, (_, index) => index % 2);
      const fixed = {
        [classifierInputs.images]: randomTensor("images", [batchSize, 3, size, size]),
        [classifierInputs.labels]: floatTensor([batchSize], labels),
      };
      return async () => {
        await step.run({ ...fixed, ...dropDrawFeeds(draws, 0.75) }, 1e-5);
      };
    },
  };
}

function activationMap(layer: CamLayer, detail: string): Section {
  return {
    title: `Four-rotation CAM of one 512² patch, ResNet-50 (${detail})`,
    images: 1,
    target: 1.3,
    inPyTorch: true,
    async prepare(device) {
      const weights = initialClassifierWeights(paperResNetAdl, stream);
      const inputSize = { width: PATCH, height: PATCH };
      const mapper = await ClassActivationMapper.create(
        { model: paperResNetAdl, weights, inputSize, device },
        { layer },
      );
      const image = randomImage();
      return async () => {
        await mapper.map(image);
      };
    },
  };
}

/** Features of a frozen backbone. */
function backboneForward(): Section {
  return {
    title: `EfficientNet-Lite0 to stride 16, frozen, ${BACKBONE_SIZE}² crops, batch ${BACKBONE_BATCH}`,
    images: BACKBONE_BATCH,
    target: 1.8,
    inPyTorch: true,
    async prepare(device) {
      const entry = backbone(defaultBackbone);
      const { weights } = await loadBackboneWeights(entry);
      const size = { width: BACKBONE_SIZE, height: BACKBONE_SIZE };
      const options = { entry, weights, ...size, batchSize: BACKBONE_BATCH, device };
      const features = await BackboneFeatures.create(options);
      const images = Array.from({ length: BACKBONE_BATCH }, () => randomImage(BACKBONE_SIZE));
      return async () => {
        await features.compute(images);
      };
    },
  };
}

/** Forward pass, gradients of all weights and Adam; the loss is the mean square of each level. */
function backboneStep(): Section {
  return {
    title: `EfficientNet-Lite0 training step, all weights, ${BACKBONE_SIZE}² crops, batch ${BACKBONE_BATCH}`,
    images: BACKBONE_BATCH,
    target: 1.8,
    inPyTorch: true,
    async prepare(device) {
      const entry = backbone(defaultBackbone);
      const { weights } = await loadBackboneWeights(entry);
      const shape = [BACKBONE_BATCH, 3, BACKBONE_SIZE, BACKBONE_SIZE];
      const parameters = new ParameterSet();
      const levels = entry.features(input("images", shape), parameters, {});
      const losses = Object.values(levels).flatMap((level) =>
        level === undefined ? [] : mean(square(level)),
      );
      const statistics = [...parameters.allBuffers()];
      const step = await TrainingStep.create({
        loss: losses.reduce(add),
        parameters: parameters.all(),
        buffers: new Map(statistics.map(([name, value]) => [name, { current: value, next: value }])),
        optimizer: adam({ weightDecay: 0 }),
        initial: weights,
        device,
      });
      const colours = randomTensor("images", shape);
      const images = floatTensor(
        shape,
        colours.data.map((value) => value * 255),
      );
      return async () => {
        await step.run({ images }, 1e-5);
      };
    },
  };
}

/** The mask decoder's training step on patches of 512². */
export async function decoderStep(
  device: Device,
  batchSize = DECODER_BATCH,
  memory: StepMemory = {},
): Promise<() => Promise<void>> {
  const weights = await loadMinisamDecoder();
  const frame = createSamFrame({ width: PATCH, height: PATCH });
  const { images, options } = divided(batchSize, memory, Object.values(decoderInputs));
  const graph = decoderGraph(weights, frame, { batchSize: images, points: POINTS });
  const { dice, iou } = graph.losses;
  const step = await TrainingStep.create({
    loss: add(dice, iou),
    parameters: graph.parameters.all(),
    optimizer: adamW({ weightDecay: 1e-2 }),
    initial: weights,
    outputs: { dice, iou },
    device,
    ...options,
  });
  const random = stream("points");
  const prompts = Array.from({ length: batchSize }, () =>
    frame.transformPoints(
      patchPoints(Float32Array.from({ length: POINTS * 2 }, () => random.uniform() * PATCH)),
    ),
  );
  const { coordinates, labels } = batchPoints(prompts, POINTS);
  const target = randomTensor("target", [batchSize, PATCH, PATCH]);
  const feeds = {
    [decoderInputs.embedding]: randomTensor("embedding", [
      batchSize,
      EMBEDDING_WIDTH,
      EMBEDDING_SIZE,
      EMBEDDING_SIZE,
    ]),
    [decoderInputs.coordinates]: coordinates,
    [decoderInputs.labels]: labels,
    [decoderInputs.target]: floatTensor(target.shape, target.data.map(Math.round)),
  };
  return async () => {
    await step.run(feeds, 5e-6);
  };
}

function randomTensor(name: string, shape: readonly number[]) {
  const random = stream(name);
  const length = shape.reduce((product, size) => product * size, 1);
  return floatTensor(
    shape,
    Float32Array.from({ length }, () => random.uniform()),
  );
}

function randomImage(size = PATCH): RgbImage {
  const random = stream("image");
  const data = Uint8Array.from({ length: size * size * 3 }, () => random.integer(256));
  return { width: size, height: size, data };
}
