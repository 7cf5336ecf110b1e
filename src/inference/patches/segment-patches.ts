import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  EpSamError,
  exists,
  mapAhead,
  pipelineStage,
  storageError,
  writeFileAtomically,
} from "../../common/index.js";
import type { TissueMask } from "../../dataset/index.js";
import type { PixelSource } from "../../slides/index.js";
import { type PatchLayout, type PlacedPatch, patchBox, placedPatches, readPlacedPatch } from "./layout.js";
import { figuresOf, type LoggedPatch, PatchLog, type PatchMaps, type PatchPrecision } from "./patch-log.js";
import type { PatchSegmenter, SegmentedPatch } from "./patch-segmenter.js";

/** Patches that are read, and results that wait for the next stage, at a time: a few megabytes each. */
const READ_AHEAD = 4;
const STAGE_AHEAD = 2;
const PLAN_FILE = "plan.json";

/** Where finished patches are kept until the slide or image is finished, so that a killed call goes on with them. */
export interface WorkFolder {
  /** Made when it is not there. */
  readonly workDirectory: string;
  /** Changes with everything that decides the result: models, slide, settings. */
  readonly identity: string;
  /** Begins anew what was begun with another identity. */
  readonly overwrite?: boolean | undefined;
}

/**
 * Opens the log of a work folder's finished patches, or begins one.
 * @throws EpSamError `usage` when the work folder belongs to another job, `storage` when it cannot be written
 */
export async function openPatchLog(
  { workDirectory, identity, overwrite }: WorkFolder,
  precision: PatchPrecision,
): Promise<PatchLog> {
  const plan = join(workDirectory, PLAN_FILE);
  const content = `${JSON.stringify({ formatVersion: 1, identity }, null, 2)}\n`;
  const isThere = await exists(plan);
  if (!isThere || (await readFile(plan, "utf8")) !== content) {
    if (isThere && overwrite !== true) {
      throw new EpSamError("usage", {
        what: "was begun with another model, input or other options",
        where: workDirectory,
        action: "Repeat it with the same ones to go on, or pass `overwrite: true` to begin anew.",
      });
    }
    await rm(workDirectory, { recursive: true, force: true });
    await mkdir(workDirectory, { recursive: true }).catch((cause: unknown) => {
      throw storageError(workDirectory, cause);
    });
    await writeFileAtomically(plan, content);
  }
  return PatchLog.open(join(workDirectory, "patches.log"), precision);
}

/** What is segmented, and how that is told. */
export interface PatchJob {
  /** Name of the slide or image, which decides the random prompts together with the run's seed. */
  readonly name: string;
  readonly layout: PatchLayout;
  /** Where the slide has tissue; null takes all of it. */
  readonly tissue: TissueMask | null;
  readonly signal?: AbortSignal | undefined;
  /** Called at the beginning and after each patch. */
  readonly onPatch?: ((done: number, total: number, segmented: number) => void) | undefined;
}

/** What became of the patches of a layout. */
export interface FinishedPatches {
  /** Patches with tissue, row by row. */
  readonly patches: readonly (PlacedPatch & LoggedPatch)[];
  /** How many of them were finished by an earlier call. */
  readonly resumed: number;
}

/**
 * Segments all patches of a layout that have tissue (paper section 2, inference): classifier, then SAM past its
 * gate. Reading, classifier, SAM and writing are a pipeline, patches are read ahead.
 * @param log keeps finished patches, and those that it has already are left out; null keeps none
 * @param take is given every patch's maps, those of the log included, row by row
 * @throws EpSamError `slide` when the file is damaged, `storage` when the disk is full, `device` when a model cannot
 *   run; the signal's reason when aborted
 */
export async function segmentPatches(
  segmenter: PatchSegmenter,
  source: PixelSource,
  log: PatchLog | null,
  job: PatchJob,
  take?: (maps: PatchMaps, figures: LoggedPatch) => void,
): Promise<FinishedPatches> {
  const { layout, tissue, onPatch } = job;
  const patches = placedPatches(layout).filter(
    // Any tissue counts, so every pixel of tissue lies in all the patches it would without a tissue mask.
    (patch) => tissue === null || tissue.fraction(patchBox(layout, patch)) > 0,
  );
  const finished = new Map<number, LoggedPatch>(log?.patches);
  const pending = patches.filter(({ index }) => !finished.has(index));
  const resumed = patches.length - pending.length;
  if (log !== null && take !== undefined) await replay(log, take);
  let segmented = [...finished.values()].filter(({ outcome }) => outcome === "segmented").length;
  let done = resumed;
  onPatch?.(done, patches.length, segmented);
  for await (const { index, result } of segmentedPatches(segmenter, source, pending, job)) {
    await log?.append(index, result);
    const figures = figuresOf(index, result);
    finished.set(index, figures);
    take?.({ activation: result.activation, tumour: result.tumour?.data ?? null }, figures);
    done += 1;
    if (result.tumour !== undefined) segmented += 1;
    onPatch?.(done, patches.length, segmented);
  }
  const withFigures = patches.flatMap((patch) => {
    const figures = finished.get(patch.index);
    return figures === undefined ? [] : [{ ...patch, ...figures }];
  });
  return { patches: withFigures, resumed };
}

/** What the log holds, row by row: patches are finished in that order, so those still to come follow. */
async function replay(log: PatchLog, take: (maps: PatchMaps, figures: LoggedPatch) => void): Promise<void> {
  for (const figures of log.patches.values()) {
    const maps = await log.read(figures.index);
    if (maps !== null) take(maps, figures);
  }
}

/** The three stages, each at work on another patch. */
async function* segmentedPatches(
  segmenter: PatchSegmenter,
  source: PixelSource,
  pending: readonly PlacedPatch[],
  { name, layout, signal }: PatchJob,
): AsyncGenerator<{ readonly index: number; readonly result: SegmentedPatch }> {
  const read = mapAhead(pending, READ_AHEAD, async (patch) => {
    signal?.throwIfAborted();
    return { patch, image: await readPlacedPatch(source, layout, patch, signal) };
  });
  const classified = pipelineStage(read, STAGE_AHEAD, async ({ patch, image }) => {
    signal?.throwIfAborted();
    return { patch, result: await segmenter.classifyPatch(image, name, patch.x, patch.y) };
  });
  yield* pipelineStage(classified, STAGE_AHEAD, async ({ patch, result: { segment, ...result } }) => {
    signal?.throwIfAborted();
    return { index: patch.index, result: { ...result, ...(await segment?.()) } };
  });
}
