import type { RandomAccessFile } from "../../common/index.js";
import type { TiffDirectory } from "./directory.js";
import { Compression, Photometric, TiffTag } from "./tags.js";

/** More samples than any picture has. */
const ABSURD_SAMPLES = 64;

/** What the samples of a pixel mean and how they lie. */
export interface SampleLayout {
  readonly photometric: number;
  /** Samples of colour: 1 or 3. */
  readonly colours: 1 | 3;
  /** Opacity as one more sample: null for none. Associated means that colours are already multiplied by it. */
  readonly alpha: "associated" | "unassociated" | null;
  /** 1 when a pixel's samples lie together; else every sample has a plane, with tiles, of its own. */
  readonly planes: number;
  /** Bytes of one pixel in one decoded tile or strip. */
  readonly bytesPerSegmentPixel: number;
  /** True when rows hold differences between neighbours (predictor 2). */
  readonly differenced: boolean;
  /** Colours of a palette, 256 of each channel after another; null without one. */
  readonly palette: Uint8Array | null;
}

/** Photometric interpretation of separated colours, which is not read. */
const CMYK = 5;
const DIFFERENCED = new Set<number>([Compression.Lzw, Compression.Deflate, Compression.AdobeDeflate]);
const JPEG_2000 = new Set<number>([Compression.AperioJpeg2000Ycc, Compression.AperioJpeg2000Rgb]);

/**
 * The samples as a directory describes them, or the reason why such samples are not read.
 * @throws EpSamError `slide` for an absurd number of samples
 */
export async function readSampleLayout(
  file: RandomAccessFile,
  directory: TiffDirectory,
  compression: number,
): Promise<SampleLayout | string> {
  // Optional where the bits of every sample are listed.
  const bits = (await directory.numbers(TiffTag.BitsPerSample)) ?? [1];
  const count = await directory.number(TiffTag.SamplesPerPixel, bits.length);
  if (count < 1 || count > ABSURD_SAMPLES) {
    throw file.error("holds an absurd count", `${count} samples per pixel`);
  }
  const obstacle = await unreadSamples(directory, bits);
  if (obstacle !== null) return obstacle;
  const photometric = await directory.number(TiffTag.PhotometricInterpretation, null);
  const colours = coloursOf(photometric, compression);
  if (photometric === null || colours === null)
    return photometric === CMYK
      ? `photometric interpretation ${CMYK} (CMYK, the colours of print)`
      : `photometric interpretation ${photometric ?? "missing"}`;
  const alpha = await alphaOf(directory, count - colours);
  if (alpha === "other") return `${count} samples per pixel`;
  const encoded = compression === Compression.Jpeg || JPEG_2000.has(compression);
  if (encoded && alpha !== null) return `${count} samples per pixel in JPEG`;
  const planar = (await directory.number(TiffTag.PlanarConfiguration, 1)) === 2 && count > 1;
  if (planar && (encoded || compression === Compression.WebP)) return "separate planes in JPEG or WebP";
  const predictor = DIFFERENCED.has(compression) ? await directory.number(TiffTag.Predictor, 1) : 1;
  if (predictor !== 1 && predictor !== 2) return `predictor ${predictor}`;
  const palette = photometric === Photometric.Palette ? await readPalette(directory) : null;
  if (photometric === Photometric.Palette && palette === null) return "a palette without its 256 colours";
  return {
    photometric,
    colours,
    alpha,
    planes: planar ? count : 1,
    bytesPerSegmentPixel: planar ? 1 : count,
    differenced: predictor === 2,
    palette,
  };
}

async function unreadSamples(directory: TiffDirectory, bits: readonly number[]): Promise<string | null> {
  if (bits.some((value) => value !== 8)) return `${[...new Set(bits)].join(", ")} bits per sample`;
  const formats = (await directory.numbers(TiffTag.SampleFormat)) ?? [1];
  if (formats.some((value) => value !== 1)) return "samples that are no unsigned whole numbers";
  return (await directory.number(TiffTag.FillOrder, 1)) === 1 ? null : "bits in reverse order";
}

function coloursOf(photometric: number | null, compression: number): 1 | 3 | null {
  if (JPEG_2000.has(compression)) return 3;
  switch (photometric) {
    case Photometric.WhiteIsZero:
    case Photometric.BlackIsZero:
      return 1;
    case Photometric.Palette:
      return compression === Compression.Jpeg || compression === Compression.WebP ? null : 1;
    case Photometric.Rgb:
      return 3;
    case Photometric.Ycc:
      return compression === Compression.Jpeg || compression === Compression.WebP ? 3 : null;
    default:
      return null;
  }
}

async function alphaOf(
  directory: TiffDirectory,
  extraSamples: number,
): Promise<SampleLayout["alpha"] | "other"> {
  if (extraSamples === 0) return null;
  if (extraSamples !== 1) return "other";
  const meaning = await directory.number(TiffTag.ExtraSamples, 0);
  if (meaning === 1) return "associated";
  return meaning === 2 ? "unassociated" : "other";
}

async function readPalette(directory: TiffDirectory): Promise<Uint8Array | null> {
  const colours = await directory.numbers(TiffTag.ColorMap);
  if (colours?.length !== 768) return null;
  // Some programs write 8 bits where 16 belong.
  const shift = colours.some((value) => value > 255) ? 8 : 0;
  return Uint8Array.from(colours, (value) => value >> shift);
}
