/** A tensor of float64 numbers for reference computations: slow, obvious, independent of the graph. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** A tensor whose elements are given by their index. */
export function generate(shape: readonly number[], element: (index: readonly number[]) => number): Tensor {
  const data = new Float64Array(shape.reduce((product, size) => product * size, 1));
  const index = shape.map(() => 0);
  for (let position = 0; position < data.length; position++) {
    data[position] = element(index);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const next = (index[axis] ?? 0) + 1;
      index[axis] = next < (shape[axis] ?? 0) ? next : 0;
      if (next < (shape[axis] ?? 0)) break;
    }
  }
  return { shape, data };
}

/** The element at an index; 0 outside the tensor, so that padding needs no special case. */
export function at({ shape, data }: Tensor, index: readonly number[]): number {
  let position = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    const [size, place] = [shape[axis] ?? 0, index[axis] ?? 0];
    if (place < 0 || place >= size) return 0;
    position = position * size + place;
  }
  return data[position] ?? 0;
}

/** The element that broadcasting pairs with an index of a tensor of the same or a higher rank. */
export function broadcastAt(tensor: Tensor, index: readonly number[]): number {
  const offset = index.length - tensor.shape.length;
  return at(
    tensor,
    tensor.shape.map((size, axis) => (size === 1 ? 0 : (index[axis + offset] ?? 0))),
  );
}

/** The size of an axis counted from the front. */
export const size = (tensor: Tensor, axis: number): number => tensor.shape[axis] ?? 1;

/** The inner product of two lists of numbers. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let total = 0;
  for (let position = 0; position < a.length; position++) total += (a[position] ?? 0) * (b[position] ?? 0);
  return total;
}
