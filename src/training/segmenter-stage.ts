import { must, RandomStream } from "../common/index.js";
import { loadPatchImage } from "../dataset/index.js";
import { floatTensor } from "../graph/index.js";
import { ChannelSums, decoderOffset } from "../method/index.js";
import {
  BackboneFeatures,
  FEATURE_STRIDES,
  ownBackbone,
  type StateDict,
  standardisationTensors,
} from "../models/index.js";
import { adamW, constantSchedule, cosineSchedule, TrainingStep, warmedUp } from "../nn/index.js";
import { checkPrecision, decoderBackbone, planStepMemory } from "../run/index.js";
import { type DecoderStageOptions, requirePatches } from "./decoder-stage.js";
import {
  batchesAhead,
  type EpochLoopResult,
  type EpochValues,
  requireFinite,
  runEpochs,
  type Weights,
} from "./epoch-loop.js";
import { whyUncalibrated } from "./pooled-windows.js";
import { type SegmenterModel, type SegmenterSample, segmenterModel } from "./segmenter-model.js";
import { deviationOf, sampleOf } from "./segmenter-samples.js";
import { SegmenterValidator } from "./segmenter-validator.js";

/** What a decoder that sees features is trained with. */
export interface SegmenterStageOptions extends Omit<DecoderStageOptions, "samWeights"> {
  /** What decoders start from and what stays frozen in them, see `decoderBase`. */
  readonly base: StateDict;
  /** Standardisation of the features, of an earlier stage; computed when left out. */
  readonly standardisation?: Weights | undefined;
  /** Trained weights to go on from; those of an untrained decoder when left out. */
  readonly start?: StateDict | undefined;
}

/** Patches that features are standardised by, at most. */
const STANDARDISED_PATCHES = 100;
/** Epochs from one validation to the next where it chooses nothing: a seventh of the time. */
const JUDGED_EPOCHS = 4;

/**
 * Trains a decoder that sees a backbone's features, and the backbone when asked, on masks whose pixels may count
 * differently. The result holds what is trained, the features' standardisation and the calibration.
 * @throws EpSamError `numerical` when no patch has a usable mask or the loss is not finite.
 */
export async function trainSegmenter(options: SegmenterStageOptions): Promise<EpochLoopResult> {
  const { config, train, stage, reporter, run, signal } = options;
  const settings = config.decoder;
  requirePatches(options);
  await checkPrecision(settings, options.device, reporter);
  const standardisation = options.standardisation ?? (await standardisationOf(options));
  const count = settings.samplesPerEpoch ?? train.length;
  const batchSize = Math.min(settings.batchSize, count);
  const steps = Math.max(1, Math.floor(count / batchSize));
  const validator = new SegmenterValidator(options, standardisation);
  const { model, createStep } = compiled(options, standardisation, batchSize);
  const total = settings.epochs * steps;
  const schedule = warmedUp(
    settings.schedule === "cosine"
      ? cosineSchedule(settings.learningRate, total)
      : constantSchedule(settings.learningRate),
    settings.warmUpSteps,
  );

  const trainEpoch = async (step: TrainingStep, epoch: number): Promise<EpochValues> => {
    const order = epochOrder(options, epoch, steps * batchSize);
    let sum = 0;
    let counted = 0;
    const batches = batchesAhead(steps, async (position) => {
      const samples: SegmenterSample[] = [];
      for (let at = position * batchSize; at < (position + 1) * batchSize; at++) {
        samples.push(await sampleOf(options, order[at] ?? 0, epoch, at));
      }
      return model.feeds(samples);
    });
    for await (const [position, feeds] of batches) {
      signal?.throwIfAborted();
      const { loss, skipped } = await step.run(feeds, schedule(epoch * steps + position));
      if (!skipped) requireFinite(stage, epoch, loss);
      if (Number.isFinite(loss)) {
        sum += loss;
        counted++;
      }
      reporter.progress({
        task: `${stage}: epoch ${epoch + 1}/${settings.epochs}`,
        done: position + 1,
        total: steps,
        detail: `loss ${(sum / counted).toFixed(4)}`,
      });
    }
    return { loss: sum / counted };
  };

  // As for a dense classifier: the rate falls to zero, and few windows choose at random.
  const keepsLast = settings.schedule === "cosine";
  const isJudged = (epoch: number) =>
    !keepsLast || (epoch + 1) % JUDGED_EPOCHS === 0 || epoch + 1 === settings.epochs;
  const result = await runEpochs({
    stage,
    run,
    epochs: settings.epochs,
    patience: settings.patience,
    reporter,
    signal,
    initialWeights: async () =>
      new Map([...model.initial].map(([name, tensor]) => [name, options.start?.get(name) ?? tensor])),
    createStep,
    trainEpoch,
    keepsLast,
    validate: async (weights, epoch) => (isJudged(epoch) ? validator.validate(weights) : null),
  });
  const calibration = settings.calibrate ? await calibrated(options, validator, result.weights) : [];
  return { ...result, weights: new Map([...result.weights, ...standardisation, ...calibration]) };
}

