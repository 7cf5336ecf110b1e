import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EpSamError, exists, type Reporter } from "../../common/index.js";
import { prepareSlides } from "../../dataset/index.js";
import { writeGeneratedSlides } from "./generated-slides.js";
import {
  DEMO_MICRONS_PER_PIXEL,
  type DemoSettings,
  type GeneratedTissue,
  type RealTissue,
} from "./settings.js";
import { prepareParts } from "./slide-parts.js";

/** Beside the program, in a clone of the repository; not part of the npm package. */
const EXAMPLES = fileURLToPath(new URL("../../../examples/", import.meta.url));

/** Where a demo's data go. */
export interface MaterialPlaces {
  /** Slides with annotations to learn from. */
  readonly tissue: string;
  /** The slide that is segmented at the end. */
  readonly heldOut: string;
  readonly dataset: string;
}

interface MaterialOptions {
  readonly settings: DemoSettings;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
}

/** The slide that is segmented at the end, and its annotation. */
export interface HeldOutFiles {
  readonly slide: string;
  readonly annotations: string;
  /** Their folder where it is not the demo's own. */
  readonly elsewhere: readonly string[];
}

/**
 * Makes a demo's dataset, unless it is there, which it is as a whole.
 * @throws EpSamError `usage` when real tissue is asked for and not there; what preparing throws
 */
export async function makeMaterial(places: MaterialPlaces, options: MaterialOptions): Promise<HeldOutFiles> {
  const { tissue } = options.settings;
  return "folder" in tissue
    ? realMaterial(places, tissue, options)
    : generatedMaterial(places, tissue, options);
}

async function generatedMaterial(
  places: MaterialPlaces,
  { count, size, heldOutSize, split }: GeneratedTissue,
  { settings, reporter, signal }: MaterialOptions,
): Promise<HeldOutFiles> {
  const { seed, patchSize, stride, windowSize } = settings;
  const heldOut = {
    slide: join(places.heldOut, "slides"),
    annotations: join(places.heldOut, "annotations"),
    elsewhere: [],
  };
  if (await exists(places.dataset)) return heldOut;
  const shared = { imagesPerPatient: 1, micronsPerPixel: DEMO_MICRONS_PER_PIXEL, reporter, signal };
  const learnt = await writeGeneratedSlides(places.tissue, { ...shared, count, size, seed });
  await writeGeneratedSlides(places.heldOut, { ...shared, seed: seed + 1, count: 1, size: heldOutSize });
  await prepareSlides({
    inputs: [learnt.slides],
    annotations: learnt.annotations,
    patients: learnt.patients,
    out: places.dataset,
    patchSize,
    stride,
    windows: { size: windowSize },
    evaluationPatches: "all",
    split,
    // The generated slides have no glass around the tissue.
    tissue: "all",
    seed,
    reporter,
    signal,
  });
  return heldOut;
}

async function realMaterial(
  places: MaterialPlaces,
  { folder, learnFrom, heldOut }: RealTissue,
  { settings, reporter, signal }: MaterialOptions,
): Promise<HeldOutFiles> {
  const { seed, patchSize, stride, windowSize } = settings;
  const filesOf = (name: string) => ({
    name,
    slide: join(EXAMPLES, folder, "slides", `${name}.tif`),
    annotation: join(EXAMPLES, folder, "annotations", `${name}.xml`),
  });
  const [learnt, tried] = [filesOf(learnFrom), filesOf(heldOut)];
  for (const file of [learnt.slide, learnt.annotation, tried.slide, tried.annotation])
    await requireThere(file);
  if (!(await exists(places.dataset))) {
    await prepareParts([learnt], places.tissue, {
      out: places.dataset,
      mpp: DEMO_MICRONS_PER_PIXEL,
      patchSize,
      stride,
      windows: { size: windowSize },
      evaluationPatches: "all",
      seed,
      reporter,
      signal,
    });
  }
  // Alone, so that no annotation is left over.
  const annotations = join(places.heldOut, "annotations");
  await mkdir(annotations, { recursive: true });
  await copyFile(tried.annotation, join(annotations, `${heldOut}.xml`));
  return { slide: tried.slide, annotations, elsewhere: [join(EXAMPLES, folder)] };
}

async function requireThere(path: string): Promise<void> {
  if (await exists(path)) return;
  throw new EpSamError("usage", {
    where: path,
    what: "is not there",
    why: "the npm package does not carry the slides of real tissue",
    action: "Run the demo in a clone of the repository, or without --tissue.",
  });
}
