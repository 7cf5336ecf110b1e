import { EpSamError, type RandomStream } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { adjustBrightness, adjustContrast, adjustHue, adjustSaturation, toGreyscale } from "./jitter.js";

/** How the classifier's training images are varied (DESIGN section 2.2). */
export interface AugmentationOptions {
  /** Probability of a left–right flip. */
  readonly horizontalFlip: number;
  /** Probability of a top–bottom flip. */
  readonly verticalFlip: number;
  /** The rotation is uniform in [−rotationDegrees, rotationDegrees]; 0 switches it off. */
  readonly rotationDegrees: number;
  /**
   * What lies outside the image when it is rotated. `reflect` mirrors the tissue; `constant` leaves black
   * corners as the authors' code does, whose straight edges the high-frequency channel sees.
   */
  readonly border: "reflect" | "constant";
  /** Brightness, contrast and saturation factors are uniform in [1 − value, 1 + value]. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** The hue shift is uniform in [−hue, hue], in turns of the colour circle (at most 0.5). */
  readonly hue: number;
  /** Probability of turning the image grey. */
  readonly greyscale: number;
}

/** The authors' augmentation, with mirrored instead of black corners. */
export const defaultAugmentation: AugmentationOptions = {
  horizontalFlip: 0.5,
  verticalFlip: 0.5,
  rotationDegrees: 180,
  border: "reflect",
  brightness: 0.2,
  contrast: 0.2,
  saturation: 0.2,
  hue: 0.2,
  greyscale: 0.1,
};

/** One adjustment of the colours: a factor, or for the hue a shift in turns. */
export interface ColourAdjustment {
  readonly kind: "brightness" | "contrast" | "saturation" | "hue";
  readonly amount: number;
}

/** What is done to one image: every random choice already made. */
export interface AugmentationPlan {
  readonly horizontalFlip: boolean;
  readonly verticalFlip: boolean;
  /** Counter-clockwise, after the flips. */
  readonly rotationDegrees: number;
  readonly border: "reflect" | "constant";
  /** In the order in which they are applied. */
  readonly colour: readonly ColourAdjustment[];
  readonly greyscale: boolean;
}

/** Draws what to do to one image. The number of draws never depends on the options. */
export function drawAugmentation(options: AugmentationOptions, stream: RandomStream): AugmentationPlan {
  const horizontalFlip = stream.chance(options.horizontalFlip);
  const verticalFlip = stream.chance(options.verticalFlip);
  const rotationDegrees = stream.uniform(-1, 1) * options.rotationDegrees;
  const adjustments: ColourAdjustment[] = [
    { kind: "brightness", amount: 1 + stream.uniform(-1, 1) * options.brightness },
    { kind: "contrast", amount: 1 + stream.uniform(-1, 1) * options.contrast },
    { kind: "saturation", amount: 1 + stream.uniform(-1, 1) * options.saturation },
    { kind: "hue", amount: stream.uniform(-1, 1) * options.hue },
  ];
  const colour = stream.shuffled(adjustments).filter((adjustment) => !changesNothing(adjustment));
  const greyscale = stream.chance(options.greyscale);
  return { horizontalFlip, verticalFlip, rotationDegrees, border: options.border, colour, greyscale };
}

function changesNothing({ kind, amount }: ColourAdjustment): boolean {
  return kind === "hue" ? amount === 0 : amount === 1;
}

/**
 * Applies a plan: flips and rotation in one bilinear resampling pass about the image's centre, then the
 * colours in floating point as torchvision does on float tensors, rounded to 8 bits once at the end.
 * @returns a new image of the same size.
 */
export function applyAugmentation(image: RgbImage, plan: AugmentationPlan): RgbImage {
  const pixels = scratch(image.data.length);
  resample(image, plan, pixels);
  for (const { kind, amount } of plan.colour) {
    if (kind === "brightness") adjustBrightness(pixels, amount);
    else if (kind === "contrast") adjustContrast(pixels, amount);
    else if (kind === "saturation") adjustSaturation(pixels, amount);
    else adjustHue(pixels, amount);
  }
  if (plan.greyscale) toGreyscale(pixels);
  return { width: image.width, height: image.height, data: quantise(pixels) };
}

/**
 * One random augmentation of `image`, decided by `stream` alone. For reproducible training give each sample
 * a stream of its own, named by seed, epoch and sample index.
 */
export function augment(image: RgbImage, options: AugmentationOptions, stream: RandomStream): RgbImage {
  return applyAugmentation(image, drawAugmentation(options, stream));
}

// Reused between calls (none of which awaits): a fresh buffer per image costs more than the jitter itself.
let scratchBuffer = new Float32Array(0);

function scratch(length: number): Float32Array {
  if (scratchBuffer.length < length) scratchBuffer = new Float32Array(length);
  return scratchBuffer.subarray(0, length);
}

