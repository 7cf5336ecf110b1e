import { must } from "../../common/index.js";
import type { LoweringContext } from "../lowering.js";
import { OnnxDataType } from "../onnx/schema.js";
import {
  apply,
  bothInputs,
  defineOperation,
  type LoweredNode,
  type Operation,
  onlyInput,
  requireFloat,
  shapeError,
  threeInputs,
} from "../operation.js";
import { type DataType, elementCount, floats, type Shape, sameShape, type Value } from "../value.js";
import { positiveNode } from "./positive.js";
import { reduceToShape } from "./shapes.js";
import { accurateSine } from "./sine.js";

/** Attributes of operations that have none. */
export type NoAttributes = Readonly<Record<string, never>>;
const none: NoAttributes = {};

/** The common shape of operands by the NumPy broadcasting rule. */
export function broadcastShapes(
  operation: string,
  inputs: readonly Value[],
  shapes: readonly Shape[] = inputs.map(({ shape }) => shape),
): Shape {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const sizes = shapes.map((shape) => shape[axis - rank + shape.length] ?? 1);
    const size = sizes.find((candidate) => candidate !== 1) ?? 1;
    if (sizes.some((candidate) => candidate !== 1 && candidate !== size)) {
      throw shapeError(operation, inputs, "the shapes cannot be broadcast together");
    }
    return size;
  });
}

type BinaryRule = (a: Value, b: Value, gradient: Value, output: Value) => readonly [() => Value, () => Value];

function binary(name: string, opType: string, rule: BinaryRule): Operation<NoAttributes> {
  return defineOperation<NoAttributes>({
    name,
    infer(inputs) {
      bothInputs(name, inputs);
      requireFloat(name, inputs);
      return { shape: broadcastShapes(name, inputs), dataType: "float32" };
    },
    lower: (context, names, node) => broadcastNode(context, opType, names, node),
    gradient({ inputs, gradient, output, needed }) {
      const [a, b] = bothInputs(name, inputs);
      const [first, second] = rule(a, b, gradient, output);
      return [
        needed[0] ? reduceToShape(first(), a.shape) : undefined,
        needed[1] ? reduceToShape(second(), b.shape) : undefined,
      ];
    },
  });
}

/** So many elements take longer one by one than operands and result take to be reshaped. */
const MANY = 4096;

/**
 * A node of broadcast operands. Where the result's last axes have one element, ONNX Runtime's CPU walks the rest element by
 * element, forty times as slow: these axes are left out.
 */
function broadcastNode(
  context: LoweringContext,
  opType: string,
  names: readonly string[],
  { inputs, output: { shape } }: LoweredNode<NoAttributes>,
): string {
  const axes = shape.length - 1 - shape.findLastIndex((size) => size > 1);
  const isBroadcast = inputs.some((operand) => !sameShape(operand.shape, shape));
  if (context.target !== "cpu" || axes === 0 || !isBroadcast || elementCount(shape) < MANY) {
    return context.node(opType, names);
  }
  const operands = names.map((name, index) => {
    const own = must(inputs, index, "operand").shape;
    return own.length === 0 ? name : context.reshape(name, own.slice(0, Math.max(0, own.length - axes)));
  });
  return context.reshape(context.node(opType, operands), shape);
}

type UnaryRule = (x: Value, gradient: Value, output: Value) => Value;

function unary(
  name: string,
  opType: string,
  rule: UnaryRule | null,
  lowerForGpu?: (context: LoweringContext, x: string) => string,
): Operation<NoAttributes> {
  return defineOperation<NoAttributes>({
    name,
    infer(inputs) {
      requireFloat(name, inputs);
      return { shape: onlyInput(name, inputs).shape, dataType: "float32" };
    },
    lower(context, inputs) {
      if (lowerForGpu === undefined || context.target === "cpu") return context.node(opType, inputs);
      return lowerForGpu(context, must(inputs, 0, "operand's result"));
    },
    gradient:
      rule === null
        ? null
        : ({ inputs, gradient, output }) => [rule(onlyInput(name, inputs), gradient, output)],
  });
}

