import { readFile } from "node:fs/promises";
import { cpus } from "node:os";
import { basename, parse } from "node:path";
import { hashBytes, must, type Reporter, remotePath, writeFileAtomically } from "../../common/index.js";
import { classifierStage } from "../../contract/index.js";
import type { LabelledSquare } from "../../dataset/index.js";
import { type DeviceSource, device as defaultDevice, startDevice } from "../../graph/index.js";
import { type StateDict, writeSafetensors } from "../../models/index.js";
import {
  classifierFile,
  decoderFile,
  hashConfig,
  hashStage,
  inheritStages,
  lockRun,
  RunDirectory,
  type RunRecord,
  taughtSquaresFile,
  versions,
} from "../../run/index.js";
import { openSlide } from "../../slides/index.js";
import { squaresOfSlides } from "../adaptation/squares-of-slides.js";
import { SlideTeacher } from "./slide-teacher.js";
import { openTeachingBase, TAUGHT_PATCH_SIZE, type TeachingBase } from "./teaching-base.js";

/** What progress calls it. */
export const TAUGHT_TASK = "learning the squares";

export interface KeepTaughtRunOptions {
  /** The slide that the squares lie on. */
  readonly slide: string;
  /** CSV file of them, see `readLabelledSquares`. */
  readonly labelledSquares: string;
  /** Run that they teach further: its decoder, or its head where squares have made it. A new head when left out. */
  readonly run?: string | undefined;
  readonly out: string;
  /** Microns per pixel of full resolution where the slide tells none. */
  readonly mpp?: number | undefined;
  readonly overwrite?: boolean | undefined;
  readonly device?: DeviceSource | undefined;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  readonly commandLine?: readonly string[] | undefined;
}

/** A run that squares have taught. */
export interface TaughtRun {
  readonly root: string;
  readonly squares: { readonly tumour: number; readonly other: number };
  /** Microns per pixel that it looks at; null where the slide tells none. */
  readonly mpp: number | null;
  /** The stage that was taught. */
  readonly stage: string;
}

/**
 * Makes a run of labelled squares of one slide, which it keeps as `labelled-squares.csv`: of a new head on a frozen
 * backbone, or of another run's decoder adapted to them. The same squares give the same weights.
 * @throws EpSamError `usage` when the squares are not of both kinds, squares cannot teach the run, or `out` holds
 *   something that may not be replaced; `slide` when the slide cannot be read; `storage` on a full disk
 */
export async function keepTaughtRun(options: KeepTaughtRunOptions): Promise<TaughtRun> {
  const { out, overwrite = false, reporter, signal } = options;
  const slide = remotePath(options.slide);
  await RunDirectory.requireFree(out, overwrite);
  const { values } = await squaresOfSlides([{ stem: parse(slide).name, path: slide }], options);
  const squares = must([...values.values()], 0, "squares of the slide");
  const device = await startDevice(options.device ?? defaultDevice());
  const base = await openTeachingBase(options.run ?? null, { reporter, device });
  const source = await openSlide(slide);
  try {
    const teacher = new SlideTeacher(source, base, options.mpp);
    try {
      const { geometry } = teacher;
      if (geometry.mpp === null) {
        reporter.warn(
          `${slide}: tells no microns per pixel; it is looked at as it is, whatever its magnification.`,
        );
      }
      reporter.progress({ task: TAUGHT_TASK, done: 0, total: 1 });
      const weights = await teacher.weightsFor(squares, signal);
      reporter.progress({ task: TAUGHT_TASK, done: 1, total: 1 });
      const record = await recordOf(options, base, squares, geometry.mpp, geometry.level);
      const stage = await write(options, base, record, weights);
      return { root: out, squares: countsOf(squares), mpp: geometry.mpp, stage };
    } finally {
      await teacher.close();
    }
  } finally {
    await source.close();
  }
}

function countsOf(squares: readonly LabelledSquare[]): TaughtRun["squares"] {
  const tumour = squares.filter((square) => square.tumour === 1).length;
  return { tumour, other: squares.length - tumour };
}

async function recordOf(
  { slide, commandLine = [] }: KeepTaughtRunOptions,
  { origin, headOf, config, device }: TeachingBase,
  squares: readonly LabelledSquare[],
  mpp: number | null,
  level: number,
): Promise<RunRecord> {
  const hash = hashBytes(JSON.stringify(squares));
  const own = {
    root: "labelled squares",
    hash,
    patchSize: TAUGHT_PATCH_SIZE,
    resolution: { mpp: mpp === null ? null : { finest: mpp, median: mpp, coarsest: mpp }, level },
  };
  return {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    commandLine: [...commandLine],
    preset: origin?.context.run.record.preset ?? "laptop",
    config,
    configHash: hashConfig(config),
    dataset: origin?.context.run.record.dataset ?? own,
    weights: origin?.context.run.record.weights ?? [],
    versions: await versions(),
    device: { name: device.name, threads: device.threads, processor: cpus()[0]?.model ?? "unknown" },
    taught: {
      slide: basename(slide),
      hash,
      ...countsOf(squares),
      from:
        origin === null
          ? null
          : {
              root: origin.context.run.root,
              configHash: origin.context.run.record.configHash,
              stage: origin.stage,
            },
      ...(headOf === undefined
        ? {}
        : { head: { root: headOf.run.root, configHash: headOf.run.record.configHash } }),
    },
    stages: {},
  };
}

/** @returns the stage that was taught */
async function write(
  { out, overwrite = false, labelledSquares }: KeepTaughtRunOptions,
  { origin }: TeachingBase,
  record: RunRecord,
  weights: StateDict,
): Promise<string> {
  const unlock = await lockRun(out);
  try {
    const table = await readFile(labelledSquares);
    const run = await RunDirectory.create(out, record, overwrite);
    if (origin !== null) await inheritStages(origin.context.run, run, [classifierStage]);
    const stage = origin?.stage ?? classifierStage;
    await writeSafetensors(origin === null ? classifierFile(run) : decoderFile(run, stage), weights, {
      stage,
    });
    const now = new Date().toISOString();
    await run.updateStage(stage, {
      state: "done",
      startedAt: now,
      finishedAt: now,
      seconds: 0,
      summary: { squares: (record.taught?.tumour ?? 0) + (record.taught?.other ?? 0) },
      files: await hashStage(run, stage),
    });
    // Last: it tells that the rest is complete.
    await writeFileAtomically(taughtSquaresFile(run), table);
    return stage;
  } finally {
    await unlock();
  }
}
