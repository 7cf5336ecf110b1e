import type { FloatTensor } from "../value.js";
import { elementCount, floatTensor, type Shape } from "../value.js";

const BYTES_OF_A_FLOAT = 4;
/** A buffer is not given out for a tensor smaller than this share of it. */
const LEAST_USE = 0.5;

/**
 * Buffers in host memory that are used again. Results that the runtime allocates are freed only when the garbage
 * collector comes by, and until then memory grows by gigabytes.
 */
export class BufferPool {
  /** By size, smallest first. */
  readonly #free: ArrayBuffer[] = [];

  /** A tensor of any content. */
  take(shape: Shape): FloatTensor {
    const length = elementCount(shape);
    const bytes = length * BYTES_OF_A_FLOAT;
    const position = this.#free.findIndex(({ byteLength }) => byteLength >= bytes);
    const found = position < 0 ? undefined : this.#free[position];
    if (found === undefined || found.byteLength * LEAST_USE > bytes) {
      return floatTensor(shape, new Float32Array(length));
    }
    this.#free.splice(position, 1);
    return floatTensor(shape, new Float32Array(found, 0, length));
  }

  /** Takes a tensor's buffer back; the tensor must not be used any more. */
  give({ data: { buffer } }: FloatTensor): void {
    if (!(buffer instanceof ArrayBuffer)) return;
    const position = this.#free.findIndex(({ byteLength }) => byteLength >= buffer.byteLength);
    this.#free.splice(position < 0 ? this.#free.length : position, 0, buffer);
  }
}
