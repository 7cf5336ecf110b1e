import { must } from "../../common/index.js";
import { floats, shape4, type Value } from "../value.js";
import { add } from "./elementwise.js";
import { matmul } from "./matmul.js";
import { zeroAfter } from "./ordering.js";
import { reshape, transpose } from "./shapes.js";

// Convolutions of 3×3 with stride 1 by Winograd's minimal filtering F(4×4, 3×3) (Lavin and Gray, 2016, arXiv
// 1509.09308): a tile of 4×4 results takes 36 multiplications for each pair of channels instead of 144. Images become
// [36, tiles, channels] and weights [36, outputs, channels]; between them are 36 matrix products. All transforms are
// products with small constant matrices whose order also arranges the result, so that only long rows are moved.

const KERNEL = 3;
const TILE = 4;
const POINTS_PER_AXIS = TILE + KERNEL - 1;
const PLANES = POINTS_PER_AXIS ** 2;

/**
 * Interpolation points beside infinity. The usual 0, ±1, ±2 need no fractions, which costs accuracy and gains nothing
 * here: their error is four times as large.
 */
const POINTS = [0, 3 / 4, -3 / 4, 3 / 2, -3 / 2] as const;

type Matrix = readonly (readonly number[])[];

/** Coefficients, lowest first, of the product of (x − root). */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce<number[]>(
    (product, root) =>
      Array.from(
        { length: product.length + 1 },
        (_, power) => (product[power - 1] ?? 0) - root * (product[power] ?? 0),
      ),
    [1],
  );

const others = (index: number) => POINTS.filter((_, other) => other !== index);
const powers = (point: number, count: number) => Array.from({ length: count }, (_, power) => point ** power);
const lastOf = (count: number) => Array.from({ length: count }, (_, index) => (index === count - 1 ? 1 : 0));

/** [6 points, 6 pixels]: what a tile's pixels come to at each point (Bᵀ). */
const FROM_PIXELS: Matrix = [
  ...POINTS.map((_, index) => [...polynomial(others(index)), 0]),
  polynomial(POINTS),
];

/** [6 points, 4 results]: what each point adds to a tile's results (A). */
const TO_RESULTS: Matrix = [...POINTS.map((point) => powers(point, TILE)), lastOf(TILE)];

/** [6 points, 3 kernel positions] (G). */
const FROM_KERNEL: Matrix = [
  ...POINTS.map((point, index) => {
    const scale = others(index).reduce((product, other) => product * (point - other), 1);
    return powers(point, KERNEL).map((power) => power / scale);
  }),
  lastOf(KERNEL),
];

/** Sizes of a convolution of [N, C, H, W] with [O, C, 3, 3]. */
export interface WinogradSizes {
  readonly batch: number;
  readonly channels: number;
  readonly outputs: number;
  /** Of the result. */
  readonly height: number;
  readonly width: number;
}

const tilesAlong = (length: number) => Math.ceil(length / TILE);

/** Multiplications that the passes over memory cost for each transformed number, of image or weight; measured. */
const PASSES_COST = 30;
/** Planes of so many numbers (32 MB) are kept from the forward to the backward pass; larger ones are made again. */
const LARGEST_KEPT = 2 ** 23;
/**
 * The share of the direct convolution's multiplications from which the detour is not worth its rounding error. Without
 * the detour a weight's gradient also copies the image for each kernel position.
 */
const LARGEST_SHARE = { image: 0.8, weightGradient: 1 } as const;

/** What is wanted of a convolution: its result or the gradient of its image, or the gradient of its weight. */
export type WinogradResult = keyof typeof LARGEST_SHARE;

/**
 * True where the CPU is faster this way: with many channels, where the products outweigh the transforms. Those are products
 * with whole rows and columns, so that a pixel costs more the larger its image is.
 */
