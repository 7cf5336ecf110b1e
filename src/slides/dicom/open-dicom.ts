import type { RgbImage } from "../../imaging/index.js";
import { sameField } from "../downsample.js";
import { levelsThatShowTheSame, TiledPictures } from "../looks-alike.js";
import type { PixelSource } from "../pixel-source.js";
import { plausibleResolution } from "../plausible-resolution.js";
import { readTiles } from "../region.js";
import { slideError } from "../slide-error.js";
import type { OpenSlideOptions, SlideFormat } from "../slide-format.js";
import { type StoredLevel, TiledSource } from "../tiled-source.js";
import { frameOrder } from "./frame-order.js";
import type { DicomInstance } from "./instance.js";
import { isDicom } from "./parse.js";
import { closeAll, type DicomSeries, openSeries } from "./series.js";
import { type ImageParts, tiledImage } from "./tiled-image.js";

/** Pixels of an associated image, which is read as a whole. */
const MAX_ASSOCIATED_PIXELS = 2 ** 25;

/** What associated images are called: as OpenSlide does. */
const ASSOCIATED = { label: "label", overview: "macro", thumbnail: "thumbnail" } as const;

/** DICOM whole-slide images (PS3.3, section A.32.8). */
export const dicomFormat: SlideFormat = {
  name: "DICOM",
  detect: ({ head, isDirectory }) => isDirectory || isDicom(head),
  open: openDicomSlide,
};

/**
 * Opens the DICOM whole-slide image that a file belongs to, or that lies in a folder. The files of a series make
 * the levels of the pyramid.
 * @throws EpSamError `slide` when files are damaged or of a kind that is not read
 */
export async function openDicomSlide(path: string, options: OpenSlideOptions = {}): Promise<PixelSource> {
  const series = await openSeries(path);
  try {
    return await assemble(path, series, options);
  } catch (cause) {
    await closeAll(series.instances);
    throw cause;
  }
}

async function assemble(
  path: string,
  series: DicomSeries,
  { tileCache }: OpenSlideOptions,
): Promise<PixelSource> {
  const warnings = [...series.warnings];
  const warn = (text: string): void => {
    if (!warnings.includes(text)) warnings.push(text);
  };
  const images = groupParts(series.instances);
  const pyramid = pyramidOf(path, series.main, images, warn);
  const full = pyramid[0]?.[0];
  if (full === undefined)
    throw slideError(path, "has no image of the slide", "only label, overview or thumbnail");
  const resolution = plausibleResolution(full);
  for (const warning of resolution.warnings) warn(warning);
  if (full.focalPlanes > 1) warn(`it has ${full.focalPlanes} focal planes; the first is read`);
  const stored: { readonly name: string; readonly level: StoredLevel }[] = [];
  for (const parts of pyramid) {
    const level = tiledImage(parts, warn, await frameOrder(parts, warn));
    stored.push({ name: parts[0].file.path, level });
  }
  const pictures = new TiledPictures();
  const levels = await levelsThatShowTheSame(
    stored,
    ({ name, level }) => pictures.of(name, gridOf(level)),
    ({ name }) =>
      warn(`left out ${name}: it is stored as a level, but shows something else than the level above`),
  );
  return new TiledSource({
    path,
    format: "DICOM",
    levels: levels.map(({ level }) => level),
    micronsPerPixel: resolution.micronsPerPixel,
    objectivePower: full.objectivePower,
    associatedImages: associatedImages(images, warn),
    warnings,
    properties: full.properties,
    tileCache,
    release: () => closeAll(series.instances),
  });
}

/** Instances of one concatenation are one image; others are images of their own. */
function groupParts(instances: readonly DicomInstance[]): readonly ImageParts[] {
  const groups = new Map<string, ImageParts>();
  for (const [order, instance] of instances.entries()) {
    const key = instance.concatenation ?? `single ${order}`;
    const group = groups.get(key);
    groups.set(key, group === undefined ? [instance] : [...group, instance]);
  }
  return [...groups.values()].map(sortParts);
}

function sortParts(parts: ImageParts): ImageParts {
  const [first, ...rest] = parts.toSorted((a, b) => a.firstFrame - b.firstFrame);
  return first === undefined ? parts : [first, ...rest];
}

/** The images of the main file's pyramid from large to small; a folder may hold another beside it. */
function pyramidOf(
  path: string,
  main: DicomInstance,
  images: readonly ImageParts[],
  warn: (text: string) => void,
): readonly ImageParts[] {
  const volumes = images
    .filter(([{ kind }]) => kind === "volume")
    .sort(([a], [b]) => b.width - a.width || b.height - a.height);
  const anchor = main.kind === "volume" ? main : volumes[0]?.[0];
  if (anchor === undefined)
    throw slideError(path, "has no image of the slide", "only label, overview or thumbnail");
  const levels: ImageParts[] = [];
  for (const parts of volumes) {
    const [image] = parts;
    const [larger, smaller] = image.width >= anchor.width ? [image, anchor] : [anchor, image];
    const isAnchor = parts.includes(anchor);
    const hasTwin = volumes.some((other) => other !== parts && isTwin(other, parts, anchor, levels));
    if (image.pyramid !== anchor.pyramid) warn(`left out ${image.file.path}: it belongs to another pyramid`);
    else if (!sameField(larger, smaller)) warn(`left out ${image.file.path}: it shows another field`);
    else if (!isAnchor && hasTwin) warn(`left out ${image.file.path}: another file has the same size`);
    else levels.push(parts);
  }
  return levels;
}

/** True when `other` has the size of `parts` and goes before it: as the main file, or as a level already. */
function isTwin(
  other: ImageParts,
  parts: ImageParts,
  anchor: DicomInstance,
  levels: readonly ImageParts[],
): boolean {
  const sameSize = other[0].width === parts[0].width && other[0].height === parts[0].height;
  return sameSize && (other.includes(anchor) || levels.includes(other));
}

function associatedImages(
  images: readonly ImageParts[],
  warn: (text: string) => void,
): ReadonlyMap<string, () => Promise<RgbImage>> {
  const readers = new Map<string, () => Promise<RgbImage>>();
  for (const parts of images) {
    const { kind, width, height, file } = parts[0];
    if (kind === "volume" || readers.has(ASSOCIATED[kind])) continue;
    readers.set(ASSOCIATED[kind], () => {
      if (width * height <= MAX_ASSOCIATED_PIXELS) return readWhole(tiledImage(parts, warn));
      throw slideError(file.path, "has an associated image that is too large", `${width} × ${height} pixels`);
    });
  }
  return readers;
}

function readWhole(image: StoredLevel): Promise<RgbImage> {
  return readTiles(gridOf(image), { left: 0, top: 0, width: image.width, height: image.height });
}

function gridOf(image: StoredLevel) {
  return { ...image, readTile: image.decodeTile };
}
