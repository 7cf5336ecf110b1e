import { moduleBeside, type Reporter, silentReporter } from "../../common/index.js";
import { type MicronsPerPixel, openSlide, type PixelSource } from "../../slides/index.js";
import type { PictureTable } from "../picture-tables.js";
import { type Duplicates, duplicatesOf } from "../preparation/duplicates.js";
import type { SkippedInput } from "../preparation/options.js";
import type { Origin } from "../preparation/patients.js";
import { type FoundSlides, findSlides } from "./find-slides.js";
import { tellLeftOver } from "./left-over.js";
import { foldersOf, type PrepareSlidesOptions, type SlideSettings } from "./options.js";
import type { ExaminedSlide } from "./plan.js";
import { ScannedResolutions } from "./resolutions.js";
import type { SlideWorkers } from "./shared-work.js";
import { readLooks } from "./slide-looks.js";
import type { PreparationState } from "./state.js";
import { originsOfSlides, readMppTable } from "./tables.js";

/** Patches read at a time, unless told otherwise: reading waits for the disk and for other threads. */
const CONCURRENCY = 4;

/** What work on slides needs. */
export interface PreparationJob {
  readonly settings: SlideSettings;
  readonly state: PreparationState;
  readonly openSlide: (path: string) => Promise<PixelSource>;
  readonly knownMpp: ReadonlyMap<string, MicronsPerPixel>;
  readonly resolutions: ScannedResolutions;
  readonly concurrency: number;
  readonly slideModule: string;
  readonly workers: SlideWorkers | undefined;
  readonly reporter: Reporter;
  readonly signal: AbortSignal | undefined;
}

/** A preparation with its slides found and its tables read. */
export interface BegunPreparation {
  readonly found: FoundSlides;
  readonly origins: PictureTable<Origin>;
  readonly job: PreparationJob;
  readonly skipped: SkippedInput[];
  readonly warnings: string[];
}

/** Everything that a preparation reads. */
export function inputsOf(options: PrepareSlidesOptions): string[] {
  const tables = [options.patients, options.splitTable, options.mppTable].filter(
    (path) => path !== undefined,
  );
  return [...options.inputs, ...foldersOf(options), ...tables];
}

/** @throws EpSamError as `prepareSlides()` says of inputs and tables, and what `open` throws */
export async function beginSlides(
  options: PrepareSlidesOptions,
  settings: SlideSettings,
  open: () => Promise<PreparationState>,
): Promise<BegunPreparation> {
  const found = await findSlides(options.inputs, foldersOf(options), settings);
  const knownMpp = options.mppTable === undefined ? null : await readMppTable(options.mppTable, found.slides);
  const origins = await originsOfSlides(found.slides, options);
  const state = await open();
  const job: PreparationJob = {
    settings,
    state,
    openSlide: options.openSlide ?? ((path) => openSlide(path)),
    knownMpp: knownMpp?.values ?? new Map(),
    resolutions: new ScannedResolutions(settings.resolution, options.anyResolution),
    concurrency: options.concurrency ?? CONCURRENCY,
    slideModule: options.slideModule ?? moduleBeside(import.meta.url, "./slide-child"),
    workers: options.workers,
    reporter: options.reporter ?? silentReporter,
    signal: options.signal,
  };
  return { found, origins, job, ...tellLeftOver(found, options, knownMpp, origins) };
}

/** Slides that are pictures of the same. */
export function duplicatesAmong(examined: readonly ExaminedSlide[]): Duplicates {
  return duplicatesOf(
    examined.map(({ file, examination: { looks } }) => [file.stem, looks === null ? null : readLooks(looks)]),
  );
}
