import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { PixelSource } from "../../slides/index.js";
import type { TiledRaster } from "../export/raster.js";
import { TileBlender } from "../patches/blending.js";
import type { LoggedPatch, PatchLog } from "../patches/patch-log.js";
import type { PatchSegmenter } from "../patches/patch-segmenter.js";
import {
  type FinishedPatches,
  openPatchLog,
  type PatchJob,
  segmentPatches,
  type WorkFolder,
} from "../patches/segment-patches.js";
import type { PatchRelay } from "./patch-relay.js";
import { maskRaster, TileStore } from "./tile-store.js";

/** Side of the tiles of the rasters. */
const RASTER_TILE = 512;

export interface SegmentSlideOptions extends PatchJob, WorkFolder {
  /** Called after each tile of the rasters. */
  readonly onTile?: ((done: number, total: number) => void) | undefined;
  /** Where finished patches go beside the work folder. */
  readonly relay?: PatchRelay | undefined;
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
export interface SlideSegmentation extends FinishedPatches {
  readonly mask: TiledRaster;
  readonly probability: TiledRaster;
  readonly activation: TiledRaster;
  readonly counts: PatchCounts;
  /** Closes the files; the work folder stays. */
  close(): Promise<void>;
  /** Closes the files and removes the work folder. */
  discard(): Promise<void>;
}

/**
 * Segments a slide patch by patch and blends the patches as `segmentImage` does, into rasters of 8 bits. Finished
 * patches are kept in the work folder, so a killed call goes on with the next one and its result has the same bytes.
 * Memory: a few dozen patches and the slide's patch table, whatever the slide's size.
 * @throws EpSamError `usage` when the work folder belongs to another job; what {@link segmentPatches} throws
 */
export async function segmentSlide(
  segmenter: PatchSegmenter,
  source: PixelSource,
  options: SegmentSlideOptions,
): Promise<SlideSegmentation> {
  const { layout, workDirectory, relay } = options;
  const log = await openPatchLog(options, "8-bit");
  const stores: TileStore[] = [];
  const close = async (): Promise<void> => {
    await relay?.settle();
    await Promise.all([log.close(), ...stores.map((store) => store.close())]);
  };
  try {
    const finished = await segmentAll(segmenter, source, log, options);
    const shape = {
      width: layout.width,
      height: layout.height,
      tileSize: RASTER_TILE,
      downsample: layout.geometry.pixelSize.x,
    };
    const probability = await TileStore.create(join(workDirectory, "probability.tiles"), shape);
    const activation = await TileStore.create(join(workDirectory, "activation.tiles"), shape);
    stores.push(probability, activation);
    await blendAll(new TileBlender(layout, log, RASTER_TILE), probability, activation, options);
    return {
      ...finished,
      mask: maskRaster(probability),
      probability,
      activation,
      counts: countPatches(layout.columns.starts.length * layout.rows.starts.length, finished.patches),
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

/** Patches that are done are where another can go on with them, however this one ends. */
async function segmentAll(
  segmenter: PatchSegmenter,
  source: PixelSource,
  log: PatchLog,
  { relay, ...options }: SegmentSlideOptions,
): Promise<FinishedPatches> {
  if (relay === undefined) return segmentPatches(segmenter, source, log, options);
  const onPatch: SegmentSlideOptions["onPatch"] = (...counts) => {
    options.onPatch?.(...counts);
    relay.offer(log);
  };
  await relay.bring(log);
  try {
    return await segmentPatches(segmenter, source, log, { ...options, onPatch });
  } catch (failure) {
    await relay.flush(log);
    throw failure;
  }
}

async function blendAll(
  blender: TileBlender,
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

function countPatches(lattice: number, finished: readonly LoggedPatch[]): PatchCounts {
  const count = (wanted: LoggedPatch["outcome"]): number =>
    finished.filter(({ outcome }) => outcome === wanted).length;
  return {
    lattice,
    tissue: finished.length,
    belowGate: count("below-gate"),
    noActivation: count("no-activation"),
    segmented: count("segmented"),
  };
}
