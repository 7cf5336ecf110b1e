import { EpSamError } from "../common/index.js";
import { type Mask, type RgbImage, readMask, readRgbImage } from "../imaging/index.js";
import type { Dataset, PatchRecord, Split } from "./records.js";
import { isFreeOfTumour } from "./window-labels.js";

/**
 * The pixels of a patch.
 * @throws EpSamError `input-image` when the file is missing, unreadable or truncated.
 */
export async function loadPatchImage(record: Pick<PatchRecord, "imagePath">): Promise<RgbImage> {
  return readRgbImage(record.imagePath);
}

/**
 * The pixel mask of a patch, `expectedSize` × `expectedSize`; all background for a negative without a mask file that is
 * free of tumour by all its windows.
 * For evaluation only: training must not call it.
 * @throws EpSamError `input-mask` when a positive patch, or one that is known in parts alone, has no mask, or the mask is unreadable, not binary or of
 * another size than the patch.
 */
export async function loadPatchMask(
  record: Pick<PatchRecord, "id" | "label" | "imagePath" | "maskPath" | "windows">,
  expectedSize: number,
): Promise<Mask> {
  if (record.maskPath === null) {
    if (record.label === 0) {
      if (isFreeOfTumour(record, expectedSize)) return emptyMask(expectedSize);
      throw new EpSamError("input-mask", {
        where: record.imagePath,
        what: "is known in parts alone, by the labels of its windows",
        action: "Outline all of it, or evaluate another split.",
      });
    }
    throw new EpSamError("input-mask", {
      where: record.imagePath,
      what: "is a positive patch without a mask",
      action:
        "Put a mask of the same file name into the folder mask beside image, or evaluate another split.",
    });
  }
  return readMask(record.maskPath, { expectedSize: { width: expectedSize, height: expectedSize } });
}

/** True when the split has positive patches and each of them has a pixel mask, so that Dice and IoU can be computed. */
export function hasPixelMasks(dataset: Pick<Dataset, "patches">, split: Split): boolean {
  const positives = dataset.patches.filter((patch) => patch.split === split && patch.label === 1);
  return positives.length > 0 && positives.every((patch) => patch.maskPath !== null);
}

function emptyMask(size: number): Mask {
  return { width: size, height: size, data: new Uint8Array(size * size) };
}
