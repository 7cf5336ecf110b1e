import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { exists, must, type Reporter, silentReporter } from "../../src/common/index.js";
import { camStage } from "../../src/contract/index.js";
import { prepareDataset } from "../../src/dataset/index.js";
import { findInputs, matchMasks, requireMasks } from "../../src/dataset/preparation/discover.js";
import type { EvaluatedPatch } from "../../src/evaluation/index.js";
import type { Device } from "../../src/graph/index.js";
import { WINDOWS } from "../../src/project/project.js";
import {
  finishedDecoderStages,
  mergeRecords,
  openRun,
  type PresetName,
  resolveConfig,
  type TrainingConfig,
} from "../../src/run/index.js";
import { train } from "../../src/training/index.js";
import { countStage, figuresOf, type StageFigures, type TestImage } from "./image-figures.js";

/** A multiple of the window's stride that two patches side by side cover an image of 775 pixels with. */
export const PATCH_SIZE = 448;

/** What the recipe is tried on. */
export interface GlasOptions {
  readonly images: string;
  readonly masks: string;
  /** Images that are never learned from; a part of `images` without them. */
  readonly testImages?: string | undefined;
  readonly testMasks?: string | undefined;
  readonly seed: number;
  readonly preset: PresetName;
  /** Values that differ from the preset. */
  readonly overrides: unknown;
  /** Data set, run and caches lie here; a run that was killed goes on. */
  readonly out: string;
  readonly device: Device;
  readonly reporter: Reporter;
}

/** Random cuts a little smaller than the patches, so that no two epochs see the same. */
const CROP_SIZE = 416;

/** The preset with what a trial asks for; decoders that see pixels alone learn from cuts. */
export function trialConfig({
  preset,
  overrides,
  seed,
}: Pick<GlasOptions, "preset" | "overrides" | "seed">): TrainingConfig {
  const config = resolveConfig(preset, mergeRecords(overrides, { seed }));
  if (config.decoder.kind !== "pyramid" || config.decoder.augment.cropSize !== null) return config;
  return resolveConfig(preset, mergeRecords(config, { decoder: { augment: { cropSize: CROP_SIZE } } }));
}

/** The whole recipe from files to figures: labels of windows, training, whole test images. */
export async function tryGlas(options: GlasOptions): Promise<StageFigures[]> {
  const { seed, out, device, reporter, testImages } = options;
  const data = join(out, `data-${seed}`);
  const run = join(out, `run-${seed}`);
  if (!(await exists(data))) {
    await prepareDataset({
      inputs: [options.images],
      masks: options.masks,
      maskValues: "any",
      out: data,
      patchSize: PATCH_SIZE,
      stride: PATCH_SIZE,
      windows: WINDOWS,
      // Without images kept apart, 60 to learn from, 10 to choose and 15 to test, as far as there are 85.
      split: testImages === undefined ? [60, 10, 15] : [75, 10, 0],
      seed,
      reporter,
    });
  }
  const tested = await testImagesOf(options, data);
  const config = trialConfig(options);
  const resume = await exists(join(run, "run.json"));
  await train({ data, out: run, preset: options.preset, config, resume, overwrite: false, device, reporter });
  return stagesOf(run, tested, seed, device);
}

/** The figures of every finished stage, in order. */
export async function stagesOf(
  run: string,
  images: readonly TestImage[],
  seed: number,
  device: Device,
): Promise<StageFigures[]> {
  const context = await openRun(run, { device, reporter: silentReporter, signal: undefined });
  const { stages: records } = context.run.record;
  const figures: StageFigures[] = [];
  let seconds = records.classifier?.seconds ?? 0;
  let before: EvaluatedPatch[] | undefined;
  for (const stage of [camStage, ...finishedDecoderStages(context)]) {
    seconds += records[stage]?.seconds ?? 0;
    const counted = await countStage(run, stage, images, device);
    figures.push(figuresOf(counted, before, { name: stage, seed, seconds }));
    before = counted;
  }
  return figures;
}

const sourcesSchema = z.object({
  sources: z.array(z.object({ image: z.string(), split: z.string().nullable() })),
});

/** @throws EpSamError `input-mask` naming the test images that have no mask */
async function testImagesOf(options: GlasOptions, data: string): Promise<TestImage[]> {
  const { images, testImages, testMasks = options.masks } = options;
  const found = await findInputs([testImages ?? images]);
  const described = sourcesSchema.parse(JSON.parse(await readFile(join(data, "dataset.json"), "utf8")));
  const ofTest = described.sources.filter(({ split }) => split === "test").map(({ image }) => image);
  const tested = found.images.filter(
    ({ path }) => testImages !== undefined || ofTest.some((name) => path.endsWith(`/${name}`)),
  );
  const { masks } = await matchMasks(found.images, testMasks);
  requireMasks(tested, masks, testMasks);
  return tested.map(({ path, stem }) => ({ image: path, mask: must(masks, stem, "mask") }));
}
