import { stat } from "node:fs/promises";
import { join } from "node:path";
import { exists } from "../../common/index.js";
import { findInputs, type InputImage, type SkippedInput, SPLITS } from "../../dataset/index.js";

/**
 * The images to segment: files, folders of images (not their subfolders), and datasets, whose patches of every
 * split are taken. Masks beside their images are left out.
 * @throws EpSamError `usage` when an input does not exist or there is no image at all, `dataset` when two images
 *   share a name, which their results would too.
 */
export async function findImages(
  inputs: readonly string[],
): Promise<{ readonly images: readonly InputImage[]; readonly skipped: readonly SkippedInput[] }> {
  const expanded = (await Promise.all(inputs.map(patchFolders))).flat();
  const { images, skipped } = await findInputs(expanded);
  const known = new Set([...images.map(({ path }) => path), ...skipped.map(({ file }) => file)]);
  const others: SkippedInput[] = [];
  for (const input of inputs) {
    if (known.has(input) || (await stat(input)).isDirectory()) continue;
    others.push({ file: input, reason: "is not a PNG, JPEG, TIFF, WebP or BMP image by its name" });
  }
  return { images, skipped: [...skipped, ...others] };
}

/** The folders of a dataset's patches; anything else is itself. */
async function patchFolders(input: string): Promise<string[]> {
  const folders: string[] = [];
  for (const split of SPLITS) {
    const folder = join(input, split, "image");
    if (await exists(folder)) folders.push(folder);
  }
  return folders.length > 0 ? folders : [input];
}
