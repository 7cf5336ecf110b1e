import { rm } from "node:fs/promises";
import { z } from "zod";
import { EpSamError, exists, messageOf } from "../common/index.js";
import type { FloatTensor } from "../graph/index.js";
import { readSafetensors, stateDictOf, writeSafetensors } from "../models/index.js";
import type { RunDirectory } from "../run/index.js";

const progressSchema = z.object({
  /** Epochs finished. */
  epochsDone: z.number(),
  stepsTaken: z.number(),
  bestEpoch: z.number(),
  bestCriterion: z.number(),
});

/** How far a stage's training has come. */
export type TrainingProgress = z.infer<typeof progressSchema>;

/** Everything needed to go on after the last finished epoch. */
export interface Checkpoint {
  readonly progress: TrainingProgress;
  /** Parameters, buffers and optimizer state after the last epoch. */
  readonly current: ReadonlyMap<string, FloatTensor>;
  /** Parameters and buffers of the best epoch. */
  readonly best: ReadonlyMap<string, FloatTensor>;
}

const bestPrefix = "best:";

/** Where a stage's checkpoint lies while the stage is being trained. */
export function checkpointFile(run: RunDirectory, stage: string): string {
  return run.path("checkpoints", `${stage}.safetensors`);
}

/** Saves a checkpoint as one file, so that a kill leaves the old or the new one, never a mixture. */
export async function writeCheckpoint(path: string, { progress, current, best }: Checkpoint): Promise<void> {
  const tensors = new Map(current);
  for (const [name, tensor] of best) tensors.set(bestPrefix + name, tensor);
  await writeSafetensors(path, tensors, { progress: JSON.stringify(progress) });
}

/**
 * Reads a checkpoint; `undefined` when there is none yet.
 * @throws EpSamError `run-directory` when the file is damaged or not a checkpoint.
 */
export async function readCheckpoint(path: string): Promise<Checkpoint | undefined> {
  if (!(await exists(path))) return undefined;
  try {
    return await parseCheckpoint(path);
  } catch (cause) {
    throw new EpSamError(
      "run-directory",
      {
        what: "is not a whole training checkpoint",
        where: path,
        why: messageOf(cause),
        action: "Delete the file and run again with `resume: true`; the stage then starts anew.",
      },
      { cause },
    );
  }
}

async function parseCheckpoint(path: string): Promise<Checkpoint> {
  const { tensors, metadata } = await readSafetensors(path);
  const progress = progressSchema.parse(JSON.parse(metadata.get("progress") ?? "null"));
  const current = new Map<string, FloatTensor>();
  const best = new Map<string, FloatTensor>();
  for (const [name, tensor] of stateDictOf(tensors, { file: path })) {
    if (name.startsWith(bestPrefix)) best.set(name.slice(bestPrefix.length), tensor);
    else current.set(name, tensor);
  }
  return { progress, current, best };
}

/** Removes a checkpoint that a finished stage no longer needs. */
export async function removeCheckpoint(run: RunDirectory, stage: string): Promise<void> {
  await rm(checkpointFile(run, stage), { force: true });
}
