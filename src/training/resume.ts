import { EpSamError, type Reporter } from "../common/index.js";
import { classifierStage, type Stage } from "../contract/index.js";
import type { Dataset } from "../dataset/index.js";
import type { TrainingConfig } from "../run/index.js";
import {
  checkKeptFiles,
  hashConfig,
  hashStage,
  RunDirectory,
  type RunRecord,
  type StageRecord,
} from "../run/index.js";
import { removeCheckpoint } from "./checkpoint.js";

/*
 * Where a run that was killed goes on. What is done is not done again, and what is done again gives the same bytes.
 *
 *   the run     resumeTraining(), resumeRetraining()   with the data and configuration it began with, or not at all
 *   a stage     runStages()                            those that `run.json` calls done are passed over, after a
 *                                                      look at the hashes of what they left
 *   an epoch    readCheckpoint() in runEpochs()        after the last finished epoch of a stage
 *   a patch     PatchActivations, PatchEmbeddings,     activation maps, embeddings and predicted masks that are kept
 *               predictPseudoLabels()                  are read back
 *
 * Every file is written beside its place and moved there, so that a kill leaves none half written.
 */

/**
 * Opens a run to go on with its training.
 * @throws EpSamError `run-directory` when there is none, `dataset` or `configuration` when it began with others,
 *   `usage` when it is a round with corrections
 */
export async function resumeTraining(
  out: string,
  config: TrainingConfig,
  data: { readonly dataset: Dataset; readonly classifierDataset: Dataset },
  origin?: Pick<RunRecord, "classifierFrom">,
): Promise<RunDirectory> {
  const run = await RunDirectory.open(out);
  const { dataset, classifierDataset, classifierFrom, retraining } = run.record;
  if (retraining !== undefined) {
    throw new EpSamError("usage", {
      what: "is a round with corrections",
      where: out,
      action: `Go on with \`from: ${retraining.from.root}\`, \`corrections: ${retraining.corrections.root}\` and \`resume: true\`.`,
    });
  }
  await run.removeTemporaryFiles();
  requireSameData(data.dataset, dataset.hash);
  // A classifier that was taken over is not trained here.
  if (classifierFrom === undefined)
    requireSameData(data.classifierDataset, (classifierDataset ?? dataset).hash);
  if (origin !== undefined && origin.classifierFrom?.sha256 !== classifierFrom?.sha256) {
    const action = "Resume without `from`, or train into a new directory.";
    throw begunOtherwise(run, "was not begun from the classifier of that run", action);
  }
  if (run.record.configHash === hashConfig(config)) return run;
  throw begunOtherwise(
    run,
    "was begun with another configuration",
    run.isDone(classifierStage)
      ? `Resume without \`config\`, \`preset\` and \`seed\`; or keep the classifier and change the rest: leave out \`resume\`, give \`from: ${out}\` and another \`out\`.`
      : "Resume without `config`, `preset` and `seed`, or train into a new directory.",
  );
}

/**
 * Opens a round with corrections to go on with it.
 * @param wanted what its `run.json` would say if it began now
 * @throws EpSamError `configuration` when the round was begun from another run, or with other corrections
 */
export async function resumeRetraining(out: string, wanted: RunRecord): Promise<RunDirectory> {
  const run = await RunDirectory.open(out);
  await run.removeTemporaryFiles();
  const identity = ({ configHash, retraining }: RunRecord) =>
    JSON.stringify([
      configHash,
      retraining?.from.configHash,
      retraining?.from.stage,
      retraining?.corrections.hash,
      retraining?.masks,
    ]);
  if (identity(run.record) === identity(wanted)) return run;
  throw begunOtherwise(
    run,
    "was begun from another run, with other corrections or another seed",
    "Train into a new directory.",
  );
}

function begunOtherwise(run: RunDirectory, what: string, action: string): EpSamError {
  return new EpSamError("configuration", {
    what,
    where: run.path("run.json"),
    why: "a resumed run must give the result of an uninterrupted one",
    action,
  });
}

