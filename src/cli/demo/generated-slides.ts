import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { type Reporter, writeFileAtomically } from "../../common/index.js";
import { generatePatients, type PatientTissue, type SyntheticOptions } from "../../dataset/index.js";
import { rasterOf, traceFoci, writeFociAsapXml } from "../../inference/index.js";
import { tiledPyramid } from "./tiled-pyramid.js";

/** Where {@link writeGeneratedSlides} wrote. */
export interface GeneratedSlides {
  readonly slides: string;
  readonly annotations: string;
  /** CSV with the columns slide and patient, as `epsam prepare --patients` reads it. */
  readonly patients: string;
}

export interface GeneratedSlidesOptions extends SyntheticOptions {
  readonly micronsPerPixel: number;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Writes generated tissue as a scanner and a pathologist would leave it: `slides/<name>.tif`, tiled JPEG pyramids
 * that tell their microns per pixel, `annotations/<name>.xml` with the outlines of the tumour as ASAP writes them,
 * and `patients.csv`.
 * @throws EpSamError `storage` when a file cannot be written.
 */
export async function writeGeneratedSlides(
  directory: string,
  options: GeneratedSlidesOptions,
): Promise<GeneratedSlides> {
  const { micronsPerPixel, reporter, signal, count } = options;
  const resolution = { x: micronsPerPixel, y: micronsPerPixel };
  const slides = join(directory, "slides");
  const annotations = join(directory, "annotations");
  const patients = join(directory, "patients.csv");
  await mkdir(slides, { recursive: true });
  await mkdir(annotations, { recursive: true });
  const rows: string[][] = [["slide", "patient"]];
  for (const tissue of generatePatients(options)) {
    signal?.throwIfAborted();
    const pyramid = await tiledPyramid(tissue.image, resolution, { compression: "jpeg", quality: 90 });
    await writeFileAtomically(join(slides, `${tissue.name}.tif`), pyramid);
    await writeOutlines(join(annotations, `${tissue.name}.xml`), tissue, micronsPerPixel);
    rows.push([tissue.name, tissue.patient]);
    reporter.progress({ task: "generating slides", done: rows.length - 1, total: count });
  }
  await writeFileAtomically(patients, stringify(rows));
  return { slides, annotations, patients };
}

async function writeOutlines(path: string, { mask, name }: PatientTissue, mpp: number): Promise<void> {
  const foci = await traceFoci(rasterOf(mask), { micronsPerPixel: { x: mpp, y: mpp }, tolerance: 0 });
  await writeFociAsapXml(path, foci, { identity: { run: "generated tissue", slide: name } });
}
