import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  EpSamError,
  exists,
  isTemporaryName,
  parseJson,
  readJson,
  storageError,
  writeFileAtomically,
} from "../common/index.js";
import { type DecoderStage, isDecoderStage } from "../contract/index.js";
import { lockName } from "./run-lock.js";

const stageRecordSchema = z.object({
  state: z.enum(["running", "done"]),
  startedAt: z.string(),
  finishedAt: z.string().optional(),
  /** Seconds of computing, interruptions left out. */
  seconds: z.number(),
  /** Figures worth reading in one line, for example the best epoch. */
  summary: z.record(z.string(), z.union([z.number(), z.string(), z.null()])),
  /** SHA-256 of the files that the stage has left, by path; absent from runs of versions that did not record it. */
  files: z.record(z.string(), z.string()).optional(),
});
export type StageRecord = z.infer<typeof stageRecordSchema>;

/** Absent from runs that were begun before it was recorded. */
const resolutionSchema = z
  .object({
    mpp: z.object({ finest: z.number(), median: z.number(), coarsest: z.number() }).nullable(),
    level: z.number(),
  })
  .optional();

const decoderStageSchema = z.custom<DecoderStage>(
  (name) => typeof name === "string" && isDecoderStage(name),
  "is not the stage of a decoder",
);

/** Of a run that goes on from another with masks that an expert corrected. */
const retrainingSchema = z.object({
  /** The run that it started from, and the stage whose decoder predicted the pseudo-labels. */
  from: z.object({ root: z.string(), configHash: z.string(), stage: decoderStageSchema }),
  /** The dataset of corrected patches. */
  corrections: z.object({ root: z.string(), hash: z.string() }),
  /** Corrected masks that were learnt from, with the SHA-256 of their files. */
  masks: z.array(z.object({ patch: z.string(), sha256: z.string() })),
});
export type RetrainingRecord = z.infer<typeof retrainingSchema>;

/** Of a run that goes on from the classifier of another; the hash is of that classifier's file. */
const classifierFromSchema = z.object({ root: z.string(), configHash: z.string(), sha256: z.string() });

/** Of a run that labelled squares of a slide have taught, see `labelled-squares.csv` in it. */
const taughtSchema = z.object({
  /** The slide's file name. */
  slide: z.string(),
  /** SHA-256 of the squares. */
  hash: z.string(),
  /** How many squares of each kind. */
  tumour: z.number(),
  other: z.number(),
  /** The run whose decoder was adapted; null where a new head learnt from squares alone. */
  from: z.object({ root: z.string(), configHash: z.string(), stage: z.string() }).nullable(),
  /** The run of squares whose head the new one began with. */
  head: z.object({ root: z.string(), configHash: z.string() }).optional(),
});

const runRecordSchema = z.object({
  formatVersion: z.literal(1),
  createdAt: z.string(),
  commandLine: z.array(z.string()),
  preset: z.string(),
  config: z.unknown(),
  /** SHA-256 of the configuration. */
  configHash: z.string(),
  dataset: z.object({
    root: z.string(),
    hash: z.string(),
    patchSize: z.number(),
    /** Of the patches, so that slides can be read at it. */
    resolution: resolutionSchema,
  }),
  classifierDataset: z.object({ root: z.string(), hash: z.string(), patchSize: z.number() }).optional(),
  /** Files whose weights took part, with their SHA-256. */
  weights: z.array(
    z.object({
      name: z.string(),
      file: z.string(),
      sha256: z.string(),
      /** Of foundation models, several of which forbid commercial use. */
      licence: z.string().optional(),
    }),
  ),
  versions: z.record(z.string(), z.string()),
  device: z.object({ name: z.string(), threads: z.number(), processor: z.string() }),
  retraining: retrainingSchema.optional(),
  classifierFrom: classifierFromSchema.optional(),
  taught: taughtSchema.optional(),
  stages: z.record(z.string(), stageRecordSchema),
});

/** The content of `run.json`: everything needed to say where a result came from and to repeat it. */
export type RunRecord = z.infer<typeof runRecordSchema>;

/** One line of `metrics.jsonl`. */
export interface MetricLine {
  readonly stage: string;
  readonly epoch: number;
  readonly split: "train" | "val";
  readonly values: Readonly<Record<string, number>>;
}

const metricLineSchema = z.object({
  stage: z.string(),
  epoch: z.number(),
  split: z.enum(["train", "val"]),
  values: z.record(z.string(), z.number()),
});

/** What a run's directory may hold; replacing a run deletes nothing else. */
const runEntry =
  /^(run\.json|metrics\.jsonl|labelled-squares\.csv|report\.html|.*\.safetensors|masks|confidence|activation-maps|checkpoints|evaluation)$/;

/** A training run's directory and the files in it. */
export class RunDirectory {
  #record: RunRecord;

  private constructor(
    readonly root: string,
    record: RunRecord,
  ) {
    this.#record = record;
  }

