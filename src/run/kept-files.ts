import { readdir } from "node:fs/promises";
import { posix } from "node:path";
import { z } from "zod";
import {
  EpSamError,
  exists,
  hashFile,
  mapConcurrently,
  type Reporter,
  readJson,
  writeFileAtomically,
} from "../common/index.js";
import {
  camStage,
  classifierStage,
  confidenceFolder,
  initialMaskFolder,
  isDecoderStage,
} from "../contract/index.js";
import type { RunDirectory, StageRecord } from "./run-directory.js";
import { runFileError } from "./run-file-error.js";

/*
 * Hashes of what a run keeps. A stage that is done has in `run.json` the SHA-256 of its weights, and of a list
 * (`hashes.json`) in each folder that it filled, with the SHA-256 of every file there. A file of weights or an
 * activation map also has its own hash in it, see `writeSafetensors()`, which holds before its stage is done.
 */

const LIST = "hashes.json";
/** Files that are read at a time. */
const AT_ONCE = 8;
const REMAKE = "Delete the file and go on with `epsam train --resume`, which makes it anew.";

/** The file of a run that holds the trained classifier. */
export function classifierFile(run: RunDirectory): string {
  return run.path(weightsOf(classifierStage));
}

/** The file of a run that holds a stage's trained decoder. */
export function decoderFile(run: RunDirectory, stage: string): string {
  return run.path(weightsOf(stage));
}

/** The file of a run with the labelled squares that have taught it. */
export function taughtSquaresFile(run: RunDirectory): string {
  return run.path("labelled-squares.csv");
}

function weightsOf(stage: string): string {
  return stage === classifierStage ? "classifier.safetensors" : `decoder-${stage}.safetensors`;
}

const initialMasks = posix.join("masks", initialMaskFolder);

/** What a stage makes, as paths inside the run. */
function madeBy(stage: string): { readonly weights: readonly string[]; readonly folders: readonly string[] } {
  if (stage === camStage) return { weights: [], folders: [initialMasks, "activation-maps"] };
  if (stage === classifierStage) return { weights: [weightsOf(stage)], folders: [] };
  if (!isDecoderStage(stage)) return { weights: [], folders: [] };
  const folders = [posix.join("masks", stage), posix.join(confidenceFolder, stage)];
  return { weights: [weightsOf(stage)], folders };
}

/** The files that a stage has made and that are there, as paths inside the run. */
export async function filesOfStage(run: RunDirectory, stage: string): Promise<string[]> {
  const { weights, folders } = madeBy(stage);
  const inFolders = folders.map(async (folder) =>
    (await filesIn(run, folder)).map((name) => posix.join(folder, name)),
  );
  return [...weights, ...(await Promise.all(inFolders)).flat()];
}

/** Names of a folder's files, without those of folders in it. */
async function filesIn(run: RunDirectory, folder: string): Promise<string[]> {
  if (!(await exists(run.path(folder)))) return [];
  const entries = await readdir(run.path(folder), { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ name }) => name).sort();
}

/** Writes the lists of the folders that a stage has filled, and gives what `run.json` is to say of its files. */
export async function hashStage(run: RunDirectory, stage: string): Promise<Record<string, string>> {
  const { weights, folders } = madeBy(stage);
  const hashes: Record<string, string> = {};
  for (const file of weights) {
    if (await exists(run.path(file))) hashes[file] = await hashFile(run.path(file));
  }
  for (const folder of folders) {
    const names = (await filesIn(run, folder)).filter((name) => name !== LIST);
    if (names.length === 0) continue;
    const hashed = await mapConcurrently(names, AT_ONCE, async (name) => [
      name,
      await hashFile(run.path(folder, name)),
    ]);
    const list = posix.join(folder, LIST);
    await writeFileAtomically(run.path(list), `${JSON.stringify(Object.fromEntries(hashed), null, 1)}\n`);
    hashes[list] = await hashFile(run.path(list));
  }
  return hashes;
}

/** Says once that a run is of a version that recorded no hashes. */
export function noteWithoutHashes(run: RunDirectory, reporter: Reporter): void {
  const stages = Object.entries(run.record.stages).filter(
    ([stage, { state, files }]) =>
      state === "done" && files === undefined && madeBy(stage).weights.length > 0,
  );
  if (stages.length === 0) return;
  reporter.note(
    `${run.path("run.json")} has no hashes of ${stages.map(([stage]) => stage).join(", ")}: an earlier version ` +
      "trained it. Whether these files have changed since cannot be told.",
  );
}

