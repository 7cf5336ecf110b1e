import {
  add,
  axisSize,
  conv2d,
  gelu,
  pad,
  reshape,
  slice,
  transpose,
  type Value,
} from "../../graph/index.js";
import { layerNorm, layerNorm2d, linear, lookupWithin, type ParameterLookup } from "../../nn/index.js";
import { MLP_RATIO, PATCH_SIZE, type VitArchitecture } from "./vit-architecture.js";
import { attendWithPositions, projectAttended } from "./vit-attention.js";

const NORM_EPSILON = 1e-6;

/**
 * Tokens of an image: a linear map of each 16×16 square of pixels, with its absolute position added.
 * @param image [1, 3, 16 · grid, 16 · grid]
 * @returns [1, grid, grid, width]
 */
export function embedPatches(
  parameters: ParameterLookup,
  image: Value,
  { width, gridSize }: VitArchitecture,
): Value {
  const weight = parameters("patch_embed.proj.weight", [width, 3, PATCH_SIZE, PATCH_SIZE]);
  const bias = parameters("patch_embed.proj.bias", [width]);
  const patches = transpose(conv2d(image, weight, { stride: PATCH_SIZE, bias }), [0, 2, 3, 1]);
  return add(patches, parameters("pos_embed", [1, gridSize, gridSize, width]));
}

/** How a block attends. */
export interface BlockOptions {
  readonly heads: number;
  /** Side of a window in tokens; `undefined` for the whole image. */
  readonly windowSize: number | undefined;
  /** Rows of the block's tables `rel_pos_h` and `rel_pos_w`. */
  readonly lengths: readonly [number, number];
}

/**
 * One transformer block (segment-anything's `Block`): attention, then a two-layer perceptron, each behind a layer
 * normalisation and added to its input.
 * @param x tokens [1, grid, grid, width]
 */
export function transformerBlock(parameters: ParameterLookup, x: Value, options: BlockOptions): Value {
  const norm = (name: string, of: Value) => layerNorm(lookupWithin(parameters, name), of, NORM_EPSILON);
  const attention = lookupWithin(parameters, "attn");
  const normalised = norm("norm1", x);
  const { windowSize } = options;
  const attended =
    windowSize === undefined
      ? attendWithPositions(attention, normalised, options)
      : joinWindows(
          attendWithPositions(attention, splitWindows(normalised, windowSize), options),
          axisSize(x.shape, 1),
        );
  // Each token by itself, so what was attended from padding is dropped before the projection.
  const informed = add(x, projectAttended(attention, attended));
  return add(informed, feedForward(lookupWithin(parameters, "mlp"), norm("norm2", informed)));
}

function feedForward(parameters: ParameterLookup, x: Value): Value {
  const width = axisSize(x.shape, -1);
  const hidden = gelu(linear(lookupWithin(parameters, "lin1"), x, MLP_RATIO * width));
  return linear(lookupWithin(parameters, "lin2"), hidden, width);
}

/**
 * Squares of tokens [W, size, size, width] from [1, grid, grid, width], padded with zeros on the right and below
 * when the grid is no multiple (segment-anything's `window_partition`: the padding is attended to like tokens).
 */
function splitWindows(x: Value, size: number): Value {
  const [, grid = 1, , width = 1] = x.shape;
  const count = Math.ceil(grid / size);
  const missing = count * size - grid;
  const padded = pad(x, [
    { axis: 1, before: 0, after: missing },
    { axis: 2, before: 0, after: missing },
  ]);
  const split = transpose(reshape(padded, [count, size, count, size, width]), [0, 2, 1, 3, 4]);
  return reshape(split, [count * count, size, size, width]);
}

/** Undoes {@link splitWindows}. */
function joinWindows(windows: Value, grid: number): Value {
  const [total = 1, size = 1, , width = 1] = windows.shape;
  const count = Math.sqrt(total);
  const joined = transpose(reshape(windows, [count, count, size, size, width]), [0, 2, 1, 3, 4]);
  return slice(reshape(joined, [1, count * size, count * size, width]), [
    { axis: 1, start: 0, end: grid },
    { axis: 2, start: 0, end: grid },
  ]);
}

/**
 * The neck: a 1×1 and a 3×3 convolution, each followed by a layer normalisation over the channels.
 * @param x tokens [1, grid, grid, width]
 * @returns [1, outputs, grid, grid]
 */
export function neck(
  parameters: ParameterLookup,
  x: Value,
  { width, outputChannels: out }: VitArchitecture,
): Value {
  const reduced = conv2d(transpose(x, [0, 3, 1, 2]), parameters("neck.0.weight", [out, width, 1, 1]));
  const first = layerNorm2d(lookupWithin(parameters, "neck.1"), reduced);
  const mixed = conv2d(first, parameters("neck.2.weight", [out, out, 3, 3]), { padding: 1 });
  return layerNorm2d(lookupWithin(parameters, "neck.3"), mixed);
}
