import { readdir } from "node:fs/promises";
import { join, parse } from "node:path";
import { type AnnotatedSlide, prepareParts } from "../../src/cli/demo/slide-parts.js";
import { EpSamError, exists, type Reporter, silentReporter } from "../../src/common/index.js";
import { camStage } from "../../src/contract/index.js";
import type { Confusion, EvaluatedPatch } from "../../src/evaluation/index.js";
import type { Device } from "../../src/graph/index.js";
import { inferSlides } from "../../src/inference/index.js";
import { WINDOWS } from "../../src/project/project.js";
import { finishedDecoderStages, openRun, type PresetName } from "../../src/run/index.js";
import { train } from "../../src/training/index.js";
import { PATCH_SIZE, trialConfig } from "./glas.js";
import { figuresOf, type StageFigures } from "./image-figures.js";
import { drawLabelledWindows } from "./labelled-windows.js";

/** What the recipe is tried on, leaving out one slide in turn. */
export interface RegionsOptions {
  readonly slides: readonly string[];
  readonly annotations: string;
  /** Microns per pixel of the patches. */
  readonly mpp: number;
  readonly seed: number;
  /** Windows of the slide left out that are labelled, for a further stage that is adapted to it; 0 for none. */
  readonly labelledWindows: number;
  readonly preset: PresetName;
  /** Values that differ from the preset. */
  readonly overrides: unknown;
  /** Slides, data sets and runs lie here; a run that was killed goes on. */
  readonly out: string;
  readonly device: Device;
  readonly reporter: Reporter;
}

/** Every slide in turn segmented by a run that has learnt from the others. */
export async function tryRegions(options: RegionsOptions): Promise<StageFigures[]> {
  const slides = await withAnnotations(options);
  if (slides.length < 2) {
    throw new EpSamError("usage", { what: "leaving one slide out takes two slides or more" });
  }
  const figures: StageFigures[] = [];
  for (const test of slides) {
    const others = slides.filter((slide) => slide !== test);
    figures.push(...(await tryOne(options, test, others)));
  }
  return figures;
}

async function withAnnotations({ slides, annotations }: RegionsOptions): Promise<readonly AnnotatedSlide[]> {
  const files = await readdir(annotations);
  return slides.map((slide) => {
    const { name } = parse(slide);
    const annotation = files.find((file) => parse(file).name === name && !file.startsWith("."));
    if (annotation === undefined) {
      throw new EpSamError("annotation", { where: annotations, what: `has nothing named like ${slide}` });
    }
    return { name, slide, annotation: join(annotations, annotation) };
  });
}

async function tryOne(
  options: RegionsOptions,
  test: AnnotatedSlide,
  others: readonly AnnotatedSlide[],
): Promise<StageFigures[]> {
  const { mpp, seed, preset, labelledWindows, out: root, device, reporter } = options;
  const out = join(root, `without-${test.name}-${seed}`);
  const [data, run] = [join(out, "data"), join(out, "run")];
  if (!(await exists(data))) {
    await prepareParts(others, out, {
      out: data,
      mpp,
      patchSize: PATCH_SIZE,
      stride: PATCH_SIZE / 2,
      windows: WINDOWS,
      evaluationPatches: "all",
      seed,
      reporter,
    });
  }
  const config = trialConfig(options);
  const resume = await exists(join(run, "run.json"));
  await train({ data, out: run, preset, config, resume, overwrite: false, device, reporter });

  const context = await openRun(run, { device, reporter: silentReporter, signal: undefined });
  const records = context.run.record.stages;
  const figures: StageFigures[] = [];
  const segment = async (name: string, stage: string, labelledSquares?: string): Promise<void> => {
    const { slides } = await inferSlides({
      run,
      stage,
      inputs: [test.slide],
      annotations: new Map([[test.slide, test.annotation]]),
      labelledSquares,
      out: join(out, name),
      tissue: "all",
      gate: 0,
      device,
      resume: await exists(join(out, name)),
      reporter,
    });
    const counted = [countOf(test.name, slides[0]?.result.agreement?.mask.confusion)];
    figures.push(figuresOf(counted, undefined, { name, seed, seconds, slide: test.name }));
  };
  let seconds = records.classifier?.seconds ?? 0;
  const stages = [camStage, ...finishedDecoderStages(context)];
  for (const stage of stages) {
    seconds += records[stage]?.seconds ?? 0;
    await segment(stage, stage);
  }
  const last = stages.at(-1);
  if (labelledWindows > 0 && last !== undefined) {
    const windows = { count: labelledWindows, mpp, seed };
    await segment(`${last}-${labelledWindows}-windows`, last, await drawLabelledWindows(test, out, windows));
  }
  return figures;
}

function countOf(id: string, counts: Confusion | undefined): EvaluatedPatch {
  if (counts === undefined) throw new EpSamError("internal", { what: "was not segmented", where: id });
  return { id, group: id, label: 1, confusion: counts };
}
