import type { PlannedWork } from "../common/index.js";
import {
  camStage,
  classifierStage,
  defaultOf,
  evaluationStage,
  inferenceSettings,
  preparationSettings,
  roundOf,
  type Stage,
  stageNames,
} from "../contract/index.js";
import type { LabelCounts, Split } from "../dataset/index.js";
import { backboneNames, isEncoderStages } from "../models/index.js";
import { learnsFromPixels, type TrainingConfig, trainsItsBackbone } from "../run/index.js";
import type { DatasetDescription } from "./left-over.js";
import type { Project } from "./project.js";

const USUAL_PATCH = defaultOf(preparationSettings.shape.patchSize);

/*
 * Rough seconds of two cores: of a megapixel where work grows with the picture, otherwise of a patch.
 */
const TRAINING_STEP = { 18: 1.6, 50: 4.2 } as const;
/** The activation map of a megapixel, from four rotations. */
const ACTIVATION = { 18: 1.2, 50: 3.3 } as const;
const DENSE_FEATURES = 1;
const DENSE_STEP = 0.02;
const DENSE_TRAINED = 0.8;
const PYRAMID_STEP = 1.3;
const PYRAMID_MASK = 1;
const SAM_EMBEDDING = 0.7;
const SAM_STEP = 0.2;
const SAM_MASK = 0.15;

/**
 * What remains to be done once the dataset is there, as far as it can be told.
 * @param inputs how many slides or images are to be segmented
 */
export function plannedWork(
  project: Project,
  description: DatasetDescription,
  inputs: number,
): PlannedWork[] {
  const { patchSize = USUAL_PATCH } = project.prepare;
  const cost = costOf(project.config, patchSize ** 2 / 1e6);
  return [
    ...stageNames(project.config.rounds).flatMap((stage) =>
      stageWork(stage, project.config, { patchSize, counts: description.counts }),
    ),
    segmenting(project, description, inputs, cost.activation + (cost.embedding + cost.mask) / 2),
  ];
}

/** What a stage of training does on a dataset, as far as it can be told. */
export function stageWork(
  stage: Stage,
  config: TrainingConfig,
  {
    patchSize,
    counts: { train, val, test },
  }: { readonly patchSize: number; readonly counts: Readonly<Record<Split, LabelCounts>> },
): PlannedWork[] {
  const total = ({ positive, negative }: LabelCounts) => positive + negative;
  const [learned, judged, tested] = [total(train), total(val), total(test)];
  const cost = costOf(config, patchSize ** 2 / 1e6);
  if (stage === classifierStage) {
    const samples = config.classifier.samplesPerEpoch ?? learned;
    const epochs = config.classifier.epochs * (samples * cost.classifierStep + judged * cost.classified);
    return [featuresWork(stage, (learned + judged) * cost.features), work(stage, epochs)];
  }
  if (stage === camStage) {
    return [work("initial masks", (train.positive + val.positive) * cost.activation)];
  }
  if (stage === evaluationStage) {
    const perPatch = cost.activation + cost.embedding + (config.rounds + 2) * cost.mask;
    return [work(stage, tested * perPatch)];
  }
  const positives = Math.min(train.positive, config.decoder.maximumPatches ?? train.positive);
  const lessons = config.decoder.samplesPerEpoch ?? positives;
  const epochs = config.decoder.epochs * (lessons * cost.decoderStep + judged * cost.mask);
  const pseudoLabels = roundOf(stage) > 0 ? positives * cost.mask : 0;
  return [work(stage, epochs + positives * cost.embedding + pseudoLabels)];
}

/** Features of a frozen backbone, which a stage needs first. */
function featuresWork(stage: string, seconds: number): PlannedWork {
  return {
    seconds,
    isTask: (task) => task === `${stage}: features`,
    shareDone: ({ done, total }) => (total > 0 ? done / total : 1),
  };
}

/** Of a stage of training, whose tasks begin with its name; its epochs say how far it is. */
function work(stage: string, seconds: number): PlannedWork {
  const name = stage.replace(/^round-/, "round ");
  return {
    seconds,
    isTask: (task) => task.startsWith(`${stage}:`) || task === stage || task === `pseudo-labels: ${name}`,
    shareDone: ({ task, done, total }) => {
      const [, epoch, epochs] = /epoch (\d+)\/(\d+)/.exec(task) ?? [];
      const within = total > 0 ? done / total : 1;
      if (epoch !== undefined) return (Number(epoch) - 1 + within) / Number(epochs);
      return /features|pseudo-labels/.test(task) ? null : within;
    },
  };
}

function segmenting(
  project: Project,
  { sources }: DatasetDescription,
  inputs: number,
  perPatch: number,
): PlannedWork {
  const { patchSize = USUAL_PATCH, stride = patchSize } = project.prepare;
  const { overlap = defaultOf(inferenceSettings.shape.overlap) } = project.infer;
  const density = (stride / (patchSize * (1 - overlap))) ** 2;
  const lattice = sources.map((source) =>
    Math.max(source.patches, source.latticePatches - source.withoutTissue),
  );
  const mean = lattice.reduce((sum, patches) => sum + patches, 0) / Math.max(1, lattice.length);
  return {
    seconds: inputs * mean * density * perPatch,
    isTask: (task) => /: (?:patches|blending|tissue|writing)$|^image \d+\/\d+/.test(task),
    shareDone: ({ task, done, total }) => {
      if (/: (?:blending|tissue|writing)$/.test(task)) return null;
      const [, place = 1, of = 1] =
        /\((\d+) of (\d+)\): /.exec(task) ?? /^image (\d+)\/(\d+)/.exec(task) ?? [];
      return (Number(place) - 1 + (total > 0 ? done / total : 1)) / Number(of);
    },
  };
}

/** Seconds of two cores by what is computed of one patch. */
function costOf(config: TrainingConfig, megapixels: number) {
  const { classifier, cam, decoder } = config;
  const isPyramid = decoder.kind === "pyramid";
  const decoding = isPyramid
    ? { embedding: 0, decoderStep: PYRAMID_STEP * megapixels, mask: PYRAMID_MASK * megapixels }
    : { embedding: SAM_EMBEDDING, decoderStep: SAM_STEP, mask: SAM_MASK };
  if (classifier.model === "dense") {
    const seesStages = backboneNames(classifier.dense.backbone).some(isEncoderStages);
    const features = DENSE_FEATURES * megapixels + (seesStages ? SAM_EMBEDDING : 0);
    const isTrained = trainsItsBackbone(config);
    const fresh = learnsFromPixels(classifier.dense) ? features : 0;
    return {
      ...decoding,
      features,
      activation: features,
      classifierStep: DENSE_STEP + (isTrained ? DENSE_TRAINED * megapixels : fresh),
      classified: DENSE_STEP + (isTrained ? features : 0),
    };
  }
  const { inputSize, depth } = classifier;
  const seen = inputSize === null ? megapixels : inputSize ** 2 / 1e6;
  const step = TRAINING_STEP[depth] * seen;
  const activation = ACTIVATION[depth] * seen * cam.scales.reduce((sum, scale) => sum + scale ** 2, 0);
  return { ...decoding, features: 0, activation, classifierStep: step, classified: step / 3 };
}