/** The graph of a step, and how steps are made of it. */
function compiled(
  options: SegmenterStageOptions,
  standardisation: Weights,
  batchSize: number,
): {
  readonly model: SegmenterModel;
  readonly createStep: (initial: Weights, stepsTaken: number) => Promise<TrainingStep>;
} {
  const { config, stage, base, frame, device } = options;
  const hasNoise = deviationOf(options) > 0;
  const settings = config.decoder;
  const side = settings.augment.cropSize ?? frame.patch.width;
  const build = (size: number): SegmenterModel =>
    segmenterModel({ config, stage, base, frame, standardisation, batchSize: size, side, hasNoise });
  const { inputs } = build(1);
  const memory = planStepMemory(settings, batchSize, inputs);
  const model = build(memory.images);
  const isNew = (name: string): boolean =>
    name.startsWith("pyramid.") || name.startsWith("mask_decoder.feature_projections.");
  return {
    model,
    createStep: (initial, stepsTaken) =>
      TrainingStep.create({
        loss: model.loss,
        parameters: model.parameters,
        optimizer: adamW({ weightDecay: settings.weightDecay }),
        rateFactor: (name) => (isNew(name) ? 1 : settings.pretrainedRate),
        initial,
        stepsTaken,
        device,
        ...memory.options,
      }),
  };
}

/** Indices of the patches of an epoch: each once in random order, and again when more samples are asked for. */
function epochOrder({ config, stage, train }: SegmenterStageOptions, epoch: number, count: number): number[] {
  const indices = train.map((_, index) => index);
  const order: number[] = [];
  for (let pass = 0; order.length < count; pass++) {
    order.push(...new RandomStream(config.seed, stage, "order", epoch, pass).shuffled(indices));
  }
  return order.slice(0, count);
}

/** Mean and deviation of the backbone's features as it is before any decoder is trained, over training patches. */
async function standardisationOf(options: SegmenterStageOptions): Promise<Weights> {
  const { config, train, base, frame, device, stage, reporter, signal } = options;
  const entry = decoderBackbone(config);
  const weights = ownBackbone(base);
  const patches = new RandomStream(config.seed, "standardisation")
    .shuffled(train)
    .slice(0, STANDARDISED_PATCHES);
  const features = await BackboneFeatures.create({
    entry,
    weights,
    ...frame.patch,
    levels: FEATURE_STRIDES,
    device,
  });
  const sums = entry.levels.map(({ stride, channels }) => ({
    stride,
    channels,
    sums: new ChannelSums(channels),
  }));
  try {
    for (const [index, { patch }] of patches.entries()) {
      signal?.throwIfAborted();
      const [levels = []] = await features.compute([await loadPatchImage(patch)]);
      for (const [level, { data }] of levels.entries()) must(sums, level, "level").sums.add(data);
      reporter.progress({ task: `${stage}: features`, done: index + 1, total: patches.length });
    }
  } finally {
    await features.close();
  }
  const tensors: [string, ReturnType<typeof floatTensor>][] = [];
  for (const { stride, channels, sums: own } of sums) {
    const names = standardisationTensors(stride);
    const { mean, scale } = own.statistics();
    tensors.push([names.mean, floatTensor([channels], mean)], [names.scale, floatTensor([channels], scale)]);
  }
  return new Map(tensors);
}

async function calibrated(
  { stage, reporter, validation }: SegmenterStageOptions,
  validator: SegmenterValidator,
  weights: Weights,
): Promise<Weights> {
  const why = whyUncalibrated(validation.map(({ patch }) => patch));
  if (why !== null) {
    reporter.note(`${stage}: ${why}`);
    return new Map();
  }
  const offset = await validator.offset(weights);
  reporter.note(`${stage}: the logit that separates tumour is ${offset} by the validation windows`);
  return new Map([[decoderOffset, floatTensor([1], Float32Array.of(offset))]]);
}
