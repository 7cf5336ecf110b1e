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
export type InferenceInput = "images" | "slides";

/** What inputs are, and what is left out as it is something else. */
export interface RecognisedInputs {
  readonly kind: InferenceInput;
  /** Plain TIFF files among slides. */
  readonly leaveOut: readonly string[];
}

/**
 * Tells slides from images, file by file: by extension, and TIFF files by what they hold. Ordinary images beside
 * slides in a folder are their overviews; a plain TIFF file among slides is left out; a dataset is images.
 * @throws EpSamError `usage` when there are both, or an input does not exist
 */
export async function recogniseInputs(inputs: readonly string[]): Promise<RecognisedInputs> {
  const slides: string[] = [];
  const images: string[] = [];
  const plain: string[] = [];
  for (const { input, isFolder, files } of await listInputs(inputs)) {
    const isDataset = isFolder && (await patchFolders(input)).length > 0;
    const kinds = isDataset ? [["images", input] as const] : await kindsOf(files);
    const isSlideFolder = isFolder && kinds.some(([kind]) => kind === "slides");
    for (const [kind, path] of kinds) {
      if (kind === "slides") slides.push(path);
      else if ((isSlideFolder || !isFolder) && mayBeSlide(files, path)) plain.push(path);
      else if (!isSlideFolder) images.push(path);
    }
  }
  const [slide] = slides;
  if (slide === undefined) return { kind: "images", leaveOut: [] };
  if (images.length === 0) return { kind: "slides", leaveOut: plain };
  throw new EpSamError("usage", {
    what: `${slide} is a slide and ${images[0]} is not`,
    where: "inputs",
    why: "their results are laid out differently",
    action: "Give slides and images in calls of their own, or say what they all are with `as`.",
  });
}

/** A plain TIFF file beside slides would be segmented as one of them, at a resolution that nobody gave for it. */
function mayBeSlide(files: readonly JudgedFile[], path: string): boolean {
  return files.some((file) => file.path === path && file.kind === "tiff");
}

async function kindsOf(files: readonly JudgedFile[]): Promise<(readonly [InferenceInput, string])[]> {
  const kinds: (readonly [InferenceInput, string])[] = [];
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
  const { images, skipped } = await findInputs(expanded, "give slides in a call of their own");
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
