import { resolve } from "node:path";
import { EpSamError, type Reporter, silentReporter } from "../common/index.js";
import { type DecoderStage, evaluationStage, roundOf, stageNames } from "../contract/index.js";
import { openDataset } from "../dataset/index.js";
import { type DeviceSource, device as defaultDevice, startDevice } from "../graph/index.js";
import {
  checkKeptFiles,
  type EncoderSource,
  finishedDecoderStages,
  inheritStages,
  lockRun,
  openRun,
  type RunContext,
  RunDirectory,
  type RunRecord,
  requireMoreThanSquares,
  samSource,
  type TrainingConfig,
} from "../run/index.js";
import { type CorrectedMasks, correctedMasks } from "./corrected-masks.js";
import { runPipeline } from "./pipeline.js";
import { requireStorage } from "./require-storage.js";
import { requireSameData, resumeRetraining } from "./resume.js";
import { newRecord, requireTrainable, type TrainedRun } from "./start-run.js";

/** What a round with corrections is started with. */
export interface RetrainOptions {
  /** The run to go on from: its classifier, its decoders, its data. It stays as it is. */
  readonly from: string;
  /** Dataset of corrected patches, see `epsam prepare --from-annotations`. */
  readonly corrections: string;
  /** The dataset of the run, when it is not where it was. */
  readonly data?: string | undefined;
  readonly out: string;
  /** That of the run when left out. */
  readonly seed?: number | undefined;
  /** Goes on with the round that was begun in `out`. */
  readonly resume: boolean;
  /** Whether corrections of another magnification may be learned from. */
  readonly anyResolution?: boolean | undefined;
  readonly device: DeviceSource;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  readonly commandLine?: readonly string[] | undefined;
  /** The image encoder, that of the run's configuration unless told. */
  readonly encoder?: EncoderSource | undefined;
}

/**
 * One more round of re-training (paper section 2) with masks that an expert has corrected: the run's classifier and
 * last decoder give pseudo-labels as in every round, the corrected masks are targets beside them, and the original
 * decoder learns from both. The result is a run of its own in `out` with the earlier stages in it, so that its
 * evaluation compares before and after on the same patches. Nothing of the run it goes on from is changed.
 * @throws EpSamError `run-directory` when there is no run, or it has no trained decoder; `usage` when `out` holds
 *   something; `dataset` when the data are not those of the run, or no corrected patch can be learnt from; as `train`
 */
export async function retrainWithCorrections(options: RetrainOptions): Promise<TrainedRun> {
  const { reporter, signal, encoder } = options;
  const origin = await openRun(options.from, { device: defaultDevice(), reporter, signal });
  requireMoreThanSquares(origin);
  const before = lastDecoder(origin);
  await requireComplete(origin);
  const warn = (message: string) => reporter.warn(message);
  const dataset = await openDataset(options.data ?? origin.run.record.dataset.root, { warn });
  requireSameData(dataset, origin.run.record.dataset.hash);
  const corrections = await correctedMasks(
    await openDataset(options.corrections, { warn }),
    dataset,
    reporter,
  );
  const config = configOf(origin.config, before, options.seed);
  const data = { dataset, classifierDataset: dataset, corrections };
  const trainOptions = { ...options, data: dataset.root, preset: "paper" as const, config, overwrite: false };
  requireTrainable(data, trainOptions);
  await requireStorage({ ...trainOptions, dataset });
  if (options.resume) await RunDirectory.open(options.out);
  else await RunDirectory.requireFree(options.out, false);
  const device = await startDevice(options.device);
  const unlock = await lockRun(options.out);
  try {
    const sam = await samSource(config.sam);
    const record = {
      ...(await newRecord({ ...trainOptions, device }, data, sam, origin.run)),
      preset: origin.run.record.preset,
      retraining: retrainingOf(origin, before, corrections),
    };
    const run = options.resume
      ? await resumeRetraining(options.out, record)
      : await RunDirectory.create(options.out, record, false);
    const earlier = stageNames(roundOf(before)).filter((stage) => stage !== evaluationStage);
    await inheritStages(origin.run, run, earlier);
    const context: TrainedRun = { run, config, device, reporter, signal, encoder, dataset };
    await runPipeline(context, data, { sam });
    return context;
  } finally {
    await unlock();
  }
}

function lastDecoder(origin: RunContext): DecoderStage {
  const stage = finishedDecoderStages(origin).at(-1);
  if (stage !== undefined) return stage;
  throw new EpSamError("run-directory", {
    where: origin.run.root,
    what: "has no trained decoder yet",
    action: "Go on with `epsam train --resume` first.",
  });
}

/** @throws EpSamError `run-directory` or `weights` when what the run has left is gone or has changed */
async function requireComplete({ run, signal }: RunContext): Promise<void> {
  const [stage] = await checkKeptFiles(run, silentReporter, signal);
  if (stage === undefined) return;
  throw new EpSamError("run-directory", {
    where: run.root,
    what: `lacks files that its stage ${stage} left`,
    action: "Go on with `epsam train --resume` there first, which makes them anew.",
  });
}

/** The run's configuration with one round more than its last finished one. */
function configOf(config: TrainingConfig, before: DecoderStage, seed: number | undefined): TrainingConfig {
  return { ...config, rounds: roundOf(before) + 1, seed: seed ?? config.seed };
}

function retrainingOf(
  { run }: RunContext,
  stage: DecoderStage,
  { dataset, files }: CorrectedMasks,
): NonNullable<RunRecord["retraining"]> {
  return {
    from: { root: resolve(run.root), configHash: run.record.configHash, stage },
    corrections: { root: resolve(dataset.root), hash: dataset.hash },
    masks: [...files],
  };
}
