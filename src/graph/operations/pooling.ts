import type { LoweringContext } from "../lowering.js";
import { apply, bothInputs, defineOperation, onlyInput, shapeError } from "../operation.js";
import { constant, elementCount, type Value } from "../value.js";
import { reshape } from "./shapes.js";

/** Adds updates into zeros at positions of a vector. */
export function scatterAddNodes(
  context: LoweringContext,
  updates: string,
  indices: string,
  size: number,
): string {
  const zeros = context.node("Expand", [context.scalar(0), context.integers([size])]);
  const operands = [zeros, context.reshape(indices, [-1]), context.reshape(updates, [-1])];
  return context.node("ScatterElements", operands, { axis: 0, reduction: "add" });
}

const scatterAddOperation = defineOperation<{ size: number }>({
  name: "scatterAdd",
  infer(inputs, { size }) {
    const [updates, indices] = bothInputs("scatterAdd", inputs);
    if (indices.dataType !== "int64" || elementCount(indices.shape) !== elementCount(updates.shape)) {
      throw shapeError("scatterAdd", inputs, "needs one int64 position for each update");
    }
    return { shape: [size], dataType: "float32" };
  },
  lower: (context, [updates = "", indices = ""], { attributes: { size } }) =>
    scatterAddNodes(context, updates, indices, size),
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
  scatterAdd: scatterAddOperation,
  gather: gatherOperation,
  takeRows: takeRowsOperation,
};
