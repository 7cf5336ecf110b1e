import { at, broadcastAt, generate, size, type Tensor } from "./tensor.js";

/** Applies a function to every element. */
export const map = (x: Tensor, f: (x: number) => number): Tensor => ({ shape: x.shape, data: x.data.map(f) });

/** Applies a function to broadcast elements. */
export function zip(operands: readonly Tensor[], f: (...elements: number[]) => number): Tensor {
  const rank = Math.max(...operands.map(({ shape }) => shape.length));
  const shape = Array.from({ length: rank }, (_, axis) =>
    Math.max(...operands.map((operand) => operand.shape[axis - rank + operand.shape.length] ?? 1)),
  );
  return generate(shape, (index) => f(...operands.map((operand) => broadcastAt(operand, index))));
}

/** The error function by its Maclaurin series, exact to double precision for |x| < 4. */
export function erf(x: number): number {
  let term = x;
  let total = x;
  for (let n = 1; n < 100; n++) {
    term *= (-x * x) / n;
    total += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * total;
}

/** Reduces axes by a function of the list of their elements. */
export function reduce(
  x: Tensor,
  axes: readonly number[],
  keepAxes: boolean,
  f: (elements: readonly number[]) => number,
): Tensor {
  const kept = x.shape.map((length, axis) => (axes.includes(axis) ? 1 : length));
  const window = x.shape.map((length, axis) => (axes.includes(axis) ? length : 1));
  const full = generate(kept, (origin) => {
    const elements: number[] = [];
    generate(window, (step) => {
      elements.push(
        at(
          x,
          origin.map((place, axis) => place + (step[axis] ?? 0)),
        ),
      );
      return 0;
    });
    return f(elements);
  });
  return keepAxes ? full : { shape: kept.filter((_, axis) => !axes.includes(axis)), data: full.data };
}

export const total = (elements: readonly number[]): number => elements.reduce((sum, x) => sum + x, 0);
export const average = (elements: readonly number[]): number => total(elements) / elements.length;

/** Result axis i is axis `permutation[i]`. */
export function transpose(x: Tensor, permutation: readonly number[]): Tensor {
  return generate(
    permutation.map((axis) => size(x, axis)),
    (index) =>
      at(
        x,
        permutation.map((_, axis) => index[permutation.indexOf(axis)] ?? 0),
      ),
  );
}

/** Matrix product of stacks, with either operand taken transposed. */
export function matmul(a: Tensor, b: Tensor, transposeA = false, transposeB = false): Tensor {
  const left = transposeA ? swapLast(a) : a;
  const right = transposeB ? swapLast(b) : b;
  const [rows = 0, inner = 0] = left.shape.slice(-2);
  const [, columns = 0] = right.shape.slice(-2);
  const rank = Math.max(a.shape.length, b.shape.length);
  const stack = Array.from({ length: rank - 2 }, (_, axis) =>
    Math.max(...[left, right].map(({ shape }) => shape[axis - rank + shape.length] ?? 1)),
  );
  return generate([...stack, rows, columns], (index) => {
    const [row = 0, column = 0] = index.slice(-2);
    let sum = 0;
    for (let k = 0; k < inner; k++) {
      sum +=
        broadcastAt(left, [...index.slice(0, -2), row, k]) *
        broadcastAt(right, [...index.slice(0, -2), k, column]);
    }
    return sum;
  });
}

function swapLast(x: Tensor): Tensor {
  const rank = x.shape.length;
  return transpose(
    x,
    x.shape.map((_, axis) => (axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis)),
  );
}

/** Attention of every query over all keys, head by head. */
export function multiHeadAttention(queries: Tensor, keys: Tensor, values: Tensor, heads: number): Tensor {
  const [batch = 1, length = 1, width = 1] = queries.shape;
  const count = keys.shape[1] ?? 1;
  const own = width / heads;
  const at = (tensor: Tensor, image: number, token: number, channel: number): number =>
    tensor.data[(image * (tensor.shape[1] ?? 1) + token) * width + channel] ?? 0;
  const data: number[] = [];
  for (let image = 0; image < batch; image++) {
    for (let token = 0; token < length; token++) {
      for (let channel = 0; channel < width; channel++) {
        const first = Math.floor(channel / own) * own;
        const channels = Array.from({ length: own }, (_, index) => first + index);
        const scores = Array.from({ length: count }, (_, key) =>
          Math.exp(
            total(channels.map((c) => at(queries, image, token, c) * at(keys, image, key, c))) /
              Math.sqrt(own),
          ),
        );
        const sum = total(scores);
        data.push(total(scores.map((score, key) => (score / sum) * at(values, image, key, channel))));
      }
    }
  }
  return { shape: queries.shape, data: Float64Array.from(data) };
}

/** Cross-correlation as neural networks define convolution, from the defining sum. */
export function conv2d(x: Tensor, weight: Tensor, stride: number, padding: number, bias?: Tensor): Tensor {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const [outputs = 0, , kernelHeight = 0, kernelWidth = 0] = weight.shape;
  const outHeight = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1;
  return generate([batch, outputs, outHeight, outWidth], ([n = 0, o = 0, i = 0, j = 0]) => {
    let sum = bias?.data[o] ?? 0;
    for (let c = 0; c < channels; c++) {
      for (let u = 0; u < kernelHeight; u++) {
        const row = i * stride + u - padding;
        if (row < 0 || row >= height) continue;
        for (let v = 0; v < kernelWidth; v++) {
          const column = j * stride + v - padding;
          if (column < 0 || column >= width) continue;
          sum +=
            (x.data[((n * channels + c) * height + row) * width + column] ?? 0) *
            (weight.data[((o * channels + c) * kernelHeight + u) * kernelWidth + v] ?? 0);
        }
      }
    }
    return sum;
  });
}

/** The gradient of {@link conv2d} with respect to a weight of the given kernel size, from the defining sum. */
export function conv2dWeightGradient(
  x: Tensor,
  gradient: Tensor,
  stride: number,
  padding: number,
  [kernelHeight, kernelWidth]: readonly [number, number],
): Tensor {
  const [, channels = 0, height = 0, width = 0] = x.shape;
  const [batch = 0, outputs = 0, outHeight = 0, outWidth = 0] = gradient.shape;
  return generate([outputs, channels, kernelHeight, kernelWidth], ([o = 0, c = 0, u = 0, v = 0]) => {
    let sum = 0;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < outHeight; i++) {
        const row = i * stride + u - padding;
        if (row < 0 || row >= height) continue;
        for (let j = 0; j < outWidth; j++) {
          const column = j * stride + v - padding;
          if (column < 0 || column >= width) continue;
          sum += at(x, [n, c, row, column]) * at(gradient, [n, o, i, j]);
        }
      }
    }
    return sum;
  });
}

