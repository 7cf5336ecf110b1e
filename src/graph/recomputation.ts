import { apply } from "./operation.js";
import { add, relu } from "./operations/elementwise.js";
import type { OperationName } from "./operations/index.js";
import { zeroAfter } from "./operations/ordering.js";
import { elementCount, type Value } from "./value.js";

const BYTES_OF_A_FLOAT = 4;

/** Where the rules of gradients read the forward pass's values. */
export interface ForwardValues {
  /** What a gradient's rule reads in place of `value`: it, or a copy that is computed once `gradient` has been. */
  inBackwardPass(value: Value, gradient: Value): Value;
}

/**
 * Activations that the backward pass computes again instead of keeping them since the forward pass: ReLU after
 * batch normalisation, and after its sum with a residual branch. They follow in a few passes over memory from
 * what is kept anyway: the convolutions' results and, of the outputs of successive residual blocks, every second.
 * The results are the same to the last bit. (Chen et al., 2016, arXiv 1604.06174.)
 */
export class Recomputation implements ForwardValues {
  readonly #chosen = new Set<Value>();
  readonly #copies = new Map<Value, Value>();

  /**
   * @param values of the forward pass
   * @param limit bytes that such activations may take together; up to it nothing is computed again
   */
  constructor(values: Iterable<Value>, limit: number) {
    let bytes = 0;
    for (const value of [...values].sort((a, b) => a.id - b.id)) {
      const [operand] = operandsOf(value, "relu");
      if (operand === undefined || !this.#followsFromKept(operand)) continue;
      this.#chosen.add(value);
      bytes += BYTES_OF_A_FLOAT * elementCount(value.shape);
    }
    if (bytes <= limit) this.#chosen.clear();
  }

  /** What a gradient's rule reads in place of `value`: it, or a copy that is computed once `gradient` has been. */
  inBackwardPass(value: Value, gradient: Value): Value {
    const [operand] = operandsOf(value, "relu");
    if (operand !== undefined && this.#chosen.has(value) && !this.#copies.has(value)) {
      const wait = zeroAfter(gradient);
      this.#copies.set(value, relu(this.#copy(operand, wait)));
    }
    return this.#copies.get(value) ?? value;
  }

  /** True for a normalisation of each channel, and for the sum of one with another or with a kept activation. */
  #followsFromKept(value: Value): boolean {
    if (isNormalisation(value)) return true;
    const summands = operandsOf(value, "add");
    const isKept = (summand: Value) => isOperation(summand, "relu") && !this.#chosen.has(summand);
    return (
      summands.some(isNormalisation) &&
      summands.every((summand) => isNormalisation(summand) || isKept(summand))
    );
  }

  #copy(value: Value, wait: Value): Value {
    const copy = this.#copyOf(value, wait);
    if (copy !== value) this.#copies.set(value, copy);
    return copy;
  }

  #copyOf(value: Value, wait: Value): Value {
    if (isNormalisation(value) && value.source.kind === "operation") {
      const { operation, inputs, attributes } = value.source;
      const waiting = inputs.map((operand, index) => (index === 1 ? add(operand, wait) : operand));
      return apply(operation, waiting, attributes);
    }
    const [first, second] = operandsOf(value, "add");
    if (first === undefined || second === undefined) return value;
    return add(this.#copy(first, wait), this.#copy(second, wait));
  }
}

/** True for batch normalisation and for an affine map of each channel; their second operand is the factor. */
function isNormalisation(value: Value): boolean {
  return isOperation(value, "batchNorm") || isOperation(value, "channelAffine");
}

function isOperation({ source }: Value, name: OperationName): boolean {
  return source.kind === "operation" && source.operation.name === name;
}

function operandsOf(value: Value, name: OperationName): readonly Value[] {
  return value.source.kind === "operation" && isOperation(value, name) ? value.source.inputs : [];
}
