import { basename } from "node:path";
import {
  confusion,
  type Estimate,
  type EvaluatedPatch,
  pairedDifferences,
  summarise,
} from "../../src/evaluation/index.js";
import type { Device } from "../../src/graph/index.js";
import { type Mask, readMask, readRgbImage } from "../../src/imaging/index.js";
import { openSegmenter, segmentImage } from "../../src/inference/index.js";

/** A picture and the mask that its segmentation is compared with. */
export interface TestImage {
  readonly image: string;
  /** Null when it has no foreground. */
  readonly mask: string | null;
}

/** What a stage reaches on test images, over whole images and not over patches. */
export interface StageFigures {
  readonly name: string;
  readonly seed: number;
  /** Mean of the IoU of foreground and of background, over the pixels of all images together. */
  readonly pooledMeanIou: number;
  /** The same of each image, and its mean. */
  readonly meanIouPerImage: number;
  /** Of the foreground, over all pixels. */
  readonly dice: number;
  /** Seconds of training up to this stage. */
  readonly seconds: number;
  /** Gain of the pooled mean IoU over the stage before, with its 95 % interval paired by image. */
  readonly gain: Estimate | null;
  /** The slide that was left out, where slides are. */
  readonly slide?: string | undefined;
}

const RESAMPLES = 1000;

/** Segments test images with the model of a stage and counts. */
export async function countStage(
  run: string,
  stage: string,
  images: readonly TestImage[],
  device: Device,
): Promise<EvaluatedPatch[]> {
  const segmenter = await openSegmenter(run, { stage, device });
  try {
    const counted: EvaluatedPatch[] = [];
    for (const { image, mask } of images) {
      const picture = await readRgbImage(image);
      const { width, height } = picture;
      const truth: Mask =
        mask === null
          ? { width, height, data: new Uint8Array(width * height) }
          : await readMask(mask, { instances: true, expectedSize: { width, height } });
      const { mask: found } = await segmentImage(segmenter, picture, { name: basename(image) });
      counted.push({
        id: basename(image),
        group: basename(image),
        label: mask === null ? 0 : 1,
        confusion: confusion(found, truth),
      });
    }
    return counted;
  } finally {
    await segmenter.close();
  }
}

/** The figures of a stage's counts. */
export function figuresOf(
  counted: readonly EvaluatedPatch[],
  before: readonly EvaluatedPatch[] | undefined,
  stage: Pick<StageFigures, "name" | "seed" | "seconds" | "slide">,
): StageFigures {
  const options = { seed: stage.seed, resamples: RESAMPLES };
  const { metrics } = summarise(counted, options);
  const perImage = counted.map(
    (image) => summarise([image], { ...options, resamples: 1 }).metrics.meanIou?.value ?? 0,
  );
  return {
    ...stage,
    pooledMeanIou: metrics.meanIou?.value ?? 0,
    meanIouPerImage: perImage.reduce((sum, value) => sum + value, 0) / Math.max(1, perImage.length),
    dice: metrics.pooledDice?.value ?? 0,
    gain: before === undefined ? null : pairedDifferences(before, counted, options).meanIou,
  };
}

/** The figures as a table for people. */
export function formatFigures(stages: readonly StageFigures[]): string {
  const header = ["stage", "seed", "mIoU pooled", "gain", "mIoU per image", "Dice", "seconds"];
  const rows = stages.map(({ name, seed, pooledMeanIou, gain, meanIouPerImage, dice, seconds, slide }) => [
    slide === undefined ? name : `${slide}: ${name}`,
    `${seed}`,
    pooledMeanIou.toFixed(3),
    gain === null ? "" : `${gain.value.toFixed(3)} (${gain.low.toFixed(3)} to ${gain.high.toFixed(3)})`,
    meanIouPerImage.toFixed(3),
    dice.toFixed(3),
    seconds.toFixed(0),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