/** Zeros around an image: top, left, bottom, right. */
type Sides = readonly [number, number, number, number];

/** Convolution of each channel by its own kernel, from the defining sum. */
export function depthwiseConv2d(
  x: Tensor,
  weight: Tensor,
  stride: number,
  [top, left, bottom, right]: Sides,
  bias?: Tensor,
): Tensor {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const [, , kernelHeight = 0, kernelWidth = 0] = weight.shape;
  const outHeight = Math.floor((height + top + bottom - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + left + right - kernelWidth) / stride) + 1;
  return generate([batch, channels, outHeight, outWidth], ([n = 0, c = 0, i = 0, j = 0]) => {
    let sum = bias?.data[c] ?? 0;
    for (let u = 0; u < kernelHeight; u++) {
      for (let v = 0; v < kernelWidth; v++) {
        const [row, column] = [i * stride + u - top, j * stride + v - left];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        sum += at(x, [n, c, row, column]) * at(weight, [c, 0, u, v]);
      }
    }
    return sum;
  });
}

/** The gradient of {@link depthwiseConv2d} with respect to its image: each result pixel adds its weighted kernel. */
export function depthwiseConv2dInputGradient(
  gradient: Tensor,
  weight: Tensor,
  stride: number,
  [top, left]: Sides,
  [height, width]: readonly [number, number],
): Tensor {
  const [batch = 0, channels = 0] = gradient.shape;
  const [, , kernelHeight = 0, kernelWidth = 0] = weight.shape;
  const result = generate([batch, channels, height, width], () => 0);
  generate(gradient.shape, ([n = 0, c = 0, i = 0, j = 0]) => {
    for (let u = 0; u < kernelHeight; u++) {
      for (let v = 0; v < kernelWidth; v++) {
        const [row, column] = [i * stride + u - top, j * stride + v - left];
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const position = ((n * channels + c) * height + row) * width + column;
        const added = at(gradient, [n, c, i, j]) * at(weight, [c, 0, u, v]);
        result.data[position] = (result.data[position] ?? 0) + added;
      }
    }
    return 0;
  });
  return result;
}