const addOperation = binary("add", "Add", (_a, _b, gradient) => [() => gradient, () => gradient]);
const subtractOperation = binary("subtract", "Sub", (_a, _b, gradient) => [
  () => gradient,
  () => negate(gradient),
]);
const multiplyOperation = binary("multiply", "Mul", (a, b, gradient) => [
  () => multiply(gradient, b),
  () => multiply(gradient, a),
]);
const divideOperation = binary("divide", "Div", (_a, b, gradient, output) => [
  () => divide(gradient, b),
  () => negate(divide(multiply(gradient, output), b)),
]);
const negateOperation = unary("negate", "Neg", (_x, gradient) => negate(gradient));
const expOperation = unary("exp", "Exp", (_x, gradient, output) => multiply(gradient, output));
const logOperation = unary("log", "Log", (x, gradient) => divide(gradient, x));
const sqrtOperation = unary("sqrt", "Sqrt", (_x, gradient, output) =>
  divide(multiply(gradient, floats(0.5)), output),
);
const sinOperation = unary("sin", "Sin", (x, gradient) => multiply(gradient, cos(x)), accurateSine);
const cosOperation = unary(
  "cos",
  "Cos",
  (x, gradient) => negate(multiply(gradient, sin(x))),
  (context, x) => accurateSine(context, context.node("Add", [x, context.scalar(Math.PI / 2)])),
);
const absoluteOperation = unary("absolute", "Abs", (x, gradient) => multiply(gradient, sign(x)));
const signOperation = unary("sign", "Sign", null, (context, x) =>
  // The WebGPU provider has no sign.
  context.node("Sub", [positiveNode(context, x), positiveNode(context, context.node("Neg", [x]))]),
);
const reluOperation = unary("relu", "Relu", (_x, gradient, output) => multiply(gradient, isPositive(output)));

const isPositiveOperation = defineOperation<NoAttributes>({
  name: "isPositive",
  infer(inputs) {
    requireFloat("isPositive", inputs);
    return { shape: onlyInput("isPositive", inputs).shape, dataType: "float32" };
  },
  lower(context, [x = ""]) {
    return positiveNode(context, x);
  },
  gradient: null,
});
const sigmoidOperation = unary("sigmoid", "Sigmoid", (_x, gradient, output) =>
  multiply(gradient, multiply(output, subtract(floats(1), output))),
);
const softplusOperation = defineOperation<NoAttributes>({
  ...unary("softplus", "Softplus", (x, gradient) => multiply(gradient, sigmoid(x))),
  lower(context, names) {
    if (context.target !== "cpu") return context.node("Softplus", names);
    // max(x, 0) + log(1 + e^−|x|): seven passes on every thread take a third of the time of the runtime's one.
    const exponential = context.node("Exp", [context.node("Neg", [context.node("Abs", names)])]);
    const rest = context.node("Log", [context.node("Add", [exponential, context.scalar(1)])]);
    return context.node("Add", [context.node("Relu", names), rest]);
  },
});
const erfOperation = unary("erf", "Erf", (x, gradient) =>
  multiply(gradient, multiply(floats(2 / Math.sqrt(Math.PI)), exp(negate(multiply(x, x))))),
);

/** a + b, broadcast. */
export const add = (a: Value, b: Value): Value => apply(addOperation, [a, b], none);
/** a − b, broadcast. */
export const subtract = (a: Value, b: Value): Value => apply(subtractOperation, [a, b], none);
/** a · b, elementwise, broadcast. */
export const multiply = (a: Value, b: Value): Value => apply(multiplyOperation, [a, b], none);
/** a / b, broadcast. */
export const divide = (a: Value, b: Value): Value => apply(divideOperation, [a, b], none);
/** −x. */
export const negate = (x: Value): Value => apply(negateOperation, [x], none);
/** eˣ. */
export const exp = (x: Value): Value => apply(expOperation, [x], none);
/** Natural logarithm. */
export const log = (x: Value): Value => apply(logOperation, [x], none);
/** Square root. */
export const sqrt = (x: Value): Value => apply(sqrtOperation, [x], none);
/** Sine of x in radians. */
export const sin = (x: Value): Value => apply(sinOperation, [x], none);
/** Cosine of x in radians. */
export const cos = (x: Value): Value => apply(cosOperation, [x], none);
/** |x|; the derivative at 0 is taken as 0. */
export const absolute = (x: Value): Value => apply(absoluteOperation, [x], none);
/** −1, 0 or 1. */
export const sign = (x: Value): Value => apply(signOperation, [x], none);
/** max(x, 0). */
export const relu = (x: Value): Value => apply(reluOperation, [x], none);
/** 1 where x > 0, else 0, as float32: the derivative of {@link relu}. */
export const isPositive = (x: Value): Value => apply(isPositiveOperation, [x], none);
/** 1 / (1 + e⁻ˣ). */
export const sigmoid = (x: Value): Value => apply(sigmoidOperation, [x], none);
/** log(1 + eˣ), without overflow. */
export const softplus = (x: Value): Value => apply(softplusOperation, [x], none);
/** The Gauss error function. */
export const erf = (x: Value): Value => apply(erfOperation, [x], none);

