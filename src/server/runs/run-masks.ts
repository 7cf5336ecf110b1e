import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { WorkQueue } from "../../common/index.js";
import { isDecoderStage, roundOf, stageOrder } from "../../contract/index.js";
import { SPLITS, type Split } from "../../dataset/index.js";
import { readMask } from "../../imaging/index.js";
import { type RunDirectory, readScores } from "../../run/index.js";
import { maskDisagreement } from "../learning/uncertainty.js";
import { notFound } from "../problem.js";
import { fileInside } from "../workspace/inside-root.js";
import { Disagreements, type PatchPlace } from "./disagreements.js";

/** A stage's masks: where they lie, and of which patches there are. */
interface StageMasks {
  readonly stage: string;
  /** Names of the folders below the run. */
  readonly folder: readonly string[];
  readonly patches: ReadonlySet<string>;
}

interface RunMaskParts {
  readonly root: string;
  readonly queue: WorkQueue;
  readonly training: readonly StageMasks[];
  readonly evaluation: ReadonlyMap<Split, readonly StageMasks[]>;
  readonly scores: ReadonlyMap<string, number>;
}

/** What a run knows of patches: masks by stage, IDS scores, disagreement of the last two stages. */
export class RunMasks {
  readonly #parts: RunMaskParts;
  /** Between the last two stages of each patch. */
  readonly disagreements: Disagreements;

  private constructor(parts: RunMaskParts, signal: AbortSignal) {
    this.#parts = parts;
    this.disagreements = new Disagreements((patch, aborted) => this.#compare(patch, aborted), signal);
  }

  /**
   * Lists what a run holds; no mask is opened.
   * @param queue limits how many masks are read at a time
   * @param signal ends what is compared in the background
   * @throws EpSamError `run-directory` when a table of scores is damaged
   */
  static async read(run: RunDirectory, queue: WorkQueue, signal: AbortSignal): Promise<RunMasks> {
    const { root } = run;
    const evaluation = new Map<Split, StageMasks[]>();
    for (const split of SPLITS) evaluation.set(split, await stagesIn(root, ["evaluation", "masks", split]));
    const training = await stagesIn(root, ["masks"]);
    const scores = await lastScores(run, training);
    return new RunMasks({ root, queue, training, evaluation, scores }, signal);
  }

  /** Stages with a mask of the patch, the earliest first. */
  stages(patch: string, split: Split): string[] {
    return this.#stages(patch, split).map(({ stage }) => stage);
  }

  /** Of the last round that scored the patch; null without one. */
  idsScore(patch: string): number | null {
    return this.#parts.scores.get(patch) ?? null;
  }

  /** The file of a stage's mask. @throws EpSamError `not-found` when there is none */
  async maskFile(patch: string, split: Split, stage: string): Promise<string> {
    const found = this.#stages(patch, split).find((masks) => masks.stage === stage);
    if (found === undefined) throw notFound("this stage has no mask of the patch", stage);
    return fileInside(this.#parts.root, ...found.folder, `${patch}.png`);
  }

  async #compare({ id, split }: PatchPlace, signal: AbortSignal): Promise<number | null> {
    const [before, after] = this.#stages(id, split).slice(-2);
    if (before === undefined || after === undefined) return null;
    const read = async ({ folder }: StageMasks) =>
      readMask(await fileInside(this.#parts.root, ...folder, `${id}.png`));
    return this.#parts.queue.run(signal, async () => maskDisagreement(await read(before), await read(after)));
  }

  #stages(patch: string, split: Split): StageMasks[] {
    const isThere = ({ patches }: StageMasks): boolean => patches.has(patch);
    const training = this.#parts.training.filter(isThere);
    return training.length > 0 ? training : (this.#parts.evaluation.get(split) ?? []).filter(isThere);
  }
}

async function stagesIn(root: string, folder: readonly string[]): Promise<StageMasks[]> {
  const found = await Promise.all(
    (await folders(join(root, ...folder))).map(async (stage): Promise<StageMasks> => {
      const names = await readdir(join(root, ...folder, stage));
      const patches = names.filter((name) => name.endsWith(".png")).map((name) => name.slice(0, -4));
      return { stage, folder: [...folder, stage], patches: new Set(patches) };
    }),
  );
  return found.sort((one, other) => stageOrder(one.stage) - stageOrder(other.stage));
}

async function folders(path: string): Promise<string[]> {
  try {
    const entries = await readdir(path, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (failure) {
    if (failure instanceof Error && "code" in failure && failure.code === "ENOENT") return [];
    throw failure;
  }
}

/** A later round's score replaces an earlier one's. */
async function lastScores(run: RunDirectory, training: readonly StageMasks[]): Promise<Map<string, number>> {
  const scores = new Map<string, number>();
  for (const { stage } of training) {
    const round = isDecoderStage(stage) ? roundOf(stage) : 0;
    if (round === 0) continue;
    for (const { patch, idsScore } of (await readScores(run, round)) ?? []) scores.set(patch, idsScore);
  }
  return scores;
}
