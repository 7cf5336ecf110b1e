import { lowerComposition } from "../composition.js";
import { apply, defineOperation, fourSizes, onlyInput, requireFloat } from "../operation.js";
import { axisSize, floats, shape4, type Value } from "../value.js";
import { multiply } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { takeRows } from "./pooling.js";
import { reshape, transpose } from "./shapes.js";
import { concat, pad, reverse, slice } from "./slicing.js";

/** Stride and zero padding, equal on both axes. */
export interface ConvolutionAttributes {
  readonly stride: number;
  readonly padding: number;
}

/** A convolution's attributes and the size of its kernel, which its operands leave open. */
export interface WeightGradientAttributes extends ConvolutionAttributes {
  readonly kernel: readonly [height: number, width: number];
}

/** Weights [O, C, kh, kw] times one factor for each output. */
export function scaleOutputs(weight: Value, factor: Value): Value {
  const outputs = axisSize(weight.shape, 0);
  // As a matrix: the runtime walks tensors that end in axes of size 1 element by element.
  const matrix = reshape(weight, [outputs, -1]);
  return reshape(multiply(matrix, reshape(factor, [outputs, 1])), weight.shape);
}

const flippedWeightsOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "flippedWeights",
  infer(inputs) {
    requireFloat("flippedWeights", inputs);
    const weight = onlyInput("flippedWeights", inputs);
    const [outputs, channels, ...kernel] = fourSizes("flippedWeights", inputs, weight);
    return { shape: [channels, outputs, ...kernel], dataType: "float32" };
  },
  lower: (context, names, { inputs }) =>
    lowerComposition(context, names, inputs, context.target === "cpu" ? flippedByProduct : flippedByOrder),
  gradient: ({ gradient }) => [flippedWeights(gradient)],
});

/** Weights [O, C, kh, kw] as [C, O, kh, kw] with every kernel turned by half a turn. */
export const flippedWeights = (weight: Value): Value => apply(flippedWeightsOperation, [weight], {});

/** A matrix's transposition and a small product take the CPU a third of the time of {@link flippedByOrder}. */
function flippedByProduct(weight: Value): Value {
  const [outputs, channels, kernelHeight, kernelWidth] = shape4(weight, "flippedWeights");
  const positions = kernelHeight * kernelWidth;
  const columns = transpose(reshape(weight, [outputs, channels * positions]), [1, 0]);
  const shape = [channels, outputs, kernelHeight, kernelWidth];
  if (positions === 1) return reshape(columns, shape);
  const reversed = Float32Array.from({ length: positions ** 2 }, (_, index) =>
    Math.floor(index / positions) + (index % positions) === positions - 1 ? 1 : 0,
  );
  const kernels = reshape(columns, [channels, positions, outputs]);
  return reshape(matmul(kernels, floats(reversed, [positions, positions]), { transposeA: true }), shape);
}

/** GPUs take one tile of a product for a few numbers of it, so there the product costs forty times as much. */
function flippedByOrder(weight: Value): Value {
  const [outputs, channels, kernelHeight, kernelWidth] = shape4(weight, "flippedWeights");
  const kernels = transpose(reshape(weight, [outputs, channels, kernelHeight * kernelWidth]), [1, 0, 2]);
  return reshape(reverse(kernels, [2]), [channels, outputs, kernelHeight, kernelWidth]);
}

export const weightOperations = { flippedWeights: flippedWeightsOperation };

/** The weight's gradient from an image and the result's gradient, by whichever products are the fastest. */
export function weightGradientProducts(
  x: Value,
  gradient: Value,
  attributes: WeightGradientAttributes,
): Value {
  const [batch] = shape4(x, "conv2d");
  const [kernelHeight, kernelWidth] = attributes.kernel;
  const gathered =
    kernelHeight * kernelWidth > 1 &&
    batch >= GATHERED_IMAGES &&
    (attributes.stride > 1 || imagesTogether(x, gradient, attributes));
  return gathered
    ? gatheredWeightGradient(x, gradient, attributes)
    : shiftedWeightGradient(x, gradient, attributes);
}

/** From this many images on, the values of a pixel in all of them are worth copying together. */
const GATHERED_IMAGES = 8;

/** True where copying the images of a channel together costs less than adding up a product for each image. */
function imagesTogether(x: Value, gradient: Value, { kernel }: WeightGradientAttributes): boolean {
  const [, channels] = shape4(x, "conv2d");
  const [batch, outputs, outHeight, outWidth] = shape4(gradient, "conv2d");
  const [kernelHeight, kernelWidth] = kernel;
  return (
    batch > 1 && (channels + outputs) * outHeight * outWidth < kernelHeight * kernelWidth * channels * outputs
  );
}

/**
 * One matrix product over all pixels that the kernel positions meet. With the images innermost, a pixel is a run of
 * numbers, copied by every thread, and the product has the weight's own layout.
 */
