import sharp from "sharp";
import { EpSamError, isEpSamError, messageOf, type RandomAccessFile } from "../common/index.js";
import { cutArea, decodeRgb, isBmp, type RgbImage } from "../imaging/index.js";
import { openSlideFile } from "./open-file.js";
import type { PixelSource } from "./pixel-source.js";
import { rasterType } from "./raster-tile.js";
import { type LevelRectangle, levelRectangle } from "./region.js";
import { slideError } from "./slide-error.js";
import type { OpenSlideOptions, SlideFormat, SlideProbe } from "./slide-format.js";
import { type StoredLevel, TiledSource } from "./tiled-source.js";

/** 384 MiB of pixels, held while the image is open. */
export const MAX_PLAIN_IMAGE_PIXELS = 2 ** 27;
const MAX_FILE_BYTES = 2 ** 30;
/** The image is offered in tiles of this side, as viewers ask for them. */
const TILE_SIDE = 1024;

/** An ordinary image file as a slide of one level. */
export const plainImageFormat: SlideFormat = {
  name: "image (PNG, JPEG, WebP, BMP)",
  detect: isPlainImage,
  open: openPlainImage,
  openFile: openImageFile,
};

function isPlainImage({ head }: SlideProbe): boolean {
  return rasterType(head) !== null || isBmp(head);
}

/**
 * Decodes an image file and keeps it in memory until closed. Its resolution is null: what image files say of dots
 * per inch is about printing.
 * @throws EpSamError `slide` when it is damaged, or has more than {@link MAX_PLAIN_IMAGE_PIXELS}
 */
export async function openPlainImage(path: string, options: OpenSlideOptions = {}): Promise<PixelSource> {
  return openImageFile(await openSlideFile(path), options);
}

async function openImageFile(file: RandomAccessFile, { tileCache }: OpenSlideOptions): Promise<PixelSource> {
  const { path, warnings } = file;
  const bytes = await readImageFile(file);
  const { format, width, height } = isBmp(bytes) ? bmpSize(path, bytes) : await rasterSize(path, bytes);
  if (width * height > MAX_PLAIN_IMAGE_PIXELS) {
    throw slideError(
      path,
      "is too large to be read as a plain image",
      `${width} × ${height} pixels, more than ${MAX_PLAIN_IMAGE_PIXELS}`,
      "Convert it to a tiled pyramid: `vips tiffsave IN OUT.tif --tile --pyramid --compression jpeg --bigtiff`.",
    );
  }
  const image: { current: RgbImage | null } = { current: await decodeImage(path, bytes) };
  return new TiledSource({
    path,
    format,
    levels: [wholeImage(image, width, height)],
    micronsPerPixel: null,
    objectivePower: null,
    associatedImages: new Map(),
    warnings,
    properties: {},
    heldBytes: width * height * 3,
    tileCache,
    release: async () => {
      image.current = null;
    },
  });
}

/**
 * An image that is decoded already as a slide of one level, without a resolution.
 * @param path that error messages call it by
 */
export function imageSource(path: string, image: RgbImage): PixelSource {
  const { width, height } = image;
  const levels = [{ width, height, downsample: 1, tileSize: null }];
  return {
    ...{ path, format: "image", levels, micronsPerPixel: null, objectivePower: null },
    ...{ associatedImages: [], warnings: [], heldBytes: width * height * 3, properties: {} },
    readRegion: async (region, { signal } = {}) => {
      signal?.throwIfAborted();
      return copyRegion(image, levelRectangle(path, levels, region));
    },
    readAssociatedImage: async (name) => {
      throw new EpSamError("usage", { where: path, what: `has no associated image "${name}"` });
    },
    close: async () => undefined,
  };
}

/** A rectangle of an image; white beyond it. */
function copyRegion(image: RgbImage, { left, top, width, height }: LevelRectangle): RgbImage {
  const data = new Uint8Array(width * height * 3).fill(255);
  const [first, end] = [Math.max(0, left), Math.min(image.width, left + width)];
  for (let y = Math.max(0, top); y < Math.min(image.height, top + height) && first < end; y++) {
    const row = image.data.subarray((y * image.width + first) * 3, (y * image.width + end) * 3);
    data.set(row, ((y - top) * width + first - left) * 3);
  }
  return { width, height, data };
}

async function readImageFile(file: RandomAccessFile): Promise<Uint8Array> {
  try {
    if (file.size <= MAX_FILE_BYTES) return await file.read(0, file.size, "the image");
    throw slideError(file.path, "is too large to be read as a plain image", `${file.size} bytes`);
  } finally {
    await file.close();
  }
}

interface ImageSize {
  readonly format: string;
  readonly width: number;
  readonly height: number;
}

async function rasterSize(path: string, bytes: Uint8Array): Promise<ImageSize> {
  try {
    const { format, width, height } = await sharp(bytes, { limitInputPixels: false }).metadata();
    const names: Readonly<Record<string, string>> = { jpeg: "JPEG", png: "PNG", webp: "WebP" };
    return { format: `${names[format] ?? format} image`, width, height };
  } catch (cause) {
    throw slideError(path, "is a damaged image", messageOf(cause).split("\n")[0], undefined, cause);
  }
}

/** Sizes at their fixed place in the header; impossible ones are left to the decoder. */
function bmpSize(path: string, bytes: Uint8Array): ImageSize {
  if (bytes.length < 26) throw slideError(path, "is a damaged image", "the header is cut short");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    format: "BMP image",
    width: Math.abs(view.getInt32(18, true)),
    height: Math.abs(view.getInt32(22, true)),
  };
}

async function decodeImage(path: string, bytes: Uint8Array): Promise<RgbImage> {
  try {
    return await decodeRgb(bytes, path);
  } catch (cause) {
    if (isEpSamError(cause)) throw new EpSamError("slide", cause.fields, { cause });
    throw cause;
  }
}

function wholeImage(
  image: { readonly current: RgbImage | null },
  width: number,
  height: number,
): StoredLevel {
  return {
    width,
    height,
    tileWidth: TILE_SIDE,
    tileHeight: TILE_SIDE,
    async decodeTile(column, row) {
      if (image.current === null) return null;
      const [left, top] = [column * TILE_SIDE, row * TILE_SIDE];
      const tileWidth = Math.min(TILE_SIDE, width - left);
      return cutArea(image.current, {
        left,
        top,
        width: tileWidth,
        height: Math.min(TILE_SIDE, height - top),
      });
    },
    // The file is one image, not tiles.
    compressedTile: () => Promise.resolve(null),
  };
}
