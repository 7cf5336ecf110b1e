import { EpSamError, RandomStream } from "../../common/index.js";
import { drawStaining } from "./staining.js";
import { generateTissueImage, type SyntheticTissue } from "./tissue.js";

/** What decides generated tissue. */
export interface SyntheticOptions {
  /** Number of images. */
  readonly count: number;
  readonly seed: number;
  /** Width and height of an image in pixels. */
  readonly size: number;
  /** Images of one patient, who has one staining; 2 unless told. */
  readonly imagesPerPatient?: number;
  /** 0.5 unless told. */
  readonly micronsPerPixel?: number;
}

/** One generated image of a patient. */
export interface PatientTissue extends SyntheticTissue {
  /** Without extension; unique. */
  readonly name: string;
  readonly patient: string;
}

/** The area a nest of ordinary size keeps to itself, in square microns, when about a third is tumour. */
const AREA_PER_NEST = 32_000;

/**
 * Generates the tissue of several patients. About a third of the pixels are tumour; each image also has regions
 * without. Image `k` depends on the seed and on `k` only.
 * @throws EpSamError `usage` when the count is not a positive whole number.
 */
export function* generatePatients(options: SyntheticOptions): Generator<PatientTissue> {
  const { count, seed, size, imagesPerPatient = 2, micronsPerPixel = 0.5 } = options;
  requirePositive("images", count);
  requirePositive("images per patient", imagesPerPatient);
  for (let index = 0; index < count; index++) {
    const patientNumber = Math.floor(index / imagesPerPatient);
    const patient = `patient-${padded(patientNumber)}`;
    const stream = new RandomStream(seed, "synthetic image", index);
    const meanNests = (size * micronsPerPixel) ** 2 / AREA_PER_NEST;
    const tissue = generateTissueImage(stream, {
      width: size,
      height: size,
      micronsPerPixel,
      tumourNests: Math.max(1, Math.round(meanNests * stream.uniform(0.6, 1.4))),
      staining: drawStaining(new RandomStream(seed, "synthetic staining", patientNumber)),
    });
    yield { ...tissue, name: `${patient}-image-${padded(index % imagesPerPatient)}`, patient };
  }
}

function padded(index: number): string {
  return String(index + 1).padStart(2, "0");
}

function requirePositive(what: string, value: number): void {
  if (Number.isInteger(value) && value > 0) return;
  throw new EpSamError("usage", {
    what: `the number of ${what} cannot be ${value}`,
    action: "Use a whole number from 1.",
  });
}