/** x² . */
export const square = (x: Value): Value => multiply(x, x);

/** x times a number. */
export const scale = (x: Value, factor: number): Value => multiply(x, floats(factor));

/** The Gaussian error linear unit in its exact form, x · (1 + erf(x / √2)) / 2 (Hendrycks and Gimpel, 2016). */
export function gelu(x: Value): Value {
  // In this order ONNX Runtime knows it and computes it, with a bias added before, in one pass instead of six.
  return scale(multiply(x, add(erf(divide(x, floats(Math.SQRT2))), floats(1))), 0.5);
}

const greaterOperation = defineOperation<NoAttributes>({
  name: "greater",
  infer(inputs) {
    bothInputs("greater", inputs);
    requireFloat("greater", inputs);
    return { shape: broadcastShapes("greater", inputs), dataType: "bool" };
  },
  lower: (context, inputs) => context.node("Greater", inputs),
  gradient: null,
});

/** a > b elementwise, as truth values. */
export const greater = (a: Value, b: Value): Value => apply(greaterOperation, [a, b], none);

const whereOperation = defineOperation<NoAttributes>({
  name: "where",
  infer(inputs) {
    const [condition, a, b] = threeInputs("where", inputs);
    if (condition.dataType !== "bool" || a.dataType !== b.dataType) {
      throw shapeError("where", inputs, "needs a truth value and two operands of one type");
    }
    return { shape: broadcastShapes("where", inputs), dataType: a.dataType };
  },
  lower: (context, inputs) => context.node("Where", inputs),
  gradient({ inputs, gradient, needed }) {
    const [condition, a, b] = threeInputs("where", inputs);
    const zero = floats(0);
    return [
      undefined,
      needed[1] ? reduceToShape(where(condition, gradient, zero), a.shape) : undefined,
      needed[2] ? reduceToShape(where(condition, zero, gradient), b.shape) : undefined,
    ];
  },
});

/** `a` where the condition holds, else `b`; broadcast. */
export const where = (condition: Value, a: Value, b: Value): Value =>
  apply(whereOperation, [condition, a, b], none);

const castOperation = defineOperation<{ dataType: DataType }>({
  name: "cast",
  infer: (inputs, { dataType }) => ({ shape: onlyInput("cast", inputs).shape, dataType }),
  lower: (context, inputs, { attributes }) =>
    context.node("Cast", inputs, { to: OnnxDataType[attributes.dataType] }),
  // Values that were counts or truth values carry no derivative; a float32 to float32 cast never reaches here.
  gradient: null,
});

/** Changes the element type; truth values become 0 and 1. Not differentiable. */
export function cast(x: Value, dataType: DataType): Value {
  return x.dataType === dataType ? x : apply(castOperation, [x], { dataType });
}

export const elementwiseOperations = {
  add: addOperation,
  subtract: subtractOperation,
  multiply: multiplyOperation,
  divide: divideOperation,
  negate: negateOperation,
  exp: expOperation,
  log: logOperation,
  sqrt: sqrtOperation,
  sin: sinOperation,
  cos: cosOperation,
  absolute: absoluteOperation,
  sign: signOperation,
  relu: reluOperation,
  isPositive: isPositiveOperation,
  sigmoid: sigmoidOperation,
  softplus: softplusOperation,
  erf: erfOperation,
  greater: greaterOperation,
  where: whereOperation,
  cast: castOperation,
};
