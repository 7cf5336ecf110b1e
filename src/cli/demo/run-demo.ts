import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EpSamError, exists, type Reporter, writeFileAtomically } from "../../common/index.js";
import type { Device } from "../../graph/index.js";
import { inferSlides } from "../../inference/index.js";
import { writeRunReport } from "../../report/index.js";
import {
  camStage,
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
import { type HeldOutFiles, makeMaterial } from "./material.js";
import { DEMO_PRESET, type DemoSettings } from "./settings.js";

export interface DemoOptions {
  readonly out: string;
  readonly settings: DemoSettings;
  /** Goes on with the demo in `out`. */
  readonly resume: boolean;
  /** Replaces the demo in `out`. */
  readonly overwrite: boolean;
  readonly device: Device;
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
  /** The held-out slide by the activation map alone. */
  readonly activationMap: string;
  readonly inference: string;
  readonly report: string;
  /** Of the test slides; null where there are none. */
  readonly evaluation: RunEvaluation | null;
  readonly heldOut: HeldOutSlide;
  /** What `epsam view` shows all of it with. */
  readonly look: readonly string[];
}

/** A slide of a patient whom training has not seen: agreement of what was segmented with its annotation. */
export interface HeldOutSlide {
  readonly slide: string;
  /** Of the outlines of the activation map alone. */
  readonly activationMap: { readonly dice: number; readonly iou: number };
  /** Of the outlines. */
  readonly dice: number;
  readonly iou: number;
  /** Of the tumour, in square millimetres. */
  readonly area: number | null;
}

/**
 * The whole job: annotated slides, dataset, training, evaluation, segmentation of a slide that nothing was trained on,
 * report. Finished parts are kept when a demo is resumed.
 * @throws EpSamError `usage` when `out` is not empty and neither `resume` nor `overwrite` is given, or is to be
 *   resumed or overwritten but holds no demo of these settings; what the single steps throw.
 */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const places = demoPlaces(resolve(options.out));
  await claimDirectory(places.root, options);
  const files = await makeMaterial(places, options);
  const trained = await trainOn(places, options);
  const heldOut = await segmentHeldOut(places, files, options);
  const report = await writeRunReport(trained, trained.dataset);
  const evaluated = await readEvaluation(evaluationFolder(trained.run, trained.dataset), "test");
  // Quick to compute again, and a quarter of a gigabyte.
  await rm(places.embeddings, { recursive: true, force: true });
  return {
    ...places,
    report,
    evaluation: evaluated?.evaluation ?? null,
    heldOut,
    look: [places.root, ...files.elsewhere],
  };
}

function demoPlaces(root: string) {
  const place = (name: string) => join(root, name);
  return {
    root,
    tissue: place("tissue"),
    heldOut: place("held-out"),
    dataset: place("dataset"),
    run: place("run"),
    activationMap: place("activation-map"),
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

async function trainOn(places: DemoPlaces, options: DemoOptions): Promise<TrainedRun> {
  const { device, reporter, signal, commandLine } = options;
  const isBegun = await exists(join(places.run, "run.json"));
  return train({
    data: places.dataset,
    out: places.run,
    preset: DEMO_PRESET,
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
  return resolveConfig(DEMO_PRESET, mergeRecords(config, own), "demo");
}

/** Segments the slide that training has not seen, by the activation map alone and by the last stage. */
async function segmentHeldOut(
  places: DemoPlaces,
  { slide, annotations }: HeldOutFiles,
  { device, reporter, signal }: DemoOptions,
): Promise<HeldOutSlide> {
  const segment = async (out: string, stage?: string) => {
    const { slides } = await inferSlides({
      run: places.run,
      stage,
      inputs: [slide],
      annotations,
      out,
      tissue: "all",
      // A resumed demo goes on with the slide where it was left.
      resume: await exists(out),
      device,
      reporter,
      signal,
    });
    const [segmented] = slides;
    const agreement = segmented?.result.agreement;
    if (segmented === undefined || agreement === null || agreement === undefined) {
      throw new EpSamError("internal", { what: "was not segmented", where: slide });
    }
    return { segmented, agreement };
  };
  const map = await segment(places.activationMap, camStage);
  const { segmented, agreement } = await segment(places.inference);
  const { dice, iou } = agreement.outlines;
  return {
    slide: segmented.result.file,
    activationMap: { dice: map.agreement.outlines.dice, iou: map.agreement.outlines.iou },
    dice,
    iou,
    area: segmented.summary.tumour.squareMillimetres,
  };
}