export function winogradPays(
  { batch, channels, outputs, height, width }: WinogradSizes,
  result: WinogradResult,
): boolean {
  const tiles = batch * tilesAlong(height) * tilesAlong(width);
  const products = PLANES * (tiles + PASSES_COST) * channels * outputs;
  const pixel = PASSES_COST + (POINTS_PER_AXIS / TILE) * width + (POINTS_PER_AXIS / TILE) ** 2 * height;
  const cost = products + pixel * batch * height * width * (channels + outputs);
  const direct = KERNEL ** 2 * batch * height * width * channels * outputs;
  return cost < LARGEST_SHARE[result] * direct;
}

const constants = new Map<string, Value>();

/** A constant matrix, made once: transforms of the same image by the same matrices are then merged. */
function constantMatrix(key: string, make: () => Matrix): Value {
  const known = constants.get(key);
  if (known !== undefined) return known;
  const entries = make();
  const matrix = floats(entries.flat(), [entries.length, must(entries, 0).length]);
  constants.set(key, matrix);
  return matrix;
}

/** A transform of rows or columns of a given length: [6 points × tiles, length]. */
function axisMatrix(length: number, tiles: number, entry: (point: number, offset: number) => number): Matrix {
  return Array.from({ length: POINTS_PER_AXIS * tiles }, (_, row) => {
    const [point, tile] = [Math.floor(row / tiles), row % tiles];
    return Array.from({ length }, (_, position) => entry(point, position - tile * TILE));
  });
}

interface AxisMatrices {
  readonly rows: Value;
  readonly columns: Value;
}

/** Of tiles of 6×6 pixels that overlap by two; outside the image is zero. */
function pixelMatrices(size: ImageSize, resultSize: ImageSize, padding: number): AxisMatrices {
  const along = (length: number, tiles: number) =>
    constantMatrix(`pixels ${length} ${tiles} ${padding}`, () =>
      axisMatrix(length, tiles, (point, offset) => must(FROM_PIXELS, point)[offset + padding] ?? 0),
    );
  return {
    rows: along(size.height, tilesAlong(resultSize.height)),
    columns: along(size.width, tilesAlong(resultSize.width)),
  };
}

/** Of tiles of 4×4 results; what lies outside the image is dropped. */
function resultMatrices({ height, width }: ImageSize): AxisMatrices {
  const along = (length: number) =>
    constantMatrix(`results ${length}`, () =>
      axisMatrix(length, tilesAlong(length), (point, offset) => must(TO_RESULTS, point)[offset] ?? 0),
    );
  return { rows: along(height), columns: along(width) };
}

/** [36 points, 9 kernel positions]. The points of columns come first, as in {@link toPlanes}. */
const kernelMatrix = () =>
  constantMatrix("kernel", () =>
    Array.from({ length: PLANES }, (_, plane) => {
      const [column, row] = [Math.floor(plane / POINTS_PER_AXIS), plane % POINTS_PER_AXIS];
      return Array.from(
        { length: KERNEL ** 2 },
        (_, position) =>
          must(must(FROM_KERNEL, row), Math.floor(position / KERNEL)) *
          must(must(FROM_KERNEL, column), position % KERNEL),
      );
    }),
  );

interface ImageSize {
  readonly height: number;
  readonly width: number;
}

const sizeOf = (x: Value): ImageSize => {
  const [, , height, width] = shape4(x, "conv2d");
  return { height, width };
};

/**
 * [N, C, H, W] as [36, tiles × N, C]. Both products take the innermost axis and put the points outermost, so that the
 * one transposition left moves rows of (tiles down × N × C) numbers.
 */
function toPlanes(x: Value, { rows, columns }: AxisMatrices): Value {
  const [batch, channels, height, width] = shape4(x, "conv2d");
  const [across, down] = [tilesOf(columns), tilesOf(rows)];
  const images = batch * channels;
  const byColumn = matmul(columns, reshape(x, [images * height, width]), { transposeB: true });
  const slices = reshape(byColumn, [POINTS_PER_AXIS * across, images, height]);
  const points = matmul(rows, slices, { transposeB: true });
  const blocks = reshape(points, [POINTS_PER_AXIS, across, POINTS_PER_AXIS, down * images]);
  return reshape(transpose(blocks, [0, 2, 1, 3]), [PLANES, across * down * batch, channels]);
}