/** The gradient of {@link depthwiseConv2d} with respect to a weight of the given kernel size, from the defining sum. */
export function depthwiseConv2dWeightGradient(
  x: Tensor,
  gradient: Tensor,
  stride: number,
  [top, left]: Sides,
  kernel: readonly [number, number],
): Tensor {
  const [, channels = 0, height = 0, width = 0] = x.shape;
  const [batch = 0, , outHeight = 0, outWidth = 0] = gradient.shape;
  return generate([channels, 1, ...kernel], ([c = 0, , u = 0, v = 0]) => {
    let sum = 0;
    for (let n = 0; n < batch; n++) {
      for (let i = 0; i < outHeight; i++) {
        for (let j = 0; j < outWidth; j++) {
          const [row, column] = [i * stride + u - top, j * stride + v - left];
          if (row < 0 || row >= height || column < 0 || column >= width) continue;
          sum += at(x, [n, c, row, column]) * at(gradient, [n, c, i, j]);
        }
      }
    }
    return sum;
  });
}

/** Kernels turned by half a turn, with outputs and channels exchanged. */
export function flippedWeights(weight: Tensor): Tensor {
  const [outputs = 0, channels = 0, height = 0, width = 0] = weight.shape;
  return generate([channels, outputs, height, width], ([c = 0, o = 0, u = 0, v = 0]) =>
    at(weight, [o, c, height - 1 - u, width - 1 - v]),
  );
}

/** Transposed convolution: every input pixel adds its weighted kernel to the output. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  stride: number,
  padding: number,
  [outHeight, outWidth]: readonly [number, number],
  bias?: Tensor,
): Tensor {
  const [batch = 0, , height = 0, width = 0] = x.shape;
  const [channels = 0, outputs = 0, kernelHeight = 0, kernelWidth = 0] = weight.shape;
  const result = generate([batch, outputs, outHeight, outWidth], ([, o = 0]) => bias?.data[o] ?? 0);
  generate([batch, channels, height, width], ([n = 0, c = 0, i = 0, j = 0]) => {
    generate([outputs, kernelHeight, kernelWidth], ([o = 0, u = 0, v = 0]) => {
      const [row, column] = [i * stride + u - padding, j * stride + v - padding];
      if (row < 0 || row >= outHeight || column < 0 || column >= outWidth) return 0;
      const position = ((n * outputs + o) * outHeight + row) * outWidth + column;
      const added = at(x, [n, c, i, j]) * at(weight, [c, o, u, v]);
      result.data[position] = (result.data[position] ?? 0) + added;
      return 0;
    });
    return 0;
  });
  return result;
}

/** The largest element of each window and its position in the flattened tensor (the first, when tied). */
export function maxPool2d(x: Tensor, kernel: number, stride: number, padding: number) {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const pooled = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  const shape = [batch, channels, pooled(height), pooled(width)];
  const indices = generate(shape, ([n = 0, c = 0, i = 0, j = 0]) => {
    let best = -1;
    for (let row = i * stride - padding; row < i * stride - padding + kernel; row++) {
      for (let column = j * stride - padding; column < j * stride - padding + kernel; column++) {
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        const position = ((n * channels + c) * height + row) * width + column;
        if (best < 0 || (x.data[position] ?? 0) > (x.data[best] ?? 0)) best = position;
      }
    }
    return best;
  });
  return { values: map(indices, (position) => x.data[position] ?? Number.NaN), indices };
}
