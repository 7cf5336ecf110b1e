import sharp from "sharp";
import type { RgbImage } from "../../imaging/index.js";
import type { CompressedTile, PixelSource } from "../../slides/index.js";
import { type TilePlace, tilePlace } from "../tile-place.js";
import type { ServedLevel } from "./served-levels.js";

/** Quality of tiles that are encoded anew; mozjpeg would take ten times as long. */
const TILE_QUALITY = 80;

export interface TileAddress {
  readonly level: ServedLevel;
  readonly column: number;
  readonly row: number;
}

/** The stored tile, unchanged; null when it has to be encoded. */
export async function storedTile(
  source: PixelSource,
  { level, column, row }: TileAddress,
  signal: AbortSignal,
): Promise<CompressedTile | null> {
  tilePlace(level, column, row);
  if (!level.isNativeGrid) return null;
  return (await source.readCompressedTile?.(level.stored, column, row, { signal })) ?? null;
}

/** A tile decoded from the slide and encoded as JPEG. */
export async function encodedTile(
  source: PixelSource,
  { level, column, row }: TileAddress,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const place = tilePlace(level, column, row);
  const region = await readPlace(source, level, place, signal);
  const image = sharp(region.data, { raw: { width: region.width, height: region.height, channels: 3 } });
  const scaled =
    level.factor === 1
      ? image
      : image.resize(place.width, place.height, { fit: "fill", kernel: sharp.kernel.cubic });
  return scaled.jpeg({ quality: TILE_QUALITY }).toBuffer();
}

/** The pixels of the stored level that a place of a served level covers. */
export function readPlace(
  source: PixelSource,
  { stored, factor }: ServedLevel,
  place: TilePlace,
  signal: AbortSignal,
): Promise<RgbImage> {
  const { width = 1, height = 1, downsample = 1 } = source.levels[stored] ?? {};
  const [left, top] = [place.left * factor, place.top * factor];
  return source.readRegion(
    {
      level: stored,
      // Rounded up, because reading begins at the level's pixel that holds the origin.
      origin: { space: "level-0", x: Math.ceil(left * downsample), y: Math.ceil(top * downsample) },
      width: Math.min(place.width * factor, width - left),
      height: Math.min(place.height * factor, height - top),
    },
    { signal },
  );
}

/** Any picture of a slide as JPEG. */
export function encodePicture({ width, height, data }: RgbImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: TILE_QUALITY })
    .toBuffer();
}