/** The adjoint of {@link toPlanes}: [36, tiles × N, C] as [N, C, H, W]. */
function fromPlanes(planes: Value, { rows, columns }: AxisMatrices, batch: number): Value {
  const [across, down] = [tilesOf(columns), tilesOf(rows)];
  const [channels = 0, height = 0, width = 0] = [planes, rows, columns].map(({ shape }) => shape.at(-1));
  const images = batch * channels;
  const blocks = reshape(planes, [POINTS_PER_AXIS, POINTS_PER_AXIS, across, down * images]);
  const points = reshape(transpose(blocks, [0, 2, 1, 3]), [
    POINTS_PER_AXIS * across,
    POINTS_PER_AXIS * down,
    images,
  ]);
  const slices = matmul(points, rows, { transposeA: true });
  const byColumn = reshape(slices, [POINTS_PER_AXIS * across, images * height]);
  return reshape(matmul(byColumn, columns, { transposeA: true }), [batch, channels, height, width]);
}

const tilesOf = ({ shape: [rows = 0] }: Value) => rows / POINTS_PER_AXIS;

/** Weights [O, C, 3, 3] as [36, O, C]. */
function weightPlanes(weight: Value): Value {
  const [outputs, channels] = shape4(weight, "conv2d");
  const kernels = reshape(weight, [outputs * channels, KERNEL ** 2]);
  return reshape(matmul(kernelMatrix(), kernels, { transposeB: true }), [PLANES, outputs, channels]);
}

/** Convolution of [N, C, H, W] with [O, C, 3, 3], stride 1. */
export function winogradConvolution(x: Value, weight: Value, padding: number): Value {
  const [batch] = shape4(x, "conv2d");
  const { height, width } = sizeOf(x);
  const grown = 2 * padding - KERNEL + 1;
  const resultSize = { height: height + grown, width: width + grown };
  const pixels = toPlanes(x, pixelMatrices({ height, width }, resultSize, padding));
  const products = matmul(pixels, weightPlanes(weight), { transposeB: true });
  return fromPlanes(products, resultMatrices(resultSize), batch);
}

/** The gradient of {@link winogradConvolution} with respect to an image of the given size. */
export function winogradInputGradient(
  gradient: Value,
  weight: Value,
  padding: number,
  [height, width]: readonly [number, number],
): Value {
  const [batch] = shape4(gradient, "conv2d");
  const resultSize = sizeOf(gradient);
  const products = matmul(toPlanes(gradient, resultMatrices(resultSize)), weightPlanes(weight));
  return fromPlanes(products, pixelMatrices({ height, width }, resultSize, padding), batch);
}

/** The gradient of {@link winogradConvolution} with respect to the weight, [O, C, 3, 3]. */
export function winogradWeightGradient(x: Value, gradient: Value, padding: number): Value {
  const [batch, channels] = shape4(x, "conv2d");
  const [, outputs] = shape4(gradient, "conv2d");
  const resultSize = sizeOf(gradient);
  const { rows, columns } = pixelMatrices(sizeOf(x), resultSize, padding);
  const kept = PLANES * batch * tilesOf(rows) * tilesOf(columns) * channels <= LARGEST_KEPT;
  // The zero makes the transform another one than the forward pass's, and keeps it from being made before the gradient.
  const pixels = toPlanes(x, { rows, columns: kept ? columns : add(columns, zeroAfter(gradient)) });
  const planes = matmul(toPlanes(gradient, resultMatrices(resultSize)), pixels, { transposeA: true });
  const kernels = matmul(reshape(planes, [PLANES, outputs * channels]), kernelMatrix(), { transposeA: true });
  return reshape(kernels, [outputs, channels, KERNEL, KERNEL]);
}
