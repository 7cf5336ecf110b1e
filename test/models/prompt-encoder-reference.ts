import type { StateDict } from "../../src/models/weights/index.js";

/** The values of one parameter; a missing name is the test's own mistake. */
export function parameter(weights: StateDict, name: string): Float32Array {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`no parameter ${name}`);
  return tensor.data;
}

const at = (values: ArrayLike<number>, index: number): number => values[index] ?? Number.NaN;

/** Sine and cosine features [256] of a position in the unit square, written from SAM's paper (random Fourier). */
export function positionalEncoding(weights: StateDict, x: number, y: number): Float64Array {
  const gaussian = parameter(weights, "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix");
  const features = new Float64Array(256);
  for (let index = 0; index < 128; index++) {
    const projection = (2 * x - 1) * at(gaussian, index) + (2 * y - 1) * at(gaussian, 128 + index);
    features[index] = Math.sin(2 * Math.PI * projection);
    features[128 + index] = Math.cos(2 * Math.PI * projection);
  }
  return features;
}

/** Sparse embeddings [count, 256] of points in 1024-pixel coordinates; label −1 is padding, 2 and 3 box corners. */
export function sparseEmbeddings(
  weights: StateDict,
  points: Float32Array,
  labels: readonly number[],
): Float64Array {
  const result = new Float64Array(labels.length * 256);
  for (const [point, label] of labels.entries()) {
    const isPadding = label === -1;
    const name = isPadding ? "not_a_point_embed" : `point_embeddings.${label}`;
    const learned = parameter(weights, `prompt_encoder.${name}.weight`);
    const x = (at(points, 2 * point) + 0.5) / 1024;
    const y = (at(points, 2 * point + 1) + 0.5) / 1024;
    const position = isPadding ? new Float64Array(256) : positionalEncoding(weights, x, y);
    for (let index = 0; index < 256; index++) {
      result[point * 256 + index] = at(position, index) + at(learned, index);
    }
  }
  return result;
}

interface FeatureMap {
  readonly channels: number;
  readonly side: number;
  readonly data: Float64Array;
}

/** A convolution whose stride equals its kernel size. */
function patchwiseConvolution(
  weights: StateDict,
  name: string,
  input: FeatureMap,
  kernel: number,
): FeatureMap {
  const weight = parameter(weights, `${name}.weight`);
  const bias = parameter(weights, `${name}.bias`);
  const side = input.side / kernel;
  const data = new Float64Array(bias.length * side * side);
  const taps = input.channels * kernel * kernel;
  for (let output = 0; output < bias.length; output++) {
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        let sum = at(bias, output);
        for (let tap = 0; tap < taps; tap++) {
          const channel = Math.floor(tap / (kernel * kernel));
          const row = y * kernel + (Math.floor(tap / kernel) % kernel);
          const pixel = channel * input.side ** 2 + row * input.side + x * kernel + (tap % kernel);
          sum += at(weight, output * taps + tap) * at(input.data, pixel);
        }
        data[(output * side + y) * side + x] = sum;
      }
    }
  }
  return { channels: bias.length, side, data };
}

/** LayerNorm over the channels of each pixel, epsilon 1e-6. */
export function layerNorm2d(weights: StateDict, name: string, input: FeatureMap): FeatureMap {
  const weight = parameter(weights, `${name}.weight`);
  const bias = parameter(weights, `${name}.bias`);
  const area = input.side ** 2;
  const data = new Float64Array(input.data.length);
  for (let pixel = 0; pixel < area; pixel++) {
    let mean = 0;
    let square = 0;
    for (let channel = 0; channel < input.channels; channel++) {
      const value = at(input.data, channel * area + pixel);
      mean += value / input.channels;
      square += value ** 2 / input.channels;
    }
    const deviation = Math.sqrt(square - mean ** 2 + 1e-6);
    for (let channel = 0; channel < input.channels; channel++) {
      const index = channel * area + pixel;
      const normal = (at(input.data, index) - mean) / deviation;
      data[index] = normal * at(weight, channel) + at(bias, channel);
    }
  }
  return { ...input, data };
}

/** The error function by its Maclaurin series, or its limits where the series would lose digits. */
function errorFunction(x: number): number {
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

function gelu(input: FeatureMap): FeatureMap {
  return { ...input, data: input.data.map((x) => 0.5 * x * (1 + errorFunction(x / Math.SQRT2))) };
}

/** Dense embeddings [256, 64, 64] of a mask prompt [256, 256]. */
export function denseEmbeddings(weights: StateDict, mask: Float32Array): Float64Array {
  const name = (index: number) => `prompt_encoder.mask_downscaling.${index}`;
  const input = { channels: 1, side: 256, data: Float64Array.from(mask) };
  const half = gelu(layerNorm2d(weights, name(1), patchwiseConvolution(weights, name(0), input, 2)));
  const quarter = gelu(layerNorm2d(weights, name(4), patchwiseConvolution(weights, name(3), half, 2)));
  return patchwiseConvolution(weights, name(6), quarter, 1).data;
}
