import { rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { EpSamError, exists, type Reporter } from "../../common/index.js";
import { camStage } from "../../contract/index.js";
import type { DeviceSource } from "../../graph/index.js";
import { inferSlides } from "../../inference/index.js";
import { claimDirectory } from "../../project/index.js";
import { writeRunReport } from "../../report/index.js";
import {
  evaluationFolder,
  mergeRecords,
  type RunEvaluation,
  readEvaluation,
  resolveConfig,
  type TrainingConfig,
} from "../../run/index.js";
import { beginOrGoOn, type TrainedRun } from "../../training/index.js";
import { type HeldOutFiles, makeMaterial } from "./material.js";
import { DEMO_PRESET, type DemoSettings } from "./settings.js";

const ADVICE = "Go on with it by --resume, replace it by --overwrite, or choose another --out.";

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
  const { settings, resume, overwrite } = options;
  await claimDirectory(places.root, { name: "demo", settings, resume, overwrite, advice: ADVICE });
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

function trainOn(places: DemoPlaces, options: DemoOptions): Promise<TrainedRun> {
  const { settings, device, reporter, signal, commandLine } = options;
  return beginOrGoOn({
    data: places.dataset,
    out: places.run,
    preset: DEMO_PRESET,
    config: demoConfig(places, settings),
    device,
    reporter,
    signal,
    commandLine,
  });
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
