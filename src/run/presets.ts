import { defaultAugmentation } from "../dataset/index.js";
import { denseDefaults, type TrainingConfig } from "./config-schema.js";
import { segmenterDefaults } from "./segmenter-keys.js";
import { stepMemoryDefaults } from "./step-memory.js";

const paper: TrainingConfig = {
  seed: 0,
  classifier: {
    model: "resnet-adl",
    dense: denseDefaults,
    depth: 50,
    highFrequency: true,
    dropRate: 0.75,
    dropThreshold: 0.8,
    inputSize: null,
    epochs: 50,
    batchSize: 16,
    samplesPerEpoch: null,
    sampling: "shuffled",
    learningRate: 1e-5,
    weightDecay: 1e-3,
    decayFactor: 0.9,
    decayPeriod: 10,
    patience: 25,
    augmentation: { ...defaultAugmentation },
    initialWeights: null,
    ...stepMemoryDefaults,
  },
  cam: {
    layer: "layer4-first",
    scales: [1],
    profile: "camelyon17",
    percentile: null,
    threshold: null,
    openingSize: null,
  },
  sam: { encoder: "auto", weights: null, promptFrame: "model", points: 50, maskPrompt: "none" },
  decoder: {
    epochs: 20,
    batchSize: 4,
    learningRate: 5e-6,
    weightDecay: 1e-2,
    schedule: "constant",
    patience: 10,
    variants: [0, 1, 2, 3, 4, 5, 6, 7],
    maximumPatches: null,
    validation: "auto",
    ...stepMemoryDefaults,
    ...segmenterDefaults,
    augment: { ...segmenterDefaults.augment },
  },
  rounds: 3,
  selection: { idsThreshold: 0.9, minimumShare: 0 },
  cache: { directory: null, maximumGigabytes: 40, precision: "float16" },
  gate: 0.5,
};

/** The paper's method with a small classifier and short stages, for two cores. */
const paperSmall: TrainingConfig = {
  ...paper,
  classifier: {
    ...paper.classifier,
    depth: 18,
    dropRate: 0.5,
    inputSize: 144,
    epochs: 12,
    samplesPerEpoch: 1600,
    sampling: "balanced",
    learningRate: 3e-4,
    decayFactor: 0.5,
    decayPeriod: 4,
    patience: 12,
  },
  // At 9×9 activations an opening of 5×5 would leave nothing that is not huge.
  cam: { ...paper.cam, layer: "layer4-last", threshold: 0.2, openingSize: 1 },
  // Points alone cannot carry the activation map's outline to a SAM that does not know the tissue.
  sam: { ...paper.sam, maskPrompt: "activation-map" },
  decoder: {
    ...paper.decoder,
    epochs: 4,
    learningRate: 5e-5,
    patience: 4,
    variants: [0],
    maximumPatches: 120,
  },
  selection: { ...paper.selection, minimumShare: 0.5 },
};

/** The recipe of docs/benchmarks.md for labels of windows: a pretrained backbone's features, judged cell by cell. */
const laptop: TrainingConfig = {
  ...paper,
  classifier: {
    ...paper.classifier,
    model: "dense",
    dense: { ...denseDefaults, context: "many-slides", featureNoise: "few-slides" },
    epochs: 30,
    batchSize: 8,
    learningRate: 1e-2,
    weightDecay: 1e-3,
    patience: 30,
  },
  // A decoder that sees features needs no points.
  sam: { ...paper.sam, points: 0 },
  decoder: {
    ...paper.decoder,
    kind: "pyramid",
    trainBackbone: true,
    loss: "cross-entropy-dice",
    negatives: true,
    confidence: true,
    epochs: 24,
    batchSize: 2,
    samplesPerEpoch: 120,
    learningRate: 1e-3,
    weightDecay: 1e-4,
    schedule: "cosine",
    warmUpSteps: 10,
    patience: 24,
    validation: "windows",
    calibrate: true,
    flipsAtTest: true,
    warmStart: true,
    augment: { stainScale: 0.2, stainShift: 0.05, cropSize: null },
    featureNoise: "few-slides",
  },
  // In the same time more epochs gain more steadily than a round, see docs/benchmarks.md.
  rounds: 0,
  // Labels are imposed on pseudo-labels, so that none needs to be left out.
  selection: { idsThreshold: 0, minimumShare: 1 },
  gate: 0,
};

/** The same with four times the steps, half of them in a further round. */
const best: TrainingConfig = {
  ...laptop,
  decoder: { ...laptop.decoder, samplesPerEpoch: 240 },
  rounds: 1,
};

/** Complete configurations by name: the recipe for labels of windows, short and long, and the paper's, small and as published. */
export const presets = { laptop, best, paper, "paper-small": paperSmall } as const;
export type PresetName = keyof typeof presets;
export const presetNames = [
  "laptop",
  "best",
  "paper",
  "paper-small",
] as const satisfies readonly PresetName[];
