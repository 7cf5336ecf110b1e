import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { type RandomStream, writeFileAtomically } from "../../src/common/index.js";
import {
  generatePatients,
  generateTissueImage,
  type Staining,
  type SyntheticOptions,
  type SyntheticTissue,
} from "../../src/dataset/index.js";
import { writeMaskPng, writePng } from "../../src/imaging/index.js";

export interface PatchOptions {
  /** Width and height in pixels. */
  readonly size: number;
  readonly kind: "tumour" | "normal";
  readonly staining?: Staining;
}

/** A patch of tissue: without any tumour, or with 20–90 % of it as the method's positive patches. */
export function generatePatch(stream: RandomStream, options: PatchOptions): SyntheticTissue {
  const { size, kind, ...rest } = options;
  const base = { ...rest, width: size, height: size };
  if (kind === "normal") return generateTissueImage(stream, { ...base, tumourNests: 0 });
  const tumourFraction = stream.uniform(0.24, 0.86);
  return generateTissueImage(stream, { ...base, tumourNests: 1 + stream.integer(3), tumourFraction });
}

/** Where {@link writeSyntheticImages} wrote. */
export interface SyntheticImages {
  readonly images: string;
  readonly masks: string;
  /** CSV with the columns image and patient, as `epsam prepare --patients` reads it. */
  readonly patients: string;
}

/** Writes the tissue of several patients: `images/<name>.png`, `masks/<name>.png` (0 and 255) and `patients.csv`. */
export async function writeSyntheticImages(
  outDirectory: string,
  options: SyntheticOptions,
): Promise<SyntheticImages> {
  const images = join(outDirectory, "images");
  const masks = join(outDirectory, "masks");
  const patients = join(outDirectory, "patients.csv");
  await mkdir(images, { recursive: true });
  await mkdir(masks, { recursive: true });
  const rows: string[][] = [["image", "patient"]];
  for (const { image, mask, name, patient } of generatePatients(options)) {
    await writePng(join(images, `${name}.png`), image);
    await writeMaskPng(join(masks, `${name}.png`), mask);
    rows.push([`${name}.png`, patient]);
  }
  await writeFileAtomically(patients, stringify(rows));
  return { images, masks, patients };
}
