import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  exists,
  hashFile,
  isEpSamError,
  RandomStream,
  type Reporter,
  silentReporter,
} from "../../src/common/index.js";
import {
  formatManifest,
  type ManifestRow,
  patchFileName,
  SPLITS,
  type Split,
  type SyntheticTissue,
} from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { writeMaskPng, writePng } from "../../src/imaging/index.js";
import type { ImageEncoder, SamFrame } from "../../src/models/index.js";
import {
  type ConfigOverrides,
  hashConfig,
  mergeRecords,
  type PresetName,
  type RunContext,
  RunDirectory,
  type RunRecord,
  resolveConfig,
} from "../../src/run/index.js";
import { type TrainOptions, train } from "../../src/training/index.js";
import { generatePatch } from "../support/synthetic.js";

/** Side of the fixture's patches in pixels. */
export const PATCH_SIZE = 64;

/** Positive and negative patches of each split. */
export const patchCounts: Readonly<Record<Split, number>> = { train: 6, val: 2, test: 2 };

/** Embeddings by the real encoder, kept between test runs; bounded by the configuration below. */
const embeddingDirectory = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "ep-sam-tests");

/** The smallest run that passes through every stage with a real encoder and decoder. */
export const tinyOverrides = {
  classifier: {
    depth: 18,
    inputSize: PATCH_SIZE,
    epochs: 2,
    batchSize: 4,
    samplesPerEpoch: null,
    sampling: "shuffled",
    learningRate: 1e-3,
  },
  cam: { layer: "layer4-last", openingSize: 1 },
  sam: { points: 5, maskPrompt: "activation-map" },
  decoder: {
    epochs: 2,
    batchSize: 2,
    learningRate: 1e-4,
    variants: [0],
    maximumPatches: 4,
    validation: "activation-map",
  },
  rounds: 1,
  selection: { idsThreshold: 0.9, minimumShare: 0.5 },
  cache: { directory: embeddingDirectory, maximumGigabytes: 0.5 },
} as const;

/** The tiny configuration with further values. */
export function tinyConfig(overrides: ConfigOverrides = {}, preset: PresetName = "paper") {
  return resolveConfig(preset, mergeRecords(tinyOverrides, overrides));
}

/** The record of a run in which nothing has happened. */
export const emptyRecord: RunRecord = {
  formatVersion: 1,
  createdAt: "2026-01-01T00:00:00.000Z",
  commandLine: [],
  preset: "paper",
  config: tinyConfig(),
  configHash: "none",
  dataset: { root: "nowhere", hash: "none", patchSize: PATCH_SIZE },
  weights: [],
  versions: {},
  device: { name: "cpu", threads: 1, processor: "none" },
  stages: {},
};

/** A run directory as training begins it; opened when it is there already. */
export async function newRun(root: string): Promise<RunDirectory> {
  return (await exists(join(root, "run.json")))
    ? RunDirectory.open(root)
    : RunDirectory.create(root, emptyRecord, false);
}

/** A folder in the temporary directory; the caller removes it. */
export function makeFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), "epsam-training-"));
}

/** What a fixture dataset leaves out. */
export interface DatasetOptions {
  /** Splits that get mask files; all unless told. */
  readonly masks?: readonly Split[];
  /** Splits without patches of a label, for example `{ val: 1 }`. */
  readonly without?: Partial<Record<Split, 0 | 1>>;
  /** Side of the patches in pixels; {@link PATCH_SIZE} unless told. */
  readonly patchSize?: number;
  /** Patches of each label in a split; {@link patchCounts} unless told. */
  readonly counts?: Readonly<Record<Split, number>>;
  /** False leaves the manifest's tumour_fraction empty. */
  readonly tumourFraction?: boolean;
}

/** Writes generated H&E-like patches with both labels in three splits; the same bytes every time. */
export async function writeDataset(root: string, options: DatasetOptions = {}): Promise<string> {
  const rows: ManifestRow[] = [];
  for (const split of SPLITS) {
    await mkdir(join(root, split, "image"), { recursive: true });
    for (const label of [0, 1] as const) {
      if (options.without?.[split] === label) continue;
      for (let index = 0; index < (options.counts ?? patchCounts)[split]; index++) {
        rows.push(await writePatch(root, split, label, index, options));
      }
    }
  }
  await writeFile(join(root, "manifest.csv"), formatManifest(rows));
  return root;
}

const patches = new Map<string, SyntheticTissue>();

/** A patch by its name, drawn once in a process. */
function drawn(id: string, size: number, kind: "tumour" | "normal"): SyntheticTissue {
  const name = `${id} ${size}`;
  const known = patches.get(name);
  if (known !== undefined) return known;
  const patch = generatePatch(new RandomStream(0, "training fixture", id), { size, kind });
  patches.set(name, patch);
  return patch;
}