  get record(): RunRecord {
    return this.#record;
  }

  /** Path of a file or folder in the run. */
  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /**
   * Checks that a run can begin in a directory; one that is not there is free.
   * @throws EpSamError `usage` when a run is there already and may not be replaced, or other files are there.
   */
  static async requireFree(root: string, overwrite: boolean): Promise<void> {
    await RunDirectory.#entriesOf(root, overwrite);
  }

  /** The entries of a run to be replaced. */
  static async #entriesOf(root: string, overwrite: boolean): Promise<string[]> {
    if (!(await exists(root))) return [];
    const entries = (await readdir(root)).filter((name) => name !== lockName && !isTemporaryName(name));
    const others = entries.filter((name) => !runEntry.test(name));
    if (others.length > 0) {
      throw new EpSamError("usage", {
        what: `holds files that do not belong to a run, such as ${others[0]}`,
        where: root,
        action: "Choose a new or empty directory for `out`.",
      });
    }
    if (entries.length > 0 && !overwrite) {
      throw new EpSamError("usage", {
        what: "already holds a run",
        where: root,
        action:
          "Choose another `out`, replace it with `overwrite: true`, or train it further with `epsam train`, `resume: true`.",
      });
    }
    return entries;
  }

  /**
   * Begins a run in a new or empty directory, or in the place of another run.
   * @throws EpSamError `usage` when a run is there already and may not be replaced, or other files are there.
   */
  static async create(root: string, record: RunRecord, overwrite: boolean): Promise<RunDirectory> {
    await mkdir(root, { recursive: true });
    const entries = await RunDirectory.#entriesOf(root, overwrite);
    // The record goes first: whatever a kill leaves is not taken for a run.
    for (const name of ["run.json", ...entries]) await rm(join(root, name), { recursive: true, force: true });
    const run = new RunDirectory(root, record);
    await run.#save();
    return run;
  }

  /**
   * Opens an existing run.
   * @throws EpSamError `run-directory` when there is none or its `run.json` cannot be understood.
   */
  static async open(root: string): Promise<RunDirectory> {
    const file = join(root, "run.json");
    if (!(await exists(file))) {
      throw new EpSamError("run-directory", {
        what: "there is no run.json, so this is not a run directory",
        where: root,
        action:
          "Give the directory that `epsam train --out` wrote; without `resume: true`, `epsam train` begins one.",
      });
    }
    const failure = { tag: "run-directory", what: "cannot be understood", action: "Train again." } as const;
    return new RunDirectory(root, await readJson(file, runRecordSchema, failure));
  }

  isDone(stage: string): boolean {
    return this.#record.stages[stage]?.state === "done";
  }

  /** Records how a stage stands. */
  async updateStage(stage: string, record: StageRecord): Promise<void> {
    this.#record = { ...this.#record, stages: { ...this.#record.stages, [stage]: record } };
    await this.#save();
  }

  /** Removes what files were being written when an earlier process was killed. */
  async removeTemporaryFiles(): Promise<void> {
    for (const entry of await readdir(this.root, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && isTemporaryName(entry.name)) await rm(join(entry.parentPath, entry.name));
    }
  }

  async #save(): Promise<void> {
    await writeFileAtomically(this.path("run.json"), `${JSON.stringify(this.#record, null, 2)}\n`);
  }

  /** Adds a line to `metrics.jsonl`. */
  async appendMetrics(line: MetricLine): Promise<void> {
    const file = this.path("metrics.jsonl");
    try {
      await appendFile(file, `${JSON.stringify(line)}\n`, { flush: true });
    } catch (cause) {
      throw storageError(file, cause);
    }
  }

  /**
   * The lines of `metrics.jsonl`; a last line torn by a kill is left out.
   * @throws EpSamError `run-directory` naming the first line that is not one of ours.
   */
  async metrics(): Promise<MetricLine[]> {
    const file = this.path("metrics.jsonl");
    if (!(await exists(file))) return [];
    const complete = (await readFile(file, "utf8")).split("\n").slice(0, -1);
    return complete.map((text, index) =>
      parseJson(text, metricLineSchema, (why, cause) => {
        const fields = {
          what: `line ${index + 1} cannot be understood`,
          where: file,
          why,
          action: "Delete that line; it holds figures for the report, training does not need it.",
        };
        return new EpSamError("run-directory", fields, { cause });
      }),
    );
  }

  /** Forgets a stage's lines from an epoch on, because that epoch will be trained again. */
  async dropMetrics(stage: string, fromEpoch: number): Promise<void> {
    const lines = await this.metrics();
    const kept = lines.filter((line) => line.stage !== stage || line.epoch < fromEpoch);
    const text = kept.map((line) => `${JSON.stringify(line)}\n`).join("");
    await writeFileAtomically(this.path("metrics.jsonl"), text);
  }
}
