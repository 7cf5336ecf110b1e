import sharp from "sharp";
import type { RgbImage } from "../imaging/index.js";
import type { CompressedTile } from "./pixel-source.js";

/** JPEG, PNG or WebP by the first bytes; null for anything else, above all for formats that can name files. */
export function rasterType(head: Uint8Array): CompressedTile["mediaType"] | null {
  const text = Buffer.from(head.subarray(0, 12)).toString("latin1");
  if (text.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "image/png";
  return text.startsWith("RIFF") && text.endsWith("WEBP") ? "image/webp" : null;
}

export interface SizeRange {
  readonly minimum: { readonly width: number; readonly height: number };
  readonly maximum: { readonly width: number; readonly height: number };
}

/**
 * Decodes a tile that is an image file of its own; what is transparent is white.
 * @throws Error with the reason when it is of another type or size, or damaged
 */
export async function decodeRasterTile(bytes: Uint8Array, size: SizeRange): Promise<RgbImage> {
  if (rasterType(bytes) === null) throw new Error("it is neither JPEG, PNG nor WebP");
  const { minimum, maximum } = size;
  const image = sharp(bytes, {
    failOn: "warning",
    ignoreIcc: true,
    limitInputPixels: maximum.width * maximum.height,
  });
  const { width, height } = await image.metadata();
  const fits =
    width >= minimum.width && height >= minimum.height && width <= maximum.width && height <= maximum.height;
  if (!fits) throw new Error(`it has ${width} × ${height} pixels, not ${minimum.width} × ${minimum.height}`);
  const data = await image.flatten({ background: "white" }).toColourspace("srgb").raw().toBuffer();
  if (data.length !== width * height * 3) throw new Error("it does not decode to three colours");
  return { width, height, data };
}
