import { apply, defineOperation, onlyInput, requireFloat, shapeError } from "../operation.js";
import { elementCount, type Value } from "../value.js";

const zeroAfterOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "zeroAfter",
  infer(inputs) {
    requireFloat("zeroAfter", inputs);
    const x = onlyInput("zeroAfter", inputs);
    if (elementCount(x.shape) === 0) throw shapeError("zeroAfter", inputs, "needs at least one element");
    return { shape: [1], dataType: "float32" };
  },
  lower(context, [x = ""]) {
    const first = context.node("Slice", [
      context.reshape(x, [-1]),
      context.integers([0]),
      context.integers([1]),
      context.integers([0]),
    ]);
    // A truth value, because 0 · x is not 0 where x is infinite or not a number.
    const positive = context.node("Greater", [first, context.scalar(0)]);
    const never = context.constant({ dataType: "bool", shape: [1], data: Uint8Array.of(0) });
    return context.node("Where", [
      context.node("And", [positive, never]),
      context.scalar(1),
      context.scalar(0),
    ]);
  },
  gradient: null,
});

/**
 * The number 0, as [1], once `x` has been computed. Added to an operand, it makes an operation wait for `x` and
 * keeps the runtime from merging the operation with an equal one that does not wait.
 */
export const zeroAfter = (x: Value): Value => apply(zeroAfterOperation, [x], {});

const synchronisedOperation = defineOperation<Readonly<Record<string, never>>>({
  name: "synchronised",
  infer(inputs) {
    requireFloat("synchronised", inputs);
    return { shape: onlyInput("synchronised", inputs).shape, dataType: "float32" };
  },
  lower: (context, inputs) => context.node("Identity", inputs),
  // With losses that are means over micro-batches, what flows back through a mean of all is the mean of what flows in.
  gradient: ({ gradient }) => [synchronised(gradient)],
});

/**
 * The mean of `x` over all micro-batches of a step that runs in micro-batches (`LockStepSession`); `x` itself where
 * the batch is one.
 */
export const synchronised = (x: Value): Value => apply(synchronisedOperation, [x], {});

export const orderingOperations = { zeroAfter: zeroAfterOperation, synchronised: synchronisedOperation };