function gatheredWeightGradient(
  x: Value,
  gradient: Value,
  { stride, padding, kernel: [kernelHeight, kernelWidth] }: WeightGradientAttributes,
): Value {
  const [batch, channels] = shape4(x, "conv2d");
  const [, outputs, outHeight, outWidth] = shape4(gradient, "conv2d");
  const imagesInnermost = (value: Value) => transpose(value, [1, 2, 3, 0]);
  const padded = pad(
    imagesInnermost(x),
    [1, 2].map((axis) => ({ axis, before: padding, after: padding })),
  );
  const [, height, width] = shape4(padded, "conv2d");
  const met: number[] = [];
  for (let row = 0; row < kernelHeight; row++) {
    for (let column = 0; column < kernelWidth; column++) {
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) met.push((y * stride + row) * width + x * stride + column);
      }
    }
  }
  const pixels = reshape(padded, [channels, height * width, batch]);
  const columns = takeRows(pixels, met);
  const product = matmul(
    reshape(imagesInnermost(gradient), [outputs, outHeight * outWidth * batch]),
    reshape(columns, [channels * kernelHeight * kernelWidth, outHeight * outWidth * batch]),
    { transposeB: true },
  );
  return reshape(product, [outputs, channels, kernelHeight, kernelWidth]);
}

/** One matrix product for each kernel position, over views of the input shifted by that position. */
function shiftedWeightGradient(x: Value, gradient: Value, attributes: WeightGradientAttributes): Value {
  const { stride, padding } = attributes;
  const [kernelHeight, kernelWidth] = attributes.kernel;
  const [batch, channels] = shape4(x, "conv2d");
  const [, outputs, outHeight, outWidth] = shape4(gradient, "conv2d");
  const [pixels, positions] = [outHeight * outWidth, kernelHeight * kernelWidth];
  const together = imagesTogether(x, gradient, attributes);
  const arranged = (value: Value) => (together ? channelsOutermost(value) : value);
  const flat = (value: Value, rows: number) =>
    reshape(value, together ? [rows, batch * pixels] : [batch, rows, pixels]);
  const flattened = flat(arranged(gradient), outputs);
  const product = (views: Value): Value => {
    const products = matmul(flattened, views, { transposeB: true });
    return together ? products : sumOfImages(products);
  };
  const pixelsFrom = stridedViews(
    pad(arranged(x), [
      { axis: 2, before: padding, after: padding },
      { axis: 3, before: padding, after: padding },
    ]),
    stride,
  );
  const views = Array.from({ length: positions }, (_, position) => {
    const [row, column] = [Math.floor(position / kernelWidth), position % kernelWidth];
    return flat(pixelsFrom(row, column, outHeight, outWidth), channels);
  });
  // With few channels the products are too narrow to be fast, so all positions share one.
  const products = channels < 32 ? product(concat(views, together ? 0 : 1)) : concat(views.map(product), 1);
  const joined = reshape(products, [outputs, positions, channels]);
  return reshape(transpose(joined, [0, 2, 1]), [outputs, channels, kernelHeight, kernelWidth]);
}

/** [N, C, H, W] as [C, N, H, W]; taking rows uses every thread, a transposition one. */
function channelsOutermost(value: Value): Value {
  const [batch, channels, height, width] = shape4(value, "conv2d");
  const order = Array.from(
    { length: batch * channels },
    (_, index) => (index % batch) * channels + Math.floor(index / batch),
  );
  const rows = takeRows(reshape(value, [1, batch * channels, height * width]), order);
  return reshape(rows, [channels, batch, height, width]);
}

/** Sums [N, R, C] over N; a product with ones takes less than half the time of a reduction of the outer axis. */
function sumOfImages(products: Value): Value {
  const [batch = 1, rows = 1, columns = 1] = products.shape;
  if (batch === 1) return reshape(products, [rows, columns]);
  const ones = floats(new Float32Array(batch).fill(1), [1, batch]);
  return reshape(matmul(ones, reshape(products, [batch, rows * columns])), [rows, columns]);
}

/**
 * Views of the pixels that a kernel position meets. Skipping pixels is slow, so it is done once for each
 * remainder of the position by the stride; the views are then contiguous in each row.
 */
function stridedViews(padded: Value, stride: number) {
  const [, , height, width] = shape4(padded, "conv2d");
  const remainders = new Map<string, Value>();
  const everyStride = (row: number, column: number): Value => {
    const key = `${row} ${column}`;
    const known = remainders.get(key);
    const view =
      known ??
      slice(padded, [
        { axis: 2, start: row, end: height, step: stride },
        { axis: 3, start: column, end: width, step: stride },
      ]);
    remainders.set(key, view);
    return view;
  };
  return (row: number, column: number, outHeight: number, outWidth: number): Value => {
    const [top, left] = [Math.floor(row / stride), Math.floor(column / stride)];
    return slice(everyStride(row % stride, column % stride), [
      { axis: 2, start: top, end: top + outHeight },
      { axis: 3, start: left, end: left + outWidth },
    ]);
  };
}