/**
 * Makes sure of a stage's weights, where they are, before they are used.
 * @throws EpSamError `weights` when they are not what the stage left
 */
export async function requireUnchanged(run: RunDirectory, stage: string): Promise<void> {
  const recorded = run.record.stages[stage];
  const hash = recorded?.files?.[weightsOf(stage)];
  const file = run.path(weightsOf(stage));
  if (recorded === undefined || hash === undefined || !(await exists(file))) return;
  await requireHash(file, { hash, list: "run.json", action: weightsAction(recorded) }, "weights");
}

function weightsAction({ summary }: StageRecord): string {
  const { importedFrom } = summary;
  const copy = "Put the file back from a copy";
  return typeof importedFrom === "string"
    ? `${copy}, or import ${importedFrom} again.`
    : `${copy}; or delete it and go on with \`epsam train --resume\`, which makes it anew with the same weights.`;
}

interface Expected {
  readonly hash: string;
  /** The file that has the hash. */
  readonly list: string;
  readonly action: string;
}

async function requireHash(
  file: string,
  { hash, list, action }: Expected,
  tag: "run-directory" | "weights",
): Promise<void> {
  const found = await hashFile(file);
  if (found === hash) return;
  const isMap = posix.basename(posix.dirname(file)) === "activation-maps" && posix.basename(file) !== LIST;
  throw new EpSamError(tag, {
    what: `is not ${isMap ? "a whole activation map " : ""}as training left it`,
    where: file,
    why: `its SHA-256 is ${found}, ${list} has ${hash}`,
    action,
  });
}

/**
 * Makes sure of everything that the finished stages of a run have left, before other stages build on it.
 * @returns the stages whose weights or initial masks are gone, which have to be run again. Activation maps that are
 *   gone are computed anew where they are needed; nothing is computed with the masks of a finished round.
 * @throws EpSamError `weights` or `run-directory` naming a file that has changed
 */
export async function checkKeptFiles(
  run: RunDirectory,
  reporter: Reporter,
  signal?: AbortSignal,
): Promise<Set<string>> {
  noteWithoutHashes(run, reporter);
  const incomplete = new Set<string>();
  for (const [stage, record] of Object.entries(run.record.stages)) {
    if (record.state !== "done") continue;
    for (const [path, hash] of Object.entries(record.files ?? {})) {
      signal?.throwIfAborted();
      const folder = posix.basename(path) === LIST ? posix.dirname(path) : null;
      const isThere = await exists(run.path(path));
      let isWhole = isThere;
      if (isThere && folder === null) {
        await requireHash(
          run.path(path),
          { hash, list: "run.json", action: weightsAction(record) },
          "weights",
        );
      } else if (isThere) isWhole = await isFolderWhole(run, path, hash, reporter, signal);
      if (!isWhole && (folder === null || folder === initialMasks)) incomplete.add(stage);
    }
  }
  return incomplete;
}

const listSchema = z.record(z.string(), z.string());

/** Whether every file of a list is there. @throws EpSamError `run-directory` naming one that has changed */
async function isFolderWhole(
  run: RunDirectory,
  list: string,
  hash: string,
  reporter: Reporter,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const folder = posix.dirname(list);
  const isNeeded = madeBy(camStage).folders.includes(folder);
  const action = isNeeded
    ? REMAKE
    : "Put it back from a copy, or delete it: nothing is computed with it any more.";
  await requireHash(run.path(list), { hash, list: "run.json", action }, "run-directory");
  const failure = { tag: "run-directory", what: "cannot be understood", action } as const;
  const files = Object.entries(await readJson(run.path(list), listSchema, failure));
  let [gone, done] = [0, 0];
  await mapConcurrently(files, AT_ONCE, async ([name, fileHash]) => {
    signal?.throwIfAborted();
    const file = run.path(folder, name);
    const expected = { hash: fileHash, list: run.path(list), action };
    if (await exists(file)) await requireHash(file, expected, "run-directory");
    else gone += 1;
    done += 1;
    reporter.progress({ task: `checking ${folder}`, done, total: files.length });
  });
  return gone === 0;
}

/** Reads a mask or the like that a run keeps. @throws EpSamError `run-directory` when it is damaged */
export async function readKept<Content>(
  file: string,
  read: (file: string) => Promise<Content>,
): Promise<Content> {
  try {
    return await read(file);
  } catch (cause) {
    throw runFileError(file, "is not as training left it", REMAKE, cause);
  }
}
