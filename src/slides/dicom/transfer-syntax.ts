import { slideError } from "../slide-error.js";
import type { DataSet } from "./data-set.js";
import { DicomTag } from "./tags.js";

export interface PixelEncoding {
  readonly compression: "none" | "jpeg" | "jpeg-2000";
  /** Samples per pixel: grey or colour. */
  readonly samples: 1 | 3;
  /** True when an uncompressed frame holds one colour after another. */
  readonly isPlanar: boolean;
}

const COMPRESSIONS: Readonly<Record<string, PixelEncoding["compression"]>> = {
  "1.2.840.10008.1.2": "none",
  "1.2.840.10008.1.2.1": "none",
  "1.2.840.10008.1.2.4.50": "jpeg",
  "1.2.840.10008.1.2.4.90": "jpeg-2000",
  "1.2.840.10008.1.2.4.91": "jpeg-2000",
};

/** What others are called, so that the message says more than a number. */
const OTHER_COMPRESSIONS: Readonly<Record<string, string>> = {
  "1.2.840.10008.1.2.5": "RLE",
  "1.2.840.10008.1.2.4.51": "JPEG extended",
  "1.2.840.10008.1.2.4.57": "JPEG lossless",
  "1.2.840.10008.1.2.4.70": "JPEG lossless",
  "1.2.840.10008.1.2.4.80": "JPEG-LS",
  "1.2.840.10008.1.2.4.81": "JPEG-LS",
  "1.2.840.10008.1.2.4.201": "High-Throughput JPEG 2000",
  "1.2.840.10008.1.2.4.202": "High-Throughput JPEG 2000",
  "1.2.840.10008.1.2.4.203": "High-Throughput JPEG 2000",
};

/** Colour models that are read; JPEG 2000 undoes RCT and ICT itself while decoding. */
const PHOTOMETRIC: Readonly<
  Record<
    PixelEncoding["compression"],
    { readonly grey: readonly string[]; readonly colour: readonly string[] }
  >
> = {
  none: { grey: ["MONOCHROME2"], colour: ["RGB"] },
  jpeg: { grey: ["MONOCHROME2"], colour: ["RGB", "YBR_FULL_422", "YBR_FULL"] },
  "jpeg-2000": { grey: [], colour: ["RGB", "YBR_RCT", "YBR_ICT"] },
};

const CONVERT = "Convert it to JPEG baseline frames, for example with wsidicomizer or dcmcjpeg.";

/**
 * How the pixels are stored.
 * @throws EpSamError `slide` for a compression, depth or colour model that is not read
 */
export function encodingOf(path: string, transferSyntax: string, dataSet: DataSet): PixelEncoding {
  const compression = COMPRESSIONS[transferSyntax];
  if (compression === undefined) {
    const name = OTHER_COMPRESSIONS[transferSyntax] ?? "unknown";
    throw slideError(path, "has a compression that is not read", `${name}, ${transferSyntax}`, CONVERT);
  }
  const samples = dataSet.unsigned(DicomTag.samplesPerPixel);
  const bits = dataSet.unsigned(DicomTag.bitsAllocated);
  if ((samples !== 1 && samples !== 3) || bits !== 8) {
    const why = `${samples ?? "unknown"} samples of ${bits ?? "unknown"} bits`;
    throw slideError(path, "has pixels of a kind that is not read", why, CONVERT);
  }
  requirePhotometric(path, dataSet.text(DicomTag.photometric), compression, samples);
  return { compression, samples, isPlanar: dataSet.unsigned(DicomTag.planarConfiguration) === 1 };
}

function requirePhotometric(
  path: string,
  photometric: string | undefined,
  compression: PixelEncoding["compression"],
  samples: 1 | 3,
): void {
  const { grey, colour } = PHOTOMETRIC[compression];
  if (photometric !== undefined && (samples === 1 ? grey : colour).includes(photometric)) return;
  throw slideError(path, "has colours of a kind that is not read", photometric ?? "missing", CONVERT);
}
