import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { EpSamError, exists, isEpSamError } from "../../common/index.js";
import { isSlideName, SPLITS } from "../../dataset/index.js";
import { openSlide } from "../../slides/index.js";

/** What inputs of inference are. */
export type InputKind = "images" | "slides";

const TIFF_EXTENSIONS = new Set([".tif", ".tiff"]);

/**
 * Tells slides from images: by extension, and TIFF files by what they hold, since an ordinary image has neither
 * tiles nor a pyramid. A folder is what the first such file in it is; a dataset is images.
 * @throws EpSamError `usage` when there are both, or an input does not exist
 */
export async function recogniseInputs(inputs: readonly string[]): Promise<InputKind> {
  const found = new Map<InputKind, string>();
  for (const input of inputs) {
    const kind = await kindOf(input);
    if (!found.has(kind)) found.set(kind, input);
  }
  const [slide, image] = [found.get("slides"), found.get("images")];
  if (slide === undefined) return "images";
  if (image === undefined) return "slides";
  throw new EpSamError("usage", {
    what: `${slide} is a slide and ${image} is not`,
    where: "inputs",
    why: "their results are laid out differently",
    action: "Give slides and images in calls of their own, or say what they all are with `as`.",
  });
}

async function kindOf(input: string): Promise<InputKind> {
  if (!(await exists(input))) {
    const action = "Check the path.";
    throw new EpSamError("usage", { where: input, what: "does not exist", action });
  }
  return (await stat(input)).isDirectory() ? kindOfFolder(input) : kindOfFile(input);
}

async function kindOfFolder(folder: string): Promise<InputKind> {
  for (const split of SPLITS) if (await exists(join(folder, split, "image"))) return "images";
  const names = (await readdir(folder)).filter((name) => !name.startsWith(".")).sort();
  if (names.some((name) => extname(name).toLowerCase() === ".dcm")) return "slides";
  const name = names.find(isSlideName);
  return name === undefined ? "images" : kindOfFile(join(folder, name));
}

async function kindOfFile(file: string): Promise<InputKind> {
  const extension = extname(file).toLowerCase();
  if (extension === ".dcm") return "slides";
  if (!TIFF_EXTENSIONS.has(extension)) return isSlideName(file) ? "slides" : "images";
  return (await isTiledTiff(file)) ? "slides" : "images";
}

async function isTiledTiff(file: string): Promise<boolean> {
  try {
    const source = await openSlide(file);
    try {
      return source.levels.length > 1 || source.levels.some(({ tileSize }) => tileSize !== null);
    } finally {
      await source.close();
    }
  } catch (failure) {
    // A damaged file is reported by whoever goes on with it.
    if (isEpSamError(failure, "slide")) return false;
    throw failure;
  }
}
