import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { EpSamError, exists, storageError, writeFileAtomically } from "../../common/index.js";
import type { TissueMask } from "../../dataset/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { TiledRaster } from "../export/raster.js";
import type { StagedSegmenter } from "../segment-image.js";
import { PatchBlender } from "./blend-patches.js";
import { type PatchFigures, PatchLog } from "./patch-log.js";
import { mapAhead, stage } from "./pipeline.js";
import { type GridPatch, gridPatches, patchBox, readGridPatch, type SlideGrid } from "./slide-grid.js";
import { maskRaster, TileStore } from "./tile-store.js";

/** Patches that are read, and results that wait for the next stage, at a time: a few megabytes each. */
const READ_AHEAD = 4;
const STAGE_AHEAD = 2;
/** Side of the tiles of the rasters. */
const RASTER_TILE = 512;
const PLAN_FILE = "plan.json";

export interface SegmentSlideOptions {
  /** Name of the slide, which decides the random prompts together with the run's seed. */
  readonly name: string;
  readonly grid: SlideGrid;
  /** Where the slide has tissue; null takes all of it. */
  readonly tissue: TissueMask | null;
  /** Folder for what is kept until the slide is finished; made when it is not there. */
  readonly workDirectory: string;
  /** Changes with everything that decides the result: models, slide, settings. */
  readonly identity: string;
  /** Begins anew what was begun with another identity. */
  readonly overwrite?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called at the beginning and after each patch. */
  readonly onPatch?: ((done: number, total: number, segmented: number) => void) | undefined;
  /** Called after each tile of the rasters. */
  readonly onTile?: ((done: number, total: number) => void) | undefined;
}

/** How many patches ended how. */
export interface PatchCounts {
  /** Of the whole slide. */
  readonly lattice: number;
  /** With tissue, which the classifier looked at. */
  readonly tissue: number;
  /** Below the gate, past it without a map to prompt with, and segmented by SAM. */
  readonly belowGate: number;
  readonly noActivation: number;
  readonly segmented: number;
}

/** The result for one slide; rasters are read from the work folder, which is removed with {@link discard}. */
export interface SlideSegmentation {
  readonly mask: TiledRaster;
  readonly probability: TiledRaster;
  readonly activation: TiledRaster;
  readonly counts: PatchCounts;
  /** Patches with tissue, row by row. */
  readonly patches: readonly (GridPatch & PatchFigures)[];
  /** How many of them were finished by an earlier call. */
  readonly resumed: number;
  /** Closes the files; the work folder stays. */
  close(): Promise<void>;
  /** Closes the files and removes the work folder. */
  discard(): Promise<void>;
}

/**
 * Segments a slide patch by patch: classifier, then SAM past its gate, blended as `segmentImage` does. Reading,
 * classifier, SAM and writing are a pipeline, patches are read ahead. Finished patches are kept in the work folder,
 * so a killed call goes on with the next one and its result has the same bytes. Memory: a few dozen patches and the
 * slide's patch table, whatever the slide's size.
 * @throws EpSamError `usage` when the work folder belongs to another job, `slide` when the file is damaged,
 *   `storage` when the disk is full, `device` when a model cannot run; the signal's reason when aborted
 */
export async function segmentSlide(
  segmenter: StagedSegmenter,
  source: PixelSource,
  options: SegmentSlideOptions,
): Promise<SlideSegmentation> {
  const { grid, tissue, workDirectory } = options;
  await openWorkDirectory(options);
  const lattice = gridPatches(grid);
  const patches = tissue === null ? lattice : lattice.filter((patch) => hasTissue(tissue, grid, patch));
  const log = await PatchLog.open(join(workDirectory, "patches.log"));
  const stores: TileStore[] = [];
  const close = async (): Promise<void> => {
    await Promise.all([log.close(), ...stores.map((store) => store.close())]);
  };
  try {
    const pending = patches.filter(({ index }) => !log.patches.has(index));
    await segmentPatches(segmenter, source, log, pending, patches.length, options);
    const shape = {
      width: grid.width,
      height: grid.height,
      tileSize: RASTER_TILE,
      downsample: grid.geometry.pixelSize.x,
    };
    const probability = await TileStore.create(join(workDirectory, "probability.tiles"), shape);
    const activation = await TileStore.create(join(workDirectory, "activation.tiles"), shape);
    stores.push(probability, activation);
    await blendAll(new PatchBlender(grid, log, RASTER_TILE), probability, activation, options);
    const finished = patches.flatMap((patch) => {
      const figures = log.patches.get(patch.index);
      return figures === undefined ? [] : [{ ...patch, ...figures }];
    });
    return {
      mask: maskRaster(probability),
      probability,
      activation,
      counts: countPatches(lattice.length, finished),
      patches: finished,
      resumed: patches.length - pending.length,
      close,
      discard: async () => {
        await close();
        await rm(workDirectory, { recursive: true, force: true });
      },
    };
  } catch (failure) {
    await close();
    throw failure;
  }
}

