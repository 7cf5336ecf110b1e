import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomically } from "../../common/index.js";
import {
  blendImages,
  blendMask,
  type Colour,
  colourMap,
  type FloatMap,
  type GreyImage,
  outlineMask,
  type RgbImage,
  writeMaskPng,
  writePng,
} from "../../imaging/index.js";
import type { ImageSegmentation } from "./segment-image.js";

/** Green stands out from the pinks and purples of H&E. */
const TUMOUR_COLOUR: Colour = [0, 255, 64];
const HEAT_MAP_OPACITY = 0.6;

const patchSchema = z.object({
  x: z.number(),
  y: z.number(),
  probability: z.number(),
  outcome: z.enum(["segmented", "below-gate", "no-activation"]),
  estimatedIou: z.number().nullable(),
});

const modelSchema = z.object({
  version: z.string(),
  seed: z.number(),
  configHash: z.string(),
  stage: z.string(),
  gate: z.number(),
  tileSize: z.number(),
  weights: z.record(z.string(), z.string()),
});

const imageResultSchema = z.object({
  formatVersion: z.literal(1),
  /** Path of the image as it was given. */
  file: z.string(),
  /** SHA-256 of the image file. */
  sha256: z.string(),
  width: z.number(),
  height: z.number(),
  /** Microns per pixel; null when unknown. */
  mpp: z.number().nullable(),
  model: modelSchema,
  overlap: z.number(),
  tumour: z.object({
    pixels: z.number(),
    /** Of all pixels. */
    fraction: z.number(),
    /** Null when the microns per pixel are unknown. */
    squareMicrons: z.number().nullable(),
  }),
  /** Paths of the images written, relative to the output directory. */
  outputs: z.object({
    mask: z.string(),
    probability: z.string(),
    heatmap: z.string(),
    overlay: z.string(),
  }),
  tiles: z.array(patchSchema),
});

/** The content of an image's JSON file. */
export type ImageResult = z.infer<typeof imageResultSchema>;

/** Paths of an image's results, relative to the output directory. */
export function resultPaths(stem: string): ImageResult["outputs"] & { readonly result: string } {
  return {
    result: `results/${stem}.json`,
    mask: `masks/${stem}.png`,
    probability: `probabilities/${stem}.png`,
    heatmap: `heatmaps/${stem}.png`,
    overlay: `overlays/${stem}.png`,
  };
}

/** The content of an image's JSON file, or `undefined` when it is not one that this version wrote. */
export function parseImageResult(value: unknown): ImageResult | undefined {
  return imageResultSchema.safeParse(value).data;
}

/**
 * Writes the images of a segmentation and then its JSON, which therefore tells that all of them are complete.
 * @throws EpSamError `storage` when a file cannot be written.
 */
export async function writeResult(
  root: string,
  stem: string,
  image: RgbImage,
  segmentation: ImageSegmentation,
  result: ImageResult,
): Promise<void> {
  const paths = resultPaths(stem);
  const { mask, probability, activation } = segmentation;
  await writeMaskPng(join(root, paths.mask), mask);
  await writePng(join(root, paths.probability), toLevels(probability));
  await writePng(join(root, paths.heatmap), blendImages(image, colourMap(activation), HEAT_MAP_OPACITY));
  await writePng(join(root, paths.overlay), tumourOverlay(image, segmentation));
  await writeFileAtomically(join(root, paths.result), `${JSON.stringify(result, null, 2)}\n`);
}

/** The image with the tumour tinted and outlined. */
function tumourOverlay(image: RgbImage, { mask }: ImageSegmentation): RgbImage {
  const thickness = Math.max(1, Math.round(Math.min(image.width, image.height) / 250));
  return outlineMask(blendMask(image, mask, TUMOUR_COLOUR), mask, TUMOUR_COLOUR, thickness);
}

/** 0 to 1 as 0 to 255. */
function toLevels({ width, height, data }: FloatMap): GreyImage {
  return { width, height, data: Uint8Array.from(data, (value) => Math.round(255 * Math.min(value, 1))) };
}