async function writePatch(
  root: string,
  split: Split,
  label: 0 | 1,
  index: number,
  { masks = SPLITS, tumourFraction = true, patchSize = PATCH_SIZE }: DatasetOptions,
): Promise<ManifestRow> {
  const id = `${split}-${label === 1 ? "tumour" : "normal"}-${index}`;
  const { image, mask } = drawn(id, patchSize, label === 1 ? "tumour" : "normal");
  const foreground = mask.data.reduce((sum, value) => sum + value, 0);
  const row: ManifestRow = {
    id,
    slide: id,
    patient: id,
    x: null,
    y: null,
    level: null,
    mpp: 0.5,
    label,
    tumourFraction: tumourFraction ? foreground / mask.data.length : null,
    split,
  };
  await writePng(join(root, split, "image", patchFileName(row)), image);
  if (label === 1 && masks.includes(split))
    await writeMaskPng(join(root, split, "mask", patchFileName(row)), mask);
  return row;
}

/** Trains in this process with the tiny configuration unless another is given. */
export function trainTiny(
  options: Pick<TrainOptions, "data" | "out"> & Partial<TrainOptions>,
): Promise<RunContext> {
  return train({
    preset: "paper",
    config: tinyConfig(),
    resume: false,
    overwrite: false,
    device: device("cpu"),
    reporter: silentReporter,
    ...options,
  });
}

/** SHA-256 of every file of a folder whose name ends in `ending`, by path. */
export async function hashesOf(folder: string, ending = ""): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const hashes: Record<string, string> = {};
  for (const path of paths) hashes[path.slice(folder.length + 1)] = await hashFile(path);
  return hashes;
}

/** The message of the EpSamError that `work` must end in, with its tag before it. */
export async function errorOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (failure) {
    if (isEpSamError(failure)) return `[${failure.tag}] ${failure.message}`;
    throw failure;
  }
  throw new Error("no error was thrown");
}

/** A reporter that keeps notes and warnings. */
export function recordingReporter(): Reporter & { readonly notes: string[]; readonly warnings: string[] } {
  const notes: string[] = [];
  const warnings: string[] = [];
  return {
    progress: () => undefined,
    note: (message) => notes.push(message),
    warn: (message) => warnings.push(message),
    notes,
    warnings,
  };
}

/** Stops training after the first note that begins so. */
export function stopAt(beginning: string): { readonly reporter: Reporter; readonly signal: AbortSignal } {
  const controller = new AbortController();
  const note = (message: string) => {
    if (message.startsWith(beginning)) controller.abort(new Error("stopped"));
  };
  return { reporter: { ...silentReporter, note }, signal: controller.signal };
}

/**
 * A copy of a run in which later stages are undone and other values are configured, as if it had been begun with
 * them: for tests that only need the stages before.
 */
export async function forkRun(
  run: RunDirectory,
  out: string,
  { undone, overrides = {} }: { readonly undone: readonly string[]; readonly overrides?: ConfigOverrides },
): Promise<TrainOptions["config"]> {
  await cp(run.root, out, { recursive: true });
  const config = resolveConfig("paper", mergeRecords(run.record.config, overrides));
  const stages = Object.entries(run.record.stages).filter(([stage]) => !undone.includes(stage));
  const record = {
    ...run.record,
    config,
    configHash: hashConfig(config),
    stages: Object.fromEntries(stages),
  };
  await writeFile(join(out, "run.json"), JSON.stringify(record));
  return config;
}

/** Takes the hashes out of a run's `run.json`, as in runs of versions that did not record them. */
export async function withoutHashes(root: string): Promise<void> {
  const file = join(root, "run.json");
  const record = JSON.parse(await readFile(file, "utf8"));
  for (const stage of Object.values<{ files?: unknown }>(record.stages)) delete stage.files;
  await writeFile(file, JSON.stringify(record));
}

/** A feature pyramid of one step, for tests of what lies around it. */
export const quickPyramid = {
  kind: "pyramid",
  epochs: 1,
  batchSize: 2,
  samplesPerEpoch: 2,
  loss: "cross-entropy-dice",
  validation: "windows",
} as const;

/** An encoder whose embedding is the resized image's mean colour in every channel: fast, for tests of the rest. */
export const quickEncoder = {
  id: "mean-colour",
  open: async (): Promise<ImageEncoder> => ({
    id: "mean-colour",
    inputSize: 1024,
    embeddingShape: [256, 64, 64],
    encode: async ({ data }, _frame?: SamFrame) => {
      const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
      return new Float32Array(256 * 64 * 64).map((_, index) => Math.sin(index * 0.01 + mean));
    },
    close: async () => undefined,
  }),
};

/** Removes folders, whatever became of them. */
export async function removeFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
}