/** Any tissue counts, so every pixel of tissue lies in all the patches it would without a tissue mask. */
function hasTissue(tissue: TissueMask, grid: SlideGrid, patch: GridPatch): boolean {
  return tissue.fraction(patchBox(grid, patch)) > 0;
}

async function openWorkDirectory({ workDirectory, identity, overwrite }: SegmentSlideOptions): Promise<void> {
  const plan = join(workDirectory, PLAN_FILE);
  const content = `${JSON.stringify({ formatVersion: 1, identity }, null, 2)}\n`;
  const isThere = await exists(plan);
  if (isThere && (await readFile(plan, "utf8")) === content) return;
  if (isThere && overwrite !== true) {
    throw new EpSamError("usage", {
      what: "was begun with another model, slide or other options",
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

async function segmentPatches(
  segmenter: StagedSegmenter,
  source: PixelSource,
  log: PatchLog,
  pending: readonly GridPatch[],
  total: number,
  { name, grid, signal, onPatch }: SegmentSlideOptions,
): Promise<void> {
  const segmentedBefore = [...log.patches.values()].filter(({ outcome }) => outcome === "segmented").length;
  let segmented = segmentedBefore;
  let done = total - pending.length;
  onPatch?.(done, total, segmented);
  const read = mapAhead(pending, READ_AHEAD, async (patch) => {
    signal?.throwIfAborted();
    return { patch, image: await readGridPatch(source, grid, patch, signal) };
  });
  const classified = stage(read, STAGE_AHEAD, async ({ patch, image }) => {
    signal?.throwIfAborted();
    return { patch, tile: await segmenter.classifyTile(image, name, patch.x, patch.y) };
  });
  const finished = stage(classified, STAGE_AHEAD, async ({ patch, tile }) => {
    signal?.throwIfAborted();
    return { patch, tile, mask: (await tile.segment?.()) ?? null };
  });
  for await (const { patch, tile, mask } of finished) {
    await log.append(patch.index, tile, mask);
    done += 1;
    if (mask !== null) segmented += 1;
    onPatch?.(done, total, segmented);
  }
}

async function blendAll(
  blender: PatchBlender,
  probability: TileStore,
  activation: TileStore,
  { signal, onTile }: SegmentSlideOptions,
): Promise<void> {
  const columns = Math.ceil(probability.width / RASTER_TILE);
  const total = columns * Math.ceil(probability.height / RASTER_TILE);
  for (let tile = 0; tile < total; tile++) {
    signal?.throwIfAborted();
    const [column, row] = [tile % columns, Math.floor(tile / columns)];
    const blended = await blender.blend(column, row);
    if (blended.probability !== null) await probability.writeTile(column, row, blended.probability);
    if (blended.activation !== null) await activation.writeTile(column, row, blended.activation);
    onTile?.(tile + 1, total);
  }
}

function countPatches(lattice: number, finished: readonly PatchFigures[]): PatchCounts {
  const count = (wanted: PatchFigures["outcome"]): number =>
    finished.filter(({ outcome }) => outcome === wanted).length;
  return {
    lattice,
    tissue: finished.length,
    belowGate: count("below-gate"),
    noActivation: count("no-activation"),
    segmented: count("segmented"),
  };
}
