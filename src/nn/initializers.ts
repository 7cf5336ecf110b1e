import type { RandomStream } from "../common/index.js";
import { elementCount, type FloatTensor, floatTensor, type Shape } from "../graph/index.js";

/** Fills a new parameter. */
export type Initializer = (shape: Shape, stream: RandomStream) => FloatTensor;

/** The same number everywhere. */
export const filled =
  (value: number): Initializer =>
  (shape) =>
    floatTensor(shape, new Float32Array(elementCount(shape)).fill(value));

/** Normal with mean 0 and the given standard deviation. */
export const normal =
  (standardDeviation: number): Initializer =>
  (shape, stream) =>
    floatTensor(
      shape,
      drawn(shape, () => standardDeviation * stream.normal()),
    );

/** Uniform within ±√(6 / (fan in + fan out)) (Glorot and Bengio, 2010), fan = channels × kernel area. */
export const xavierUniform: Initializer = (shape, stream) => {
  const [outputs = 1, inputs = 1, ...kernel] = shape;
  const area = elementCount(kernel);
  const bound = Math.sqrt(6 / ((outputs + inputs) * area));
  return floatTensor(
    shape,
    drawn(shape, () => stream.uniform(-bound, bound)),
  );
};

/** Uniform within ±1/√fan-in: what PyTorch gives weights and biases of linear layers and convolutions. */
export function uniformFanIn(fanIn: number): Initializer {
  const bound = 1 / Math.sqrt(fanIn);
  return (shape, stream) =>
    floatTensor(
      shape,
      drawn(shape, () => stream.uniform(-bound, bound)),
    );
}

function drawn(shape: Shape, draw: () => number): Float32Array {
  const values = new Float32Array(elementCount(shape));
  // `Float32Array.from` takes four times as long, of millions of numbers.
  for (let at = 0; at < values.length; at++) values[at] = draw();
  return values;
}
