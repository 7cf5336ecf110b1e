import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EpSamError, exists, type Reporter, writeFileAtomically } from "../../common/index.js";
import { prepareSlides } from "../../dataset/index.js";
import type { DeviceSource } from "../../graph/index.js";
import { inferSlides } from "../../inference/index.js";
import { writeRunReport } from "../../report/index.js";
import {
  evaluationFolder,
  mergeRecords,
  parseConfig,
  RunDirectory,
  type RunEvaluation,
  readEvaluation,
  resolveConfig,
  type TrainingConfig,
} from "../../run/index.js";
import { type TrainedRun, train } from "../../training/index.js";
import { writeGeneratedSlides } from "./generated-slides.js";
import { DEMO_MICRONS_PER_PIXEL, type DemoSettings } from "./settings.js";

export interface DemoOptions {
  readonly out: string;
  readonly settings: DemoSettings;
  /** Goes on with the demo in `out`. */
  readonly resume: boolean;
  /** Replaces the demo in `out`. */
  readonly overwrite: boolean;
  readonly device: DeviceSource;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  readonly commandLine?: readonly string[] | undefined;
}

/** Where everything is and what came out. */
export interface DemoResult {
  readonly root: string;
  readonly tissue: string;
  readonly dataset: string;
  readonly run: string;
  readonly inference: string;
  readonly report: string;
  readonly evaluation: RunEvaluation;
  /** Agreement of the outlines of the segmented slide with its annotation. */
  readonly heldOut: {
    readonly slide: string;
    readonly dice: number;
    readonly iou: number;
    /** Of the tumour, in square millimetres. */
    readonly area: number | null;
  };
}

/**
 * The whole job on generated tissue: annotated slides, dataset, training, evaluation, segmentation of a slide that
 * nothing was trained on, report. Finished parts are kept when a demo is resumed.
 * @throws EpSamError `usage` when `out` is not empty and neither `resume` nor `overwrite` is given, or is to be
 *   resumed or overwritten but holds no demo of these settings; what the single steps throw.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const places = demoPlaces(resolve(options.out));
  await claimDirectory(places.root, options);
  await makeDataset(places, options);
  const trained = await trainOn(places, options);
  const heldOut = await segmentHeldOut(places, options);
  const report = await writeRunReport(trained, trained.dataset);
  const evaluated = await readEvaluation(evaluationFolder(trained.run, trained.dataset), "test");
  if (evaluated === undefined) {
    throw new EpSamError("internal", { what: "was not evaluated", where: places.run });
  }
  // Quick to compute again, and a quarter of a gigabyte.
  await rm(places.embeddings, { recursive: true, force: true });
  return { ...places, report, evaluation: evaluated.evaluation, heldOut };
}

function demoPlaces(root: string) {
  const place = (name: string) => join(root, name);
  return {
    root,
    tissue: place("tissue"),
    heldOut: place("held-out"),
    dataset: place("dataset"),
    run: place("run"),
    inference: place("inference"),
    embeddings: place("embeddings"),
  };
}

type DemoPlaces = ReturnType<typeof demoPlaces>;

/** Marks the directory as a demo's, so that only such a one is ever resumed or replaced. */
async function claimDirectory(root: string, { settings, resume, overwrite }: DemoOptions): Promise<void> {
  const marker = join(root, "demo.json");
  const content = `${JSON.stringify({ formatVersion: 1, settings }, null, 2)}\n`;
  const isDemo = await exists(marker);
  const isFree = !(await exists(root)) || (await readdir(root)).length === 0;
  if (resume) {
    if (isDemo && (await readFile(marker, "utf8")) === content) return;
    throw new EpSamError("usage", {
      what: isDemo ? "holds a demo with other settings" : "holds no demo to go on with",
      where: root,
      action: "Start one without --resume, in a new directory.",
    });
  }
  if (!isFree && !(overwrite && isDemo)) {
    throw new EpSamError("usage", {
      what: isDemo ? "already holds a demo" : "is not empty and holds no demo",
      where: root,
      action: isDemo
        ? "Go on with it by --resume, replace it by --overwrite, or choose another --out."
        : "Choose a new or empty directory for --out.",
    });
  }
  if (isDemo) await rm(root, { recursive: true });
  await mkdir(root, { recursive: true });
  await writeFileAtomically(marker, content);
}

async function makeDataset(places: DemoPlaces, { settings, reporter, signal }: DemoOptions): Promise<void> {
  // A dataset appears as a whole, so one that is there is complete.
  if (await exists(places.dataset)) return;
  const { seed, slides, heldOutSize } = settings;
  const shared = { imagesPerPatient: 1, micronsPerPixel: DEMO_MICRONS_PER_PIXEL, reporter, signal };
  const tissue = await writeGeneratedSlides(places.tissue, { ...slides, ...shared, seed });
  await writeGeneratedSlides(places.heldOut, { ...shared, seed: seed + 1, count: 1, size: heldOutSize });
  await prepareSlides({
    inputs: [tissue.slides],
    annotations: tissue.annotations,
    patients: tissue.patients,
    out: places.dataset,
    patchSize: settings.patchSize,
    stride: settings.stride,
    split: settings.split,
    maxPositives: settings.maxPositives,
    maxNegatives: settings.maxNegatives,
    // The generated slides have no glass around the tissue.
    tissue: "all",
    seed,
    reporter,
    signal,
  });
}

async function trainOn(places: DemoPlaces, options: DemoOptions): Promise<TrainedRun> {
  const { device, reporter, signal, commandLine } = options;
  const isBegun = await exists(join(places.run, "run.json"));
  return train({
    data: places.dataset,
    out: places.run,
    preset: "paper-small",
    config: isBegun ? await begunConfig(places.run) : demoConfig(places, options.settings),
    resume: isBegun,
    overwrite: false,
    device,
    reporter,
    signal,
    commandLine,
  });
}

async function begunConfig(run: string): Promise<TrainingConfig> {
  const { record } = await RunDirectory.open(run);
  return parseConfig(record.config, join(run, "run.json"));
}

function demoConfig({ embeddings }: DemoPlaces, { seed, config }: DemoSettings): TrainingConfig {
  const own = { seed, cache: { directory: embeddings } };
  return resolveConfig("paper-small", mergeRecords(config, own), "demo");
}

/** Segments a slide of a patient whom training has not seen and compares it with its annotation. */
async function segmentHeldOut(
  places: DemoPlaces,
  { device, reporter, signal }: DemoOptions,
): Promise<DemoResult["heldOut"]> {
  const { slides } = await inferSlides({
    run: places.run,
    inputs: [join(places.heldOut, "slides")],
    annotations: join(places.heldOut, "annotations"),
    out: places.inference,
    tissue: "all",
    // A resumed demo goes on with the slide where it was left.
    resume: await exists(places.inference),
    device,
    reporter,
    signal,
  });
  const [segmented] = slides;
  const agreement = segmented?.result.agreement;
  if (segmented === undefined || agreement === null || agreement === undefined) {
    throw new EpSamError("internal", { what: "was not segmented", where: places.heldOut });
  }
  const { dice, iou } = agreement.outlines;
  return { slide: segmented.result.file, dice, iou, area: segmented.summary.tumour.squareMillimetres };
}