/** Fills `output` (RGB interleaved, values 0–255) with the flipped and rotated image. */
function resample(image: RgbImage, plan: AugmentationPlan, output: Float32Array): void {
  if (plan.rotationDegrees === 0 && !plan.horizontalFlip && !plan.verticalFlip) {
    output.set(image.data);
    return;
  }
  const { width, height } = image;
  const angle = (plan.rotationDegrees * Math.PI) / 180;
  const signX = plan.horizontalFlip ? -1 : 1;
  const signY = plan.verticalFlip ? -1 : 1;
  // From output to input: undo the rotation, then the flips; y points down, so counter-clockwise is −angle.
  const xFromX = signX * Math.cos(angle);
  const xFromY = -signX * Math.sin(angle);
  const yFromX = signY * Math.sin(angle);
  const yFromY = signY * Math.cos(angle);
  const centreX = (width - 1) / 2;
  const centreY = (height - 1) / 2;
  let target = 0;
  for (let y = 0; y < height; y++) {
    const rowX = centreX + xFromY * (y - centreY);
    const rowY = centreY + yFromY * (y - centreY);
    for (let x = 0; x < width; x++, target += 3) {
      const sourceX = rowX + xFromX * (x - centreX);
      const sourceY = rowY + yFromX * (x - centreX);
      const outside = sourceX < 0 || sourceY < 0 || sourceX > width - 1 || sourceY > height - 1;
      if (!outside) interpolate(image, sourceX, sourceY, output, target);
      else if (plan.border === "reflect") {
        interpolate(image, mirror(sourceX, width), mirror(sourceY, height), output, target);
      } else if (isBeyondPixels(sourceX, width) || isBeyondPixels(sourceY, height)) {
        output.fill(0, target, target + 3);
      } else {
        interpolate(image, clampTo(sourceX, width), clampTo(sourceY, height), output, target);
      }
    }
  }
}

/** Beyond the outer edge of the border pixels, which are half a pixel from their centres. */
function isBeyondPixels(position: number, size: number): boolean {
  return position < -0.5 || position > size - 0.5;
}

function clampTo(position: number, size: number): number {
  return Math.min(Math.max(position, 0), size - 1);
}

/** Reflects a coordinate about the centres of the first and last pixel, as often as needed. */
function mirror(position: number, size: number): number {
  const last = size - 1;
  if (last === 0) return 0;
  const period = 2 * last;
  const folded = Math.abs(position) % period;
  return folded > last ? period - folded : folded;
}

/** Bilinear interpolation at a point inside the image. */
function interpolate(image: RgbImage, x: number, y: number, output: Float32Array, target: number): void {
  const { data, width, height } = image;
  const left = x | 0;
  const top = y | 0;
  const fractionX = x - left;
  const fractionY = y - top;
  const stepX = left + 1 < width ? 3 : 0;
  const a = (top * width + left) * 3;
  const c = top + 1 < height ? a + width * 3 : a;
  const weightA = (1 - fractionX) * (1 - fractionY);
  const weightB = fractionX * (1 - fractionY);
  const weightC = (1 - fractionX) * fractionY;
  const weightD = fractionX * fractionY;
  for (let channel = 0; channel < 3; channel++) {
    output[target + channel] =
      weightA * (data[a + channel] as number) +
      weightB * (data[a + stepX + channel] as number) +
      weightC * (data[c + channel] as number) +
      weightD * (data[c + stepX + channel] as number);
  }
}

function quantise(pixels: Float32Array): Uint8Array {
  const data = new Uint8Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) data[i] = (pixels[i] as number) + 0.5;
  return data;
}

/** Per-channel normalisation `(value − mean) / standardDeviation`, with values in [0, 1]. */
export interface Normalisation {
  readonly mean: readonly [number, number, number];
  readonly standardDeviation: readonly [number, number, number];
}

/**
 * Images as the classifier's input: [N, 3, H, W], RGB, values in [0, 1] unless normalised.
 * @throws EpSamError `shape` when the images differ in size.
 */
export function toTensor(images: readonly RgbImage[], normalisation?: Normalisation): Float32Array {
  const first = images[0];
  if (first === undefined) return new Float32Array(0);
  const area = first.width * first.height;
  const tensor = new Float32Array(images.length * 3 * area);
  images.forEach((image, index) => {
    if (image.width !== first.width || image.height !== first.height) {
      throw new EpSamError("shape", {
        what: `images of ${first.width}×${first.height} and ${image.width}×${image.height} cannot form one batch`,
        where: `image ${index} of the batch`,
        action: "Prepare the patches with one size.",
      });
    }
    for (let channel = 0; channel < 3; channel++) {
      const scale = 1 / (255 * (normalisation?.standardDeviation[channel] ?? 1));
      const shift = -(normalisation?.mean[channel] ?? 0) / (normalisation?.standardDeviation[channel] ?? 1);
      const offset = (index * 3 + channel) * area;
      for (let pixel = 0, source = channel; pixel < area; pixel++, source += 3) {
        tensor[offset + pixel] = (image.data[source] as number) * scale + shift;
      }
    }
  });
  return tensor;
}
