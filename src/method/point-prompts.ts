import { EpSamError, type RandomStream } from "../common/index.js";
import { type FloatMap, type Mask, resizeFloatMap } from "../imaging/index.js";
import { type Points, patchPoints } from "../models/index.js";
import { weightedSample } from "./weighted-sample.js";

/**
 * Positive points uniform inside a mask, for training (paper section 2): different pixels, or, when the mask has
 * fewer pixels than points, pixels drawn with replacement. An empty mask has no points, `undefined`, never one at
 * (0, 0): the caller skips the image.
 */
export function pointsInMask(mask: Mask, count: number, stream: RandomStream): Points<"patch"> | undefined {
  const pixels = foreground(mask);
  if (pixels.length === 0) return undefined;
  const chosen =
    pixels.length < count
      ? Array.from({ length: count }, () => pixels[stream.integer(pixels.length)] ?? 0)
      : firstShuffled(pixels, count, stream);
  return pixelPoints(chosen, mask.width);
}

/**
 * Positive points inside a mask, drawn without replacement with probability proportional to the activation (paper
 * section 2, for pseudo-labels and inference). When fewer pixels of the mask are activated than there are points,
 * they are drawn with replacement; when none is, all count alike. An empty mask has no points.
 *
 * @param activation at any resolution, values from 0; resized bilinearly to the mask
 * @throws EpSamError `numerical` when an activation is negative or not finite.
 */
export function pointsInActivation(
  activation: FloatMap,
  mask: Mask,
  count: number,
  stream: RandomStream,
): Points<"patch"> | undefined {
  const { width, height } = mask;
  const sameSize = activation.width === width && activation.height === height;
  const resized = sameSize ? activation : resizeFloatMap(activation, width, height);
  const pixels = foreground(mask);
  const weights = Float64Array.from(pixels, (pixel) => requireWeight(resized.data[pixel]));
  const activated = weights.reduce((total, weight) => total + (weight > 0 ? 1 : 0), 0);
  if (activated === 0) return pointsInMask(mask, count, stream);
  const positions =
    activated < count
      ? Array.from({ length: count }, () => weightedSample(weights, 1, stream)[0] ?? 0)
      : weightedSample(weights, count, stream);
  return pixelPoints(
    positions.map((position) => pixels[position] ?? 0),
    width,
  );
}

function requireWeight(value: number | undefined): number {
  if (value !== undefined && value >= 0 && Number.isFinite(value)) return value;
  throw new EpSamError("numerical", {
    what: `points cannot be drawn by an activation of ${value}`,
    why: "activations must be finite and not negative",
  });
}

/** Row-major indices of the foreground. */
function foreground({ data }: Mask): Uint32Array {
  const pixels = new Uint32Array(data.reduce((sum, value) => sum + value, 0));
  let next = 0;
  for (let pixel = 0; pixel < data.length; pixel++) {
    if (data[pixel] === 1) pixels[next++] = pixel;
  }
  return pixels;
}

/** The first steps of a Fisher–Yates shuffle; changes `items`. */
function firstShuffled(items: Uint32Array, count: number, stream: RandomStream): number[] {
  return Array.from({ length: count }, (_, position) => {
    const other = position + stream.integer(items.length - position);
    const chosen = items[other] ?? 0;
    items[other] = items[position] ?? 0;
    return chosen;
  });
}

/** Points at pixels; SAM itself moves a coordinate to its pixel's centre. */
function pixelPoints(pixels: readonly number[], width: number): Points<"patch"> {
  return patchPoints(
    Float32Array.from(pixels.flatMap((pixel) => [pixel % width, Math.floor(pixel / width)])),
  );
}
