import { must } from "../common/index.js";
import type { LoweringContext } from "./lowering.js";
import { OnnxDataType } from "./onnx/schema.js";
import type { OperationName } from "./operations/index.js";
import { elementCount, type Value } from "./value.js";

/** In what numbers a graph's products are computed, and what follows from them elementwise is stored. */
export const precisions = ["float32", "float16"] as const;
export type Precision = (typeof precisions)[number];

/** Where float16 gains speed. */
const products: ReadonlySet<string> = new Set<OperationName>([
  "conv2d",
  "convTranspose2d",
  "conv2dWeightGradient",
  "depthwiseConv2d",
  "depthwiseConv2dInputGradient",
  "matmul",
]);

/** What loses next to nothing in float16 and is computed in it where its largest operand is; all else is in float32. */
const followers: ReadonlySet<string> = new Set<OperationName>([
  "add",
  "addChannelAffine",
  "broadcastTo",
  "channelAffine",
  "channelScale",
  "concat",
  "flippedWeights",
  "isPositive",
  "maxPool2d",
  "maxPool2dIndices",
  "multiply",
  "negate",
  "pad",
  "relu",
  "relu6",
  "relu6Gradient",
  "reshape",
  "slice",
  "subtract",
  "takeRows",
  "transpose",
  "where",
]);

/**
 * The names of a graph's results while it is encoded in mixed precision (Micikevicius et al., 2018, arXiv
 * 1710.03740): products that depend on parameters in float16, with what follows elementwise; sums, statistics,
 * softmax, losses and the optimizer in float32. Inputs, parameters and outputs of the graph stay float32.
 */
export class MixedPrecisionNames {
  readonly #context: LoweringContext;
  readonly #floats = new Map<Value, string>();
  readonly #halves = new Map<Value, string>();
  /** Results that were computed in float16, not cast to it later. */
  readonly #stored = new Set<Value>();
  readonly #trained = new Set<Value>();

  constructor(context: LoweringContext) {
    this.#context = context;
  }

  /** Where the results of an operation's operands are found, in the numbers that the operation computes in. */
  operandsOf(value: Value): string[] {
    const { source } = value;
    if (source.kind === "parameter") this.#trained.add(value);
    if (source.kind !== "operation") return [];
    if (source.inputs.some((operand) => this.#trained.has(operand))) this.#trained.add(value);
    const half = this.#isHalf(value);
    this.#context.floatType = half ? "float16" : "float32";
    return source.inputs.map((operand) => this.#nameOf(operand, half));
  }

  /** Notes the result's name. */
  set(value: Value, name: string): void {
    const half = value.dataType === "float32" && this.#context.floatType === "float16";
    (half ? this.#halves : this.#floats).set(value, name);
    if (half) this.#stored.add(value);
    this.#context.floatType = "float32";
  }

  /** The result in float32, or in its own type where it is not a float. */
  get(value: Value): string {
    return this.#nameOf(value, false);
  }

  #isHalf({ source }: Value): boolean {
    if (source.kind !== "operation") return false;
    if (products.has(source.operation.name)) {
      return source.inputs.some((operand) => this.#trained.has(operand));
    }
    if (!followers.has(source.operation.name)) return false;
    const [largest] = source.inputs
      .filter(({ dataType }) => dataType === "float32")
      .sort((a, b) => elementCount(b.shape) - elementCount(a.shape));
    return largest !== undefined && this.#stored.has(largest);
  }

  #nameOf(value: Value, half: boolean): string {
    const isFloat = value.dataType === "float32";
    const [wanted, other] = half && isFloat ? [this.#halves, this.#floats] : [this.#floats, this.#halves];
    const known = wanted.get(value);
    if (known !== undefined) return known;
    const to = half && isFloat ? OnnxDataType.float16 : OnnxDataType.float32;
    const name = this.#context.node("Cast", [must(other, value, "result of an operand")], { to });
    wanted.set(value, name);
    return name;
  }
}
