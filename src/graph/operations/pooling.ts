import type { LoweringContext } from "../lowering.js";
import type { LoweredNode } from "../operation.js";
import { apply, bothInputs, defineOperation, onlyInput, requireFloat, shapeError } from "../operation.js";
import { constant, elementCount, type Shape, shape4, type Value } from "../value.js";
import { reshape } from "./shapes.js";

/** A square window; outside the image counts as minus infinity. */
export interface PoolingAttributes {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

function pooledShape(operation: string, inputs: readonly Value[], attributes: PoolingAttributes): Shape {
  const { kernel, stride, padding } = attributes;
  requireFloat(operation, inputs);
  const [batch, channels, height, width] = shape4(onlyInput(operation, inputs), operation);
  const size = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  if (size(height) < 1 || size(width) < 1)
    throw shapeError(operation, inputs, "the window is larger than the image");
  return [batch, channels, size(height), size(width)];
}

/** The values (result 0) or positions (result 1) of one shared node; without positions it takes a sixth of the time. */
function maxPoolResult(
  context: LoweringContext,
  inputs: readonly string[],
  { attributes: { kernel, stride, padding } }: LoweredNode<PoolingAttributes>,
  index: 0 | 1,
): string {
  return context.sharedResult(`maxPool ${inputs.join()} ${kernel} ${stride} ${padding}`, index, () =>
    context.addNode("MaxPool", inputs, {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    }),
  );
}

const maxPool2dOperation = defineOperation<PoolingAttributes>({
  name: "maxPool2d",
  infer: (inputs, attributes) => ({
    shape: pooledShape("maxPool2d", inputs, attributes),
    dataType: "float32",
  }),
  lower: (context, inputs, node) => maxPoolResult(context, inputs, node, 0),
  gradient({ inputs, gradient, attributes }) {
    const x = onlyInput("maxPool2d", inputs);
    const indices = apply(maxPool2dIndicesOperation, [x], attributes);
    return [reshape(scatterAdd(gradient, indices, elementCount(x.shape)), x.shape)];
  },
});

const maxPool2dIndicesOperation = defineOperation<PoolingAttributes>({
  name: "maxPool2dIndices",
  infer: (inputs, attributes) => ({
    shape: pooledShape("maxPool2dIndices", inputs, attributes),
    dataType: "int64",
  }),
  lower: (context, inputs, node) => maxPoolResult(context, inputs, node, 1),
  gradient: null,
});

/** The largest value in each window of [N, C, H, W]. */
export const maxPool2d = (x: Value, attributes: PoolingAttributes): Value =>
  apply(maxPool2dOperation, [x], attributes);

/** Where {@link maxPool2d} found its values, as positions in the whole flattened tensor. */
export const maxPool2dIndices = (x: Value, attributes: PoolingAttributes): Value =>
  apply(maxPool2dIndicesOperation, [x], attributes);

const scatterAddOperation = defineOperation<{ size: number }>({
  name: "scatterAdd",
  infer(inputs, { size }) {
    const [updates, indices] = bothInputs("scatterAdd", inputs);
    if (indices.dataType !== "int64" || elementCount(indices.shape) !== elementCount(updates.shape)) {
      throw shapeError("scatterAdd", inputs, "needs one int64 position for each update");
    }
    return { shape: [size], dataType: "float32" };
  },
  lower(context, [updates = "", indices = ""], { attributes: { size } }) {
    const zeros = context.node("Expand", [context.scalar(0), context.integers([size])]);
    return context.node(
      "ScatterElements",
      [zeros, context.reshape(indices, [-1]), context.reshape(updates, [-1])],
      { axis: 0, reduction: "add" },
    );
  },
  gradient({ inputs, gradient }) {
    const [updates, indices] = bothInputs("scatterAdd", inputs);
    return [reshape(gather(gradient, indices), updates.shape), undefined];
  },
});

/** Adds updates into a zero vector of the given size at flat positions; equal positions accumulate. */
export const scatterAdd = (updates: Value, indices: Value, size: number): Value =>
  apply(scatterAddOperation, [updates, indices], { size });

const gatherOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "gather",
  infer(inputs) {
    const [x, indices] = bothInputs("gather", inputs);
    if (indices.dataType !== "int64") throw shapeError("gather", inputs, "positions must be int64");
    return { shape: indices.shape, dataType: x.dataType };
  },
  lower: (context, [x = "", indices = ""]) =>
    context.node("Gather", [context.reshape(x, [-1]), indices], { axis: 0 }),
  gradient({ inputs, gradient }) {
    const [x, indices] = bothInputs("gather", inputs);
    return [reshape(scatterAdd(gradient, indices, elementCount(x.shape)), x.shape), undefined];
  },
});

/** The elements of the flattened `x` at flat positions. */
export const gather = (x: Value, indices: Value): Value => apply(gatherOperation, [x, indices], {});

const takeRowsOperation = defineOperation<{ positions: readonly number[] }>({
  name: "takeRows",
  infer(inputs, { positions }) {
    const x = onlyInput("takeRows", inputs);
    const [outer, rows, length] = x.shape;
    if (x.shape.length !== 3 || outer === undefined || rows === undefined || length === undefined) {
      throw shapeError("takeRows", inputs, "needs three axes");
    }
    const strange = positions.find((row) => !Number.isInteger(row) || row < 0 || row >= rows);
    if (strange !== undefined) throw shapeError("takeRows", inputs, `there is no row ${strange}`);
    return { shape: [outer, positions.length, length], dataType: x.dataType };
  },
  lower: (context, [x = ""], { attributes: { positions } }) =>
    context.node("Gather", [x, context.integers(positions)], { axis: 1 }),
  gradient({ inputs: [x], gradient, attributes: { positions } }) {
    if (x === undefined) return [];
    const [outer = 0, rows = 0, length = 0] = x.shape;
    const every = new BigInt64Array(outer * positions.length * length);
    let next = 0;
    for (let index = 0; index < outer; index++) {
      for (const row of positions) {
        const start = (index * rows + row) * length;
        for (let offset = 0; offset < length; offset++) every[next++] = BigInt(start + offset);
      }
    }
    const indices = constant({ dataType: "int64", shape: [every.length], data: every });
    return [reshape(scatterAdd(gradient, indices, elementCount(x.shape)), x.shape)];
  },
});

/** Rows of each matrix of [A, R, L] at the given positions, which may repeat: [A, positions, L]. */
export const takeRows = (x: Value, positions: readonly number[]): Value =>
  apply(takeRowsOperation, [x], { positions });

export const poolingOperations = {
  maxPool2d: maxPool2dOperation,
  maxPool2dIndices: maxPool2dIndicesOperation,
  scatterAdd: scatterAddOperation,
  gather: gatherOperation,
  takeRows: takeRowsOperation,
};
