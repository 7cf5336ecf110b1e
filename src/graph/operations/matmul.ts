import { apply, bothInputs, defineOperation, requireFloat, shapeError } from "../operation.js";
import { axisSize, type Value } from "../value.js";
import { broadcastShapes } from "./elementwise.js";
import { reduceToShape } from "./shapes.js";
import { slice } from "./slicing.js";

/** Which operands are taken transposed (their last two axes swapped). */
export interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

const swapped = (rank: number) =>
  Array.from({ length: rank }, (_, axis) =>
    axis === rank - 1 ? rank - 2 : axis === rank - 2 ? rank - 1 : axis,
  );

const matmulOperation = defineOperation<MatmulAttributes>({
  name: "matmul",
  infer(inputs, { transposeA, transposeB }) {
    const [a, b] = bothInputs("matmul", inputs);
    requireFloat("matmul", inputs);
    if (a.shape.length < 2 || b.shape.length < 2) {
      throw shapeError("matmul", inputs, "needs matrices or stacks of matrices");
    }
    const rows = axisSize(a.shape, transposeA ? -1 : -2);
    const inner = axisSize(a.shape, transposeA ? -2 : -1);
    const innerOther = axisSize(b.shape, transposeB ? -1 : -2);
    const columns = axisSize(b.shape, transposeB ? -2 : -1);
    if (inner !== innerOther)
      throw shapeError("matmul", inputs, `inner sizes ${inner} and ${innerOther} differ`);
    const batch = broadcastShapes("matmul", inputs, [a.shape.slice(0, -2), b.shape.slice(0, -2)]);
    return { shape: [...batch, rows, columns], dataType: "float32" };
  },
  lower(context, [a = "", b = ""], { attributes: { transposeA, transposeB }, inputs }) {
    const [first, second] = bothInputs("matmul", inputs);
    if (!transposeA && !transposeB) return context.node("MatMul", [a, b]);
    const flags = { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 };
    if (first.shape.length === 2 && second.shape.length === 2) return context.node("Gemm", [a, b], flags);
    // The CPU provider multiplies transposed stacks in place; elsewhere the transposition is spelled out.
    if (context.target === "cpu") return context.node("FusedMatMul", [a, b], flags, "com.microsoft");
    const left = transposeA ? context.node("Transpose", [a], { perm: swapped(first.shape.length) }) : a;
    const right = transposeB ? context.node("Transpose", [b], { perm: swapped(second.shape.length) }) : b;
    return context.node("MatMul", [left, right]);
  },
  gradient({ inputs, gradient, attributes: { transposeA, transposeB }, needed }) {
    const [a, b] = bothInputs("matmul", inputs);
    const forA = () =>
      transposeA
        ? matmul(b, gradient, { transposeA: transposeB, transposeB: true })
        : matmul(gradient, b, { transposeB: !transposeB });
    const forB = () =>
      transposeB
        ? matmul(gradient, a, { transposeA: true, transposeB: transposeA })
        : matmul(a, gradient, { transposeA: !transposeA });
    return [
      needed[0] ? reduceToShape(forA(), a.shape) : undefined,
      needed[1] ? reduceToShape(forB(), b.shape) : undefined,
    ];
  },
});

/** Matrix product of [..., M, K] and [..., K, N], stacks broadcast. */
export function matmul(a: Value, b: Value, options: Partial<MatmulAttributes> = {}): Value {
  return apply(matmulOperation, [a, b], {
    transposeA: options.transposeA ?? false,
    transposeB: options.transposeB ?? false,
  });
}

/** A matrix along each of the last two axes, rows · x · columnsᵀ: resampling, or means over rectangles. [..., H, W] → [..., R, C] */
export function separable(x: Value, rows: Value, columns: Value): Value {
  return matmul(matmul(rows, x), columns, { transposeB: true });
}

/** Rows `start` to `end` of a matrix. */
export const rows = (x: Value, start: number, end: number): Value => slice(x, [{ axis: 0, start, end }]);

export const matmulOperations = { matmul: matmulOperation };
