import type { LoweringContext } from "../lowering.js";
import { OnnxDataType } from "../onnx/schema.js";
import {
  apply,
  defineOperation,
  type LoweredNode,
  onlyInput,
  requireFloat,
  shapeError,
  threeInputs,
} from "../operation.js";
import { elementCount, floats, type Shape, sameShape, shape4, type Value } from "../value.js";
import { gather, scatterAddNodes } from "./pooling.js";
import { addToPositions, chosenPositions, type PoolingAttributes } from "./pooling-windows.js";
import { broadcastTo, reshape } from "./shapes.js";

function pooledShape(operation: string, x: Value, { kernel, stride, padding }: PoolingAttributes): Shape {
  requireFloat(operation, [x]);
  const [batch, channels, height, width] = shape4(x, operation);
  const size = (length: number) => Math.floor((length + 2 * padding - kernel) / stride) + 1;
  if (size(height) < 1 || size(width) < 1)
    throw shapeError(operation, [x], "the window is larger than the image");
  return [batch, channels, size(height), size(width)];
}

/** The values (result 0) or positions (result 1) of one shared node; without positions it takes a sixth of the time. */
function maxPoolResult(
  context: LoweringContext,
  x: string,
  { kernel, stride, padding }: PoolingAttributes,
  index: 0 | 1,
): string {
  return context.sharedResult(`maxPool ${x} ${kernel} ${stride} ${padding}`, index, () =>
    context.addNode("MaxPool", [x], {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: [padding, padding, padding, padding],
    }),
  );
}

const maxPool2dOperation = defineOperation<PoolingAttributes>({
  name: "maxPool2d",
  infer: (inputs, attributes) => ({
    shape: pooledShape("maxPool2d", onlyInput("maxPool2d", inputs), attributes),
    dataType: "float32",
  }),
  lower: (context, [x = ""], { attributes }) => maxPoolResult(context, x, attributes, 0),
  gradient({ inputs, output, gradient, attributes }) {
    return [maxPool2dGradient(onlyInput("maxPool2d", inputs), output, gradient, attributes)];
  },
});

const maxPool2dGradientOperation = defineOperation<PoolingAttributes>({
  name: "maxPool2dGradient",
  infer(inputs, attributes) {
    const [x, output, gradient] = threeInputs("maxPool2dGradient", inputs);
    requireFloat("maxPool2dGradient", inputs);
    const shape = pooledShape("maxPool2dGradient", x, attributes);
    if (!sameShape(output.shape, shape) || !sameShape(gradient.shape, shape)) {
      throw shapeError(
        "maxPool2dGradient",
        inputs,
        "the maxima and their gradient must be of the pooled shape",
      );
    }
    return { shape: x.shape, dataType: "float32" };
  },
  lower(context, [x = "", y = "", gradient = ""], { attributes, inputs, output }) {
    if (context.target === "cpu") {
      const indices = maxPoolResult(context, x, attributes, 1);
      const size = elementCount(output.shape);
      return context.reshape(scatterAddNodes(context, gradient, indices, size), output.shape);
    }
    const shapes = windowShapes(inputs);
    const given = chosenPositions(context, { x, y, ...shapes }, attributes).map(
      ({ row, column, chosen }) => ({
        row,
        column,
        value: context.node("Mul", [chosen, gradient]),
      }),
    );
    return addToPositions(context, given, shapes, attributes);
  },
  gradient({ inputs, gradient, attributes, needed }) {
    const [x, output] = threeInputs("maxPool2dGradient", inputs);
    // Which elements are the largest does not change in a small step.
    const zeros = (of: Value) => broadcastTo(floats(0), of.shape);
    return [
      needed[0] ? zeros(x) : undefined,
      needed[1] ? zeros(output) : undefined,
      needed[2] ? gather(reshape(gradient, [-1]), maxPool2dIndices(x, attributes)) : undefined,
    ];
  },
});

function windowShapes(inputs: readonly Value[]) {
  const [x, y] = threeInputs("maxPool2dGradient", inputs);
  return { xShape: shape4(x, "maxPool2dGradient"), yShape: shape4(y, "maxPool2dGradient") };
}

const maxPool2dIndicesOperation = defineOperation<PoolingAttributes>({
  name: "maxPool2dIndices",
  infer: (inputs, attributes) => ({
    shape: pooledShape("maxPool2dIndices", onlyInput("maxPool2dIndices", inputs), attributes),
    dataType: "int64",
  }),
  lower(context, [x = ""], node) {
    if (context.target === "cpu") return maxPoolResult(context, x, node.attributes, 1);
    return positionsByComparison(context, x, node);
  },
  gradient: null,
});

/** Positions in the whole tensor from those in the windows; whole numbers of a plane fit into float32. */
function positionsByComparison(
  context: LoweringContext,
  x: string,
  { attributes, inputs, output }: LoweredNode<PoolingAttributes>,
): string {
  const xShape = shape4(onlyInput("maxPool2dIndices", inputs), "maxPool2dIndices");
  const yShape = shape4(output, "maxPool2dIndices");
  const [batch, channels, height, width] = xShape;
  const [, , outHeight, outWidth] = yShape;
  const y = maxPoolResult(context, x, attributes, 0);
  const { stride, padding } = attributes;
  const corners = Float32Array.from({ length: outHeight * outWidth }, (_, window) => {
    const [row, column] = [Math.floor(window / outWidth), window % outWidth];
    return (row * stride - padding) * width + column * stride - padding;
  });
  const offsets = chosenPositions(context, { x, y, xShape, yShape }, attributes).map(
    ({ row, column, chosen }) => context.node("Mul", [chosen, context.scalar(row * width + column)]),
  );
  const start = context.constant({ dataType: "float32", shape: [1, 1, outHeight, outWidth], data: corners });
  const inPlane = offsets.reduce((total, offset) => context.node("Add", [total, offset]), start);
  const planes = BigInt64Array.from({ length: batch * channels }, (_, plane) =>
    BigInt(plane * height * width),
  );
  const plane = context.constant({ dataType: "int64", shape: [batch, channels, 1, 1], data: planes });
  return context.node("Add", [context.node("Cast", [inPlane], { to: OnnxDataType.int64 }), plane]);
}

/** The largest value in each window of [N, C, H, W]. */
export const maxPool2d = (x: Value, attributes: PoolingAttributes): Value =>
  apply(maxPool2dOperation, [x], attributes);

/** Where {@link maxPool2d} found its values, as positions in the whole flattened tensor. */
export const maxPool2dIndices = (x: Value, attributes: PoolingAttributes): Value =>
  apply(maxPool2dIndicesOperation, [x], attributes);

/** The gradient of {@link maxPool2d}'s operand: each window's `gradient` goes to the first of its largest elements. */
export const maxPool2dGradient = (
  x: Value,
  output: Value,
  gradient: Value,
  attributes: PoolingAttributes,
): Value => apply(maxPool2dGradientOperation, [x, output, gradient], attributes);

export const maxPoolingOperations = {
  maxPool2d: maxPool2dOperation,
  maxPool2dGradient: maxPool2dGradientOperation,
  maxPool2dIndices: maxPool2dIndicesOperation,
};
