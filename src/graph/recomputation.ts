import { add, relu } from "./operations/elementwise.js";
import type { OperationName } from "./operations/index.js";
import { zeroAfter } from "./operations/ordering.js";
import { channelAffine } from "./operations/reductions.js";
import { elementCount, type Value } from "./value.js";

const BYTES_OF_A_FLOAT = 4;

/** ReLU of an affine map with a factor and a shift for each channel: batch normalisation's last two steps. */
interface Activation {
  readonly affine: Value;
  /** x, factor and shift. */
  readonly operands: readonly [Value, Value, Value];
}

/**
 * Activations that the backward pass computes again instead of keeping them since the forward pass: ReLU after
 * batch normalisation, from the convolution's result, which is kept for its own gradient anyway. The result is
 * the same to the last bit; the price is two passes over memory. (Chen et al., 2016, arXiv 1604.06174.)
 */
export class Recomputation {
  readonly #activations = new Map<Value, Activation>();
  readonly #copies = new Map<Value, Value>();

  /**
   * @param values of the forward pass
   * @param limit bytes that such activations may take together; below it nothing is computed again
   */
  constructor(values: Iterable<Value>, limit: number) {
    let bytes = 0;
    for (const value of values) {
      const activation = activationAt(value);
      if (activation === undefined) continue;
      this.#activations.set(value, activation);
      bytes += BYTES_OF_A_FLOAT * elementCount(value.shape);
    }
    if (bytes <= limit) this.#activations.clear();
  }

  /** What a gradient's rule reads in place of `value`: it, or a copy that is computed once `gradient` has been. */
  inBackwardPass(value: Value, gradient: Value): Value {
    const activation = this.#activations.get(value);
    if (activation === undefined) return this.#copies.get(value) ?? value;
    const known = this.#copies.get(value);
    if (known !== undefined) return known;
    const [x, factor, shift] = activation.operands;
    const affine = channelAffine(x, add(factor, zeroAfter(gradient)), shift);
    const rectified = relu(affine);
    this.#copies.set(activation.affine, affine);
    this.#copies.set(value, rectified);
    return rectified;
  }
}

function activationAt(value: Value): Activation | undefined {
  const [affine] = operandsOf(value, "relu");
  if (affine === undefined) return undefined;
  const [x, factor, shift] = operandsOf(affine, "channelAffine");
  if (x === undefined || factor === undefined || shift === undefined) return undefined;
  return { affine, operands: [x, factor, shift] };
}

function operandsOf({ source }: Value, operation: OperationName): readonly Value[] {
  return source.kind === "operation" && source.operation.name === operation ? source.inputs : [];
}
