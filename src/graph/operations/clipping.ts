import { apply, bothInputs, defineOperation, onlyInput, requireFloat, shapeError } from "../operation.js";
import { sameShape, type Value } from "../value.js";
import { scale } from "./elementwise.js";
import { positiveNode } from "./positive.js";

const LIMIT = 6;
/** A power of two, so that its product with the limit is exact, that takes every difference from it to 1 or more. */
const STEEP = { float32: 2 ** 100, float16: 2 ** 13 } as const;

const relu6Operation = defineOperation<Readonly<Record<string, never>>>({
  name: "relu6",
  infer(inputs) {
    requireFloat("relu6", inputs);
    return { shape: onlyInput("relu6", inputs).shape, dataType: "float32" };
  },
  lower(context, [x = ""], { inputs }) {
    if (context.activate(inputs[0], "Clip", [0, LIMIT])) return x;
    return context.node("Clip", [x, context.scalar(0), context.scalar(LIMIT)]);
  },
  gradient: ({ output, gradient }) => [relu6Gradient(gradient, output)],
});

const relu6GradientOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "relu6Gradient",
  infer(inputs) {
    const [gradient, result] = bothInputs("relu6Gradient", inputs);
    requireFloat("relu6Gradient", inputs);
    if (!sameShape(gradient.shape, result.shape)) {
      throw shapeError("relu6Gradient", inputs, "the shapes must be equal");
    }
    return { shape: gradient.shape, dataType: "float32" };
  },
  lower(context, [gradient = "", result = ""]) {
    // Each factor is 1 or 0, in one pass and on every thread, unlike comparisons; products take the gradient's memory.
    const steep = STEEP[context.floatType];
    const attributes = { alpha: { float: -steep }, beta: { float: LIMIT * steep } };
    const below = context.node("HardSigmoid", [result], attributes);
    return context.node("Mul", [context.node("Mul", [gradient, positiveNode(context, result)]), below]);
  },
  gradient({ inputs, gradient, needed }) {
    const [, result] = bothInputs("relu6Gradient", inputs);
    return [
      needed[0] ? relu6Gradient(gradient, result) : undefined,
      needed[1] ? scale(gradient, 0) : undefined,
    ];
  },
});

/** min(max(x, 0), 6) (Krizhevsky, 2010); the derivative at 0 and 6 is taken as 0. */
export const relu6 = (x: Value): Value => apply(relu6Operation, [x], {});

/** The gradient of {@link relu6} with respect to its operand: `gradient` where 0 < `result` < 6, else 0. */
export const relu6Gradient = (gradient: Value, result: Value): Value =>
  apply(relu6GradientOperation, [gradient, result], {});

export const clippingOperations = { relu6: relu6Operation, relu6Gradient: relu6GradientOperation };
