import { link, mkdir, readdir, readFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { EpSamError, exists, type Reporter, writeFileAtomically } from "../common/index.js";
import { openDataset } from "../dataset/index.js";
import type { Device } from "../graph/index.js";
import {
  camStage,
  classifierFile,
  classifierStage,
  confidenceFolder,
  type DecoderStage,
  decoderFile,
  type EncoderSource,
  evaluationStage,
  finishedDecoderStages,
  initialMaskFolder,
  lockRun,
  openRun,
  type RunContext,
  RunDirectory,
  type RunRecord,
  roundOf,
  samSource,
  stageNames,
  type TrainingConfig,
} from "../run/index.js";
import { type CorrectedMasks, correctedMasks } from "./corrected-masks.js";
import { runPipeline } from "./pipeline.js";
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
  readonly device: Device;
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
  const { device, reporter, signal, encoder } = options;
  const origin = await openRun(options.from, options);
  const before = lastDecoder(origin);
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
  if (options.resume) await RunDirectory.open(options.out);
  const unlock = await lockRun(options.out);
  try {
    const sam = await samSource(config.sam);
    const record = {
      ...(await newRecord(trainOptions, data, sam)),
      ...inherited(origin.run.record),
      retraining: retrainingOf(origin, before, corrections),
    };
    const run = options.resume
      ? await resumeRetraining(options.out, record)
      : await RunDirectory.create(options.out, record, false);
    await inheritStages(origin.run, run, before);
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

/** The run's configuration with one round more than its last finished one. */
function configOf(config: TrainingConfig, before: DecoderStage, seed: number | undefined): TrainingConfig {
  return { ...config, rounds: roundOf(before) + 1, seed: seed ?? config.seed };
}

/** What the classifier was trained on stays true of it. */
function inherited({
  preset,
  classifierDataset,
}: RunRecord): Pick<RunRecord, "preset" | "classifierDataset"> {
  return { preset, ...(classifierDataset === undefined ? {} : { classifierDataset }) };
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

/** Takes over what the earlier stages have made, stage by stage, so that an interruption costs nothing. */
async function inheritStages(origin: RunDirectory, run: RunDirectory, last: DecoderStage): Promise<void> {
  const names = stageNames(roundOf(last)).filter((stage) => stage !== evaluationStage);
  const metrics = await origin.metrics();
  for (const stage of names) {
    if (run.isDone(stage)) continue;
    for (const path of await filesOf(origin, stage)) await takeOver(origin, run, path);
    await run.dropMetrics(stage, 0);
    for (const line of metrics.filter((metric) => metric.stage === stage)) await run.appendMetrics(line);
    const record = origin.record.stages[stage];
    if (record !== undefined) await run.updateStage(stage, record);
  }
}

/** Files that a stage has made, as paths inside the run. */
async function filesOf(run: RunDirectory, stage: string): Promise<string[]> {
  const inside = (path: string) => path.slice(run.root.length + 1);
  if (stage === classifierStage) {
    return [inside(classifierFile(run)), ...(await filesIn(run, "activation-maps"))];
  }
  if (stage === camStage) return filesIn(run, "masks", initialMaskFolder);
  return [
    inside(decoderFile(run, stage)),
    ...(await filesIn(run, confidenceFolder, stage)),
    ...(await filesIn(run, "masks", stage)),
  ];
}

/** Files of a folder, without those of folders in it. */
async function filesIn(run: RunDirectory, ...folder: readonly string[]): Promise<string[]> {
  const path = run.path(...folder);
  if (!(await exists(path))) return [];
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => join(...folder, name));
}

/** The same file under two names where the disk can: runs never change a file but replace it. */
async function takeOver(origin: RunDirectory, run: RunDirectory, path: string): Promise<void> {
  const target = run.path(path);
  if (await exists(target)) return;
  await mkdir(dirname(target), { recursive: true });
  try {
    await link(origin.path(path), target);
  } catch (cause) {
    const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (code !== "EXDEV" && code !== "EPERM" && code !== "ENOTSUP" && code !== "EMLINK") throw cause;
    await writeFileAtomically(target, await readFile(origin.path(path)));
  }
}
