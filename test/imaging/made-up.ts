import { createHash } from "node:crypto";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import type { FloatMap, Mask, RgbImage } from "../../src/imaging/index.js";

/** SHA-256 of bytes, as the reference files record images. */
export function digest(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

export function noiseImage(width: number, height: number, name = "image"): RgbImage {
  return { width, height, data: Uint8Array.from(deterministicUniform(name, width * height * 3, 0, 256)) };
}

export function noiseMap(width: number, height: number, name = "map"): FloatMap {
  return { width, height, data: deterministicUniform(name, width * height, 0, 1) };
}

export function noiseMask(width: number, height: number, name = "mask"): Mask {
  return { width, height, data: Uint8Array.from(deterministicUniform(name, width * height, 0, 2)) };
}

/** A mask drawn as text: `#` is foreground; rows end at line breaks. */
export function drawnMask(picture: string): Mask {
  const rows = picture.trim().split(/\s+/);
  const data = Uint8Array.from(rows.join(""), (character) => (character === "#" ? 1 : 0));
  return { width: rows[0]?.length ?? 0, height: rows.length, data };
}

/** The inverse of {@link drawnMask}. */
export function pictureOf(mask: Mask): string[] {
  return Array.from({ length: mask.height }, (_, y) =>
    Array.from(mask.data.subarray(y * mask.width, (y + 1) * mask.width), (value) => (value ? "#" : ".")).join(
      "",
    ),
  );
}
