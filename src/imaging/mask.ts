import { EpSamError } from "../common/index.js";
import { decodeSamples, type RawSamples, readInputFile } from "./decode.js";
import type { Mask } from "./types.js";

export interface ReadMaskOptions {
  /** The size the mask must have, that is, its image's. */
  readonly expectedSize?: { readonly width: number; readonly height: number } | undefined;
  /** Foreground is every value at or above this one; says deliberately that the file is not binary. */
  readonly threshold?: number | undefined;
  /** The file numbers its objects (as GlaS does): every value above 0 is foreground. */
  readonly instances?: boolean | undefined;
}

/**
 * Reads a mask file of one channel, or of three equal ones. Without options it must be binary: values 0 and 1,
 * 0 and 255 (65535 at 16 bits), or one of these alone.
 * @throws EpSamError `input-mask` when unreadable, of another size than expected, coloured or not binary; with
 *   transparent pixels, whose meaning nobody knows; or compressed with loss (JPEG) where the noise of that counts.
 */
export async function readMask(path: string, options: ReadMaskOptions = {}): Promise<Mask> {
  return decodeMask(await readInputFile(path, "input-mask"), path, options);
}

/** Decodes the bytes of a mask file; see {@link readMask}. */
export async function decodeMask(
  bytes: Uint8Array,
  name: string,
  options: ReadMaskOptions = {},
): Promise<Mask> {
  const samples = await decodeSamples(bytes, name, "input-mask");
  const { width, height } = samples;
  if (options.expectedSize !== undefined) requireSize(samples, options.expectedSize, name);
  requireOpaque(samples, name);
  if (samples.isLossy) requireAboveNoise(name, options);
  const values = singleChannel(samples, name, options.instances === true);
  const lowest = foregroundFrom(values, samples, name, options);
  return { width, height, data: thresholded(values, lowest) };
}

/** 1 from the lowest value on; a loop, since masks are read in every step of a training, takes a tenth of `from`. */
function thresholded(values: Uint8Array | Uint16Array, lowest: number): Uint8Array {
  const data = new Uint8Array(values.length);
  for (let at = 0; at < data.length; at++) data[at] = (values[at] ?? 0) >= lowest ? 1 : 0;
  return data;
}

function requireSize(
  samples: RawSamples,
  expected: { readonly width: number; readonly height: number },
  name: string,
): void {
  if (samples.width === expected.width && samples.height === expected.height) return;
  throw new EpSamError("input-mask", {
    what: "does not have the size of its image",
    where: name,
    why: `the mask is ${samples.width}x${samples.height}, the image ${expected.width}x${expected.height}`,
    action: "Check that the two belong together, and export the mask at the image's size.",
  });
}

function requireOpaque({ hasTransparentPixels }: RawSamples, name: string): void {
  if (!hasTransparentPixels) return;
  throw new EpSamError("input-mask", {
    what: "has transparent pixels",
    where: name,
    why: "whether the shape lies in the opacity or in the colours cannot be known",
    action: "Export it without an alpha channel, 0 for background and 255 for foreground.",
  });
}

/** How far from its value lossy compression may take a sample of 8 bits. */
const NOISE = 32;

/** In a mask compressed with loss only a limit far from both ends tells foreground from noise. */
function requireAboveNoise(name: string, { instances, threshold }: ReadMaskOptions): void {
  const isSafe = threshold === undefined || (threshold >= NOISE && threshold <= 255 - NOISE);
  if (instances !== true && isSafe) return;
  throw new EpSamError("input-mask", {
    what: "is compressed with loss",
    where: name,
    why:
      instances === true
        ? "the noise of that (JPEG and its like) around 0 would count as foreground"
        : `a threshold of ${threshold} is within the noise of that (JPEG and its like)`,
    action: `Export it as PNG; or, when it is black and white, ask for a threshold of 128 (${NOISE} to ${255 - NOISE}): \`maskValues: 128\`.`,
  });
}

/** One value per pixel; `instances` may be coloured, then a pixel's largest channel stands for it. */
function singleChannel(samples: RawSamples, name: string, instances: boolean): Uint8Array | Uint16Array {
  if (samples.channels === 1) return samples.data;
  const { data } = samples;
  const pixels = samples.width * samples.height;
  const values = samples.bits === 16 ? new Uint16Array(pixels) : new Uint8Array(pixels);
  for (let pixel = 0; pixel < pixels; pixel++) {
    const red = data[pixel * 3] ?? 0;
    const green = data[pixel * 3 + 1] ?? 0;
    const blue = data[pixel * 3 + 2] ?? 0;
    if (!instances && (red !== green || red !== blue))
      throw colouredMask(name, [red, green, blue], samples.isLossy);
    values[pixel] = Math.max(red, green, blue);
  }
  return values;
}

function colouredMask(name: string, colour: readonly number[], isLossy: boolean): EpSamError {
  return new EpSamError("input-mask", {
    what: "is a colour image, not a mask",
    where: name,
    why: `it holds the colour (${colour.join(", ")})`,
    action: isLossy
      ? "Export it as PNG, without the loss of JPEG and its like, with one channel, 0 for background and 255 for foreground."
      : "Export it with one channel, 0 for background and 255 for foreground, or, when every colour but black is foreground, pass `maskValues: any`.",
  });
}

/** The lowest value that means foreground. */
function foregroundFrom(
  values: Uint8Array | Uint16Array,
  { bits, isLossy }: RawSamples,
  name: string,
  options: ReadMaskOptions,
): number {
  if (options.instances === true) return 1;
  if (options.threshold !== undefined) return options.threshold;
  const found = distinct(values, bits);
  const full = 2 ** bits - 1;
  // Next to noise, a mask of 0 and 1 is one of 0 alone.
  const isBinary = [...(isLossy ? [] : [1]), 255, full].some((foreground) =>
    found.every((value) => value === 0 || value === foreground),
  );
  if (isBinary) return 1;
  throw new EpSamError("input-mask", {
    what: "is not a binary mask",
    where: name,
    why: `it holds ${found.length} values: ${listed(found)}`,
    action: isLossy
      ? "Export it as PNG, without the loss of JPEG and its like; or, when it is black and white, ask for a threshold of 128: `maskValues: 128`."
      : `Export it with the values 0 and ${full}; or say what is foreground: instance masks, \`maskValues: any\` (every value above 0), or a threshold, such as \`maskValues: ${Math.max(1, found.at(-1) ?? 1)}\`.`,
  });
}

/** The values that occur, in order. */
function distinct(values: Uint8Array | Uint16Array, bits: number): number[] {
  const occurs = new Uint8Array(2 ** bits);
  for (let at = 0; at < values.length; at++) occurs[values[at] ?? 0] = 1;
  return [...occurs.keys()].filter((value) => occurs[value] === 1);
}

function listed(values: readonly number[]): string {
  return values.length <= 8 ? values.join(", ") : `${values.slice(0, 7).join(", ")}, …, ${values.at(-1)}`;
}
