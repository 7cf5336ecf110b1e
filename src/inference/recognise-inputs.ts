import { EpSamError } from "../common/index.js";
import {
  contentOfTiff,
  findInputs,
  type InputImage,
  type JudgedFile,
  listInputs,
  patchFolders,
  type SkippedInput,
} from "../dataset/index.js";

/** What inputs of inference are. */
export type InputKind = "images" | "slides";

/**
 * Tells slides from images, file by file: by extension, and TIFF files by what they hold. Ordinary images beside
 * slides in a folder are their overviews; a dataset is images.
 * @throws EpSamError `usage` when there are both, or an input does not exist
 */
export async function recogniseInputs(inputs: readonly string[]): Promise<InputKind> {
  const found = new Map<InputKind, string>();
  for (const { input, isFolder, files } of await listInputs(inputs)) {
    const isDataset = isFolder && (await patchFolders(input)).length > 0;
    const kinds = isDataset ? [["images", input] as const] : await kindsOf(files);
    const isSlideFolder = isFolder && kinds.some(([kind]) => kind === "slides");
    for (const [kind, path] of kinds) {
      const isOverview = isSlideFolder && kind === "images" && !mayBeSlide(files, path);
      if (!isOverview && !found.has(kind)) found.set(kind, path);
    }
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

/** A plain TIFF file beside slides would be segmented as one of them. */
function mayBeSlide(files: readonly JudgedFile[], path: string): boolean {
  return files.some((file) => file.path === path && file.kind === "tiff");
}

async function kindsOf(files: readonly JudgedFile[]): Promise<(readonly [InputKind, string])[]> {
  const kinds: (readonly [InputKind, string])[] = [];
  for (const { path, kind } of files) {
    const content = kind === "tiff" ? await contentOfTiff(path) : kind;
    if (content === "slide" || content === "dicom") kinds.push(["slides", path]);
    else if (content === "image") kinds.push(["images", path]);
  }
  return kinds;
}

/**
 * The images to segment: files, folders of images (not their subfolders), and datasets, whose patches of every
 * split are taken. Masks beside their images are left out.
 * @throws EpSamError `usage` when an input does not exist or there is no image at all, `dataset` when two images
 *   share a name, which their results would too.
 */
export async function findImages(
  inputs: readonly string[],
): Promise<{ readonly images: readonly InputImage[]; readonly skipped: readonly SkippedInput[] }> {
  const expanded: string[] = [];
  for (const input of inputs) {
    const folders = await patchFolders(input);
    expanded.push(...(folders.length > 0 ? folders : [input]));
  }
  const { images, skipped } = await findInputs(expanded);
  const known = new Set(skipped.map(({ file }) => file));
  const others = (await listInputs(inputs)).flatMap(({ isFolder, files }) =>
    isFolder ? [] : files.filter(({ path, kind }) => isOther(kind) && !known.has(path)),
  );
  const reason = "is not a PNG, JPEG, TIFF, WebP or BMP image by its name";
  return { images, skipped: [...skipped, ...others.map(({ path }) => ({ file: path, reason }))] };
}

function isOther(kind: JudgedFile["kind"]): boolean {
  return kind === "other" || kind === "annotation" || kind === "labels" || kind === "result";
}
