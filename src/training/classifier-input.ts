import { type LoadablePatch, loadPatchImage } from "../dataset/index.js";
import { type RgbImage, resizeRgb } from "../imaging/index.js";

/** Reads patches at the classifier's input size, resized as Pillow does (bilinear). */
export function resizedPatchReader(size: number): (patch: LoadablePatch) => Promise<RgbImage> {
  return async (patch) => classifierImage(await loadPatchImage(patch), size);
}

/** A patch at the classifier's input size. */
export function classifierImage(image: RgbImage, size: number): RgbImage {
  return image.width === size && image.height === size ? image : resizeRgb(image, size, size, "bilinear");
}
