import type { FloatMap, Mask, RgbImage } from "../../imaging/index.js";
import { imageSource, type PixelSource } from "../../slides/index.js";
import { ImageBlender } from "../patches/blending.js";
import { DEFAULT_OVERLAP, type PlacedPatch, patchLayout } from "../patches/layout.js";
import type { LoggedPatch } from "../patches/patch-log.js";
import type { PatchSegmenter } from "../patches/patch-segmenter.js";
import { openPatchLog, segmentPatches, type WorkFolder } from "../patches/segment-patches.js";

/** One row of an image's table of patches; corners in pixels of the image. */
export type PatchRow = Omit<PlacedPatch & LoggedPatch, "index">;

/** The result for one image; all maps have its size. */
export interface ImageSegmentation {
  /** Pixels of tumour probability above one half. */
  readonly mask: Mask;
  /** Probability of tumour: the sigmoid of SAM's logits, blended over patches; 0 in patches below the gate. */
  readonly probability: FloatMap;
  /** Class activation times the classifier's probability of the patch, blended over patches, 0 to 1. */
  readonly activation: FloatMap;
  /** Row by row. */
  readonly patches: readonly PatchRow[];
  /** Foreground pixels of the mask. */
  readonly tumourPixels: number;
}

export interface SegmentImageOptions {
  /** Name of the image, which decides the random prompts together with the run's seed. */
  readonly name: string;
  /** Least overlap of neighbouring patches as a share of their side, 0 to 0.9. */
  readonly overlap?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each patch. */
  readonly onPatch?: ((done: number, total: number) => void) | undefined;
}

/**
 * Segments an image of any size (paper section 2, inference): patch by patch with overlap, blended with raised
 * cosines so that no seams show. An image smaller than a patch is continued by mirroring; one of exactly a patch's
 * size gives what evaluation gives. The image must have the magnification of the training patches.
 *
 * Memory: 9 bytes for each pixel of the image beside the image itself, whatever the overlap.
 *
 * @throws EpSamError `usage` when the overlap is out of range, `device` when a model cannot run; the signal's
 *   reason when aborted.
 */
export async function segmentImage(
  segmenter: PatchSegmenter,
  image: RgbImage,
  options: SegmentImageOptions,
): Promise<ImageSegmentation> {
  return segmentImageSource(segmenter, imageSource(options.name, image), options, null);
}

/**
 * As {@link segmentImage}, of a source's full resolution; with a work folder, finished patches are kept there, so a
 * killed call goes on with the next one and its result has the same bytes.
 * @throws EpSamError also `usage` when the work folder belongs to another job, `storage` when the disk is full
 */
export async function segmentImageSource(
  segmenter: PatchSegmenter,
  source: PixelSource,
  { name, overlap = DEFAULT_OVERLAP, signal, onPatch }: SegmentImageOptions,
  work: WorkFolder | null,
): Promise<ImageSegmentation> {
  const { patchSize } = segmenter;
  const geometry = { patchSize, level: 0, downsample: 1, pixelSize: { x: 1, y: 1 }, mpp: null };
  const [full = { width: 0, height: 0 }] = source.levels;
  const layout = patchLayout(full, geometry, overlap);
  const blender = new ImageBlender(layout);
  const log = work === null ? null : await openPatchLog(work, "float32");
  try {
    const job = {
      ...{ name, layout, tissue: null, signal },
      onPatch: (done: number, total: number) => {
        if (done > 0) onPatch?.(done, total);
      },
    };
    const { patches } = await segmentPatches(segmenter, source, log, job, (maps, { index, probability }) =>
      blender.add(index, maps, probability),
    );
    const rows = patches.map(({ index: _, ...row }) => row);
    const { probability, activation } = blender;
    const mask = aboveHalf(probability);
    const tumourPixels = mask.data.reduce((sum, value) => sum + value, 0);
    return { mask, probability, activation, patches: rows, tumourPixels };
  } finally {
    await log?.close();
  }
}

function aboveHalf({ width, height, data }: FloatMap): Mask {
  return { width, height, data: Uint8Array.from(data, (value) => (value > 0.5 ? 1 : 0)) };
}