/** @throws EpSamError `dataset` when the data are not those that a run began with */
export function requireSameData(dataset: Dataset, hash: string): void {
  if (dataset.hash === hash) return;
  throw new EpSamError("dataset", {
    what: "is not the data that the run began with",
    where: dataset.root,
    why: "images, labels or splits have changed since (their hash differs)",
    action: "Resume with the original dataset, or train into a new directory.",
  });
}

/** Figures worth reading in one line. */
export type StageSummary = StageRecord["summary"];

/** What stages are run with. */
export interface StageRunOptions {
  readonly run: RunDirectory;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  /** All of the run's stages, in order. */
  readonly order: readonly Stage[];
  /** Stages to run; all of them when left out. */
  readonly only?: readonly string[] | undefined;
}

/**
 * Runs the stages that are not done, or whose weights or initial masks are gone, in order.
 * @throws EpSamError `usage` when a stage is asked for whose predecessors are not done, `weights` or
 *   `run-directory` when a file that a finished stage left has changed since
 */
export async function runStages(
  { run, reporter, signal, order, only }: StageRunOptions,
  work: (stage: Stage) => Promise<StageSummary>,
): Promise<void> {
  const incomplete = await checkKeptFiles(run, reporter, signal);
  const isDone = (stage: string) => run.isDone(stage) && !incomplete.has(stage);
  for (const stage of order) {
    if (only !== undefined && !only.includes(stage)) continue;
    signal?.throwIfAborted();
    if (isDone(stage)) reporter.note(`${stage}: done already`);
    else {
      if (incomplete.has(stage)) reporter.note(`${stage}: files that it left are gone, so it is run again`);
      const missing = order.slice(0, order.indexOf(stage)).filter((earlier) => !isDone(earlier));
      requirePredecessors(stage, missing);
      await runStage(run, stage, reporter, () => work(stage));
      incomplete.delete(stage);
    }
    // Only now: a kill between saving the weights and recording the stage must not cost its epochs.
    await removeCheckpoint(run, stage);
  }
}

function requirePredecessors(stage: Stage, missing: readonly Stage[]): void {
  if (missing.length === 0) return;
  throw new EpSamError("usage", {
    what: `the stage ${stage} needs stages that are not done: ${missing.join(", ")}`,
    where: "`stages`",
    action: "Name them too, or leave out `stages` to run all that are left.",
  });
}

/** Keeps a stage's state in `run.json` while it runs; seconds add up over interruptions. */
async function runStage(
  run: RunDirectory,
  stage: Stage,
  reporter: Reporter,
  work: () => Promise<StageSummary>,
): Promise<void> {
  const before = run.record.stages[stage];
  const startedAt = before?.startedAt ?? new Date().toISOString();
  const spent = before?.seconds ?? 0;
  const start = performance.now();
  const seconds = () => spent + (performance.now() - start) / 1000;
  const earlier = before?.files === undefined ? {} : { files: before.files };
  await run.updateStage(stage, { state: "running", startedAt, seconds: spent, summary: {}, ...earlier });
  let made: Pick<StageRecord, "summary" | "files">;
  try {
    made = { summary: await work(), files: await hashStage(run, stage) };
  } catch (failure) {
    // Keeping the time must not hide why the stage ended, for example on a full disk.
    await Promise.allSettled([
      run.updateStage(stage, { state: "running", startedAt, seconds: seconds(), summary: {}, ...earlier }),
    ]);
    throw failure;
  }
  const finishedAt = new Date().toISOString();
  await run.updateStage(stage, { state: "done", startedAt, finishedAt, seconds: seconds(), ...made });
  warnOfOthers(stage, before?.files ?? {}, made.files ?? {}, reporter);
}

type Files = NonNullable<StageRecord["files"]>;

/** Later stages may have been trained on what a stage gave before it was run again. */
function warnOfOthers(stage: Stage, before: Files, now: Files, reporter: Reporter): void {
  const others = Object.keys(before).filter(
    (file) => before[file] !== now[file] && !file.startsWith("activation-maps/"),
  );
  if (others.length === 0) return;
  reporter.warn(
    `${stage}: was run again and gave another ${others.join(", ")} than before (another version, device or number of ` +
      "threads?). Later stages that are done were trained on the earlier one; for a consistent run, train into a new " +
      "directory.",
  );
}
