import sharp from "sharp";
import { expect } from "vitest";
import { EpSamError, RandomStream } from "../../src/common/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import type { PixelSource, Region } from "../../src/slides/index.js";

/** A smooth, coloured picture in which every place looks different. */
export function gradientImage(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const wave = 40 * Math.sin((x + 2 * y) / 9);
      data.set(
        [(200 * x) / width + 50, (180 * y) / height + 40, 120 + wave].map(Math.round),
        (y * width + x) * 3,
      );
    }
  }
  return { width, height, data };
}

/** Independent random samples, for formats without loss. */
export function noiseImage(width: number, height: number, seed = 0): RgbImage {
  const stream = new RandomStream(seed, "noise image");
  const data = Uint8Array.from({ length: width * height * 3 }, () => stream.integer(256));
  return { width, height, data };
}

export function encode(image: RgbImage, format: "png" | "jpeg" | "webp" | "tiff" = "png"): Promise<Buffer> {
  const { width, height, data } = image;
  const raw = sharp(data, { raw: { width, height, channels: 3 } });
  return format === "webp" ? raw.webp({ lossless: true }).toBuffer() : raw.toFormat(format).toBuffer();
}

export async function decode(bytes: Uint8Array): Promise<RgbImage> {
  const { data, info } = await sharp(bytes).toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  return { width: info.width, height: info.height, data: new Uint8Array(data) };
}

/** A rectangle of an image; white where it has none. */
export function cropWhite(
  image: RgbImage,
  left: number,
  top: number,
  width: number,
  height: number,
): RgbImage {
  const data = new Uint8Array(width * height * 3).fill(255);
  for (let y = Math.max(0, -top); y < Math.min(height, image.height - top); y++) {
    const first = Math.max(0, -left);
    const last = Math.min(width, image.width - left);
    if (last <= first) continue;
    const source = ((top + y) * image.width + left) * 3;
    data.set(image.data.subarray(source + first * 3, source + last * 3), (y * width + first) * 3);
  }
  return { width, height, data };
}

export function region(x: number, y: number, width: number, height: number, level = 0): Region {
  return { origin: { space: "level-0", x, y }, level, width, height };
}

/** Reads all of a level. */
export function readLevel(source: PixelSource, level: number): Promise<RgbImage> {
  const size = source.levels[level];
  if (size === undefined) throw new Error(`there is no level ${level}`);
  return source.readRegion(region(0, 0, size.width, size.height, level));
}

/** Fails unless both images are equal in size and every sample; faster than comparing arrays in expect. */
export function expectSameImage(actual: RgbImage, expected: RgbImage): void {
  expect([actual.width, actual.height]).toEqual([expected.width, expected.height]);
  expect(Buffer.compare(actual.data, expected.data)).toBe(0);
}

/** The largest difference of two samples. */
export function largestDifference(a: RgbImage, b: RgbImage): number {
  expect(a.data.length).toBe(b.data.length);
  return a.data.reduce((most, value, index) => Math.max(most, Math.abs(value - (b.data[index] ?? 0))), 0);
}

/** The error of something that must fail with a tagged one. */
export async function failureOf(work: Promise<unknown>): Promise<EpSamError> {
  const outcome = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (outcome instanceof EpSamError) return outcome;
  throw new Error(`expected an EpSamError, got ${outcome === null ? "success" : String(outcome)}`);
}
