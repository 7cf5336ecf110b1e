import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { onTestFinished } from "vitest";
import { isEpSamError, RandomStream, type Reporter } from "../../src/common/index.js";
import type { PrepareOptions } from "../../src/dataset/index.js";

/** A folder that is removed when the test ends. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "epsam-dataset-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A PNG of noise, different for every name, so that a patch tells where it was cut. */
export async function writeNoise(path: string, width: number, height: number): Promise<void> {
  const random = new RandomStream(1, path.split("/").at(-1) ?? "");
  const data = Uint8Array.from({ length: width * height * 3 }, () => random.integer(256));
  await writeImage(path, data, width, height, 3);
}

/** A grey PNG whose pixel values `value` gives. */
export async function writeGrey(
  path: string,
  width: number,
  height: number,
  value: (x: number, y: number) => number,
): Promise<void> {
  const data = Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
  await writeImage(path, data, width, height, 1);
}

async function writeImage(path: string, data: Uint8Array, width: number, height: number, channels: 1 | 3) {
  await mkdir(dirname(path), { recursive: true });
  const image = sharp(data, { raw: { width, height, channels } });
  await image.toColourspace(channels === 1 ? "b-w" : "srgb").toFile(path);
}

/** A text file with its folder. */
export async function writeText(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

/** Values of a PNG file's first channel. */
export async function greyValues(path: string): Promise<Uint8Array> {
  return sharp(path).toColourspace("b-w").raw().toBuffer();
}

/** Interleaved RGB values of a PNG file. */
export async function rgbValues(path: string): Promise<Uint8Array> {
  return sharp(path).removeAlpha().raw().toBuffer();
}

/** The message of the EpSamError that `work` must end in, with its tag before it. */
export async function errorOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (failure) {
    if (isEpSamError(failure)) return `[${failure.tag}] ${failure.message}`;
    throw failure;
  }
  throw new Error("no error was thrown");
}

/** A reporter that keeps its warnings and notes. */
export function recordingReporter(): Reporter & {
  readonly warnings: string[];
  readonly notes: string[];
} {
  const [warnings, notes]: [string[], string[]] = [[], []];
  return {
    progress: () => undefined,
    note: (message) => notes.push(message),
    warn: (message) => warnings.push(message),
    warnings,
    notes,
  };
}

/** Width and height of the patches cut from the images of `makeImages`. */
export const PATCH_SIZE = 32;

/** Six images of 80 × 64 pixels, tumour left of a border that moves from image to image. */
export async function makeImages(folder: string, count = 6): Promise<PrepareOptions> {
  for (let index = 0; index < count; index++) {
    await writeNoise(join(folder, "images", `tissue_${index}.png`), 80, 64);
    await writeGrey(join(folder, "masks", `tissue_${index}.png`), 80, 64, (x) =>
      x < 20 + 2 * index ? 255 : 0,
    );
  }
  return {
    inputs: [join(folder, "images")],
    masks: join(folder, "masks"),
    out: join(folder, "dataset"),
    patchSize: PATCH_SIZE,
    stride: 16,
    split: [4, 1, 1],
    mpp: 0.5,
  };
}
