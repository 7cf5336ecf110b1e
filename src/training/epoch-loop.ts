import { EpSamError, mapAhead, type Reporter } from "../common/index.js";
import { classifierStage } from "../contract/index.js";
import type { FloatTensor } from "../graph/index.js";
import { isOptimizerState } from "../nn/index.js";
import type { RunDirectory } from "../run/index.js";
import { checkpointFile, readCheckpoint, type TrainingProgress, writeCheckpoint } from "./checkpoint.js";

/** Figures of one epoch by name. */
export type EpochValues = Readonly<Record<string, number>>;

/** Parameters and buffers by state-dict name. */
export type Weights = ReadonlyMap<string, FloatTensor>;

/** What the loop needs of a training step; {@link TrainingStep} is one. */
export interface EpochStep {
  readonly stepsTaken: number;
  /** Parameters, buffers and optimizer state by name, in memory of their own. */
  snapshot(): Promise<Weights>;
  close(): Promise<void>;
}

/** What a stage adds to the common loop over epochs. */
export interface EpochLoopOptions<Step extends EpochStep> {
  readonly stage: string;
  readonly run: RunDirectory;
  readonly epochs: number;
  /** Epochs without improvement after which training stops. */
  readonly patience: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** Compiles the step from starting weights or a checkpoint's state. */
  createStep(initial: Weights, stepsTaken: number): Promise<Step>;
  /** Makes or reads the weights to start from; not called when there is a checkpoint. */
  initialWeights(): Promise<Weights>;
  /** Trains one epoch and returns mean figures. */
  trainEpoch(step: Step, epoch: number): Promise<EpochValues>;
  /** Keeps the last epoch's weights, whatever their criterion; those of the lowest criterion by default. */
  readonly keepsLast?: boolean;
  /** Judges the weights; the lowest criterion wins. Null in epochs that are not judged, which only {@link keepsLast} allows. */
  validate(weights: Weights, epoch: number): Promise<Validated | null>;
}

/** How good weights are. */
export interface Validated {
  readonly criterion: number;
  readonly values: EpochValues;
}

/** What came out of the loop. */
export interface EpochLoopResult {
  readonly weights: Weights;
  readonly progress: TrainingProgress;
}

/**
 * Trains epoch by epoch, keeps the weights of the best validation criterion (or the last), stops early, and saves a
 * checkpoint after every epoch, from which a killed run goes on to the same result.
 */
export async function runEpochs<Step extends EpochStep>(
  options: EpochLoopOptions<Step>,
): Promise<EpochLoopResult> {
  const { stage, run, reporter } = options;
  const file = checkpointFile(run, stage);
  const saved = await readCheckpoint(file);
  let progress = saved?.progress ?? {
    epochsDone: 0,
    stepsTaken: 0,
    bestEpoch: -1,
    bestCriterion: Number.MAX_VALUE,
  };
  const current = saved?.current ?? (await options.initialWeights());
  let best: Weights = saved?.best ?? current;
  await run.dropMetrics(stage, progress.epochsDone);
  if (isFinished(progress, options)) return { weights: best, progress };
  const step = await options.createStep(current, progress.stepsTaken);
  try {
    while (!isFinished(progress, options)) {
      const epoch = progress.epochsDone;
      const trained = await options.trainEpoch(step, epoch);
      const state = await step.snapshot();
      const weights = new Map([...state].filter(([name]) => !isOptimizerState(name)));
      const judged = await options.validate(weights, epoch);
      const criterion = judged?.criterion ?? progress.bestCriterion;
      requireFinite(stage, epoch, criterion);
      if (options.keepsLast === true || criterion < progress.bestCriterion) {
        progress = { ...progress, bestEpoch: epoch, bestCriterion: criterion };
        best = weights;
      }
      progress = { ...progress, epochsDone: epoch + 1, stepsTaken: step.stepsTaken };
      await run.appendMetrics({ stage, epoch, split: "train", values: trained });
      if (judged !== null) await run.appendMetrics({ stage, epoch, split: "val", values: judged.values });
      await writeCheckpoint(file, { progress, current: state, best });
      const validation = judged === null ? "" : `; validation ${describe(judged.values)}`;
      reporter.note(`${stage}: epoch ${epoch + 1}/${options.epochs}: ${describe(trained)}${validation}`);
      options.signal?.throwIfAborted();
    }
  } finally {
    await step.close();
  }
  return { weights: best, progress };
}

/** The batches of an epoch in order; the next one is made while the device works on the one before. */
export function batchesAhead<Batch>(
  count: number,
  make: (position: number) => Promise<Batch>,
): AsyncGenerator<readonly [position: number, batch: Batch], void, undefined> {
  return mapAhead(Array(count).keys(), 2, async (position) => [position, await make(position)] as const);
}

/** True after the last epoch, or after `patience` epochs without improvement. */
function isFinished(
  { epochsDone, bestEpoch }: TrainingProgress,
  { epochs, patience }: { readonly epochs: number; readonly patience: number },
): boolean {
  const withoutImprovement = epochsDone - (bestEpoch + 1);
  return epochsDone >= epochs || withoutImprovement >= patience;
}

/** @throws EpSamError `numerical` when a loss is not a finite number; the last checkpoint stays. */
export function requireFinite(stage: string, epoch: number, loss: number): void {
  if (Number.isFinite(loss)) return;
  throw new EpSamError("numerical", {
    what: `the loss became ${loss} in epoch ${epoch + 1}`,
    where: stage,
    why: "training diverged; the weights of earlier epochs and stages are intact",
    action: `Lower ${stage === classifierStage ? stage : "decoder"}.learningRate and train into a new directory; resuming repeats the same steps.`,
  });
}

function describe(values: EpochValues): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value.toFixed(4)}`)
    .join(", ");
}
