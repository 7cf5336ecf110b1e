import { elementCount, type FloatTensor, floatTensor, type Shape } from "../graph/index.js";
import { ADAM_ASSEMBLY } from "./adam-assembly.js";
import type { AdamArithmetic } from "./optimizers.js";

const PAGE_BYTES = 65_536;
/** What one WebAssembly memory can hold. */
const MOST_BYTES = 2 ** 32;
/** Vectors begin at cache lines. */
const ALIGNMENT = 64;
/** Parameter, two moments and gradient. */
const VECTORS = 4;

/** A parameter to be trained, with where its moments begin. */
export interface HostParameter {
  readonly name: string;
  readonly initial: FloatTensor;
  /** By the names under which they are read. */
  readonly moments: readonly [first: NamedTensor, second: NamedTensor];
  /** Its learning rate as a multiple of the step's; 1 unless told. */
  readonly rateFactor?: number | undefined;
}

interface NamedTensor {
  readonly name: string;
  readonly initial: FloatTensor;
}

/** A vector in the memory. */
interface Placed {
  readonly name: string;
  readonly shape: Shape;
  readonly address: number;
  readonly data: Float32Array;
}

interface PlacedParameter {
  readonly parameter: Placed;
  readonly first: Placed;
  readonly second: Placed;
  readonly gradient: Placed;
  readonly rateFactor: number;
}

/** What is used of WebAssembly, which TypeScript declares for browsers alone. */
declare const WebAssembly: {
  readonly Memory: new (size: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, object>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

type AdamFunction = (...operands: number[]) => void;

/**
 * Parameters, moments and gradients in one memory, where Adam updates them in place: a pass over each, where a graph
 * takes a dozen and the runtime copies what comes out of it.
 */
export class HostAdam {
  readonly #arithmetic: AdamArithmetic;
  readonly #adam: AdamFunction;
  readonly #placed: readonly PlacedParameter[];

  /** @param parameters of shapes that {@link HostAdam.holds}, with moments of as many elements */
  constructor(arithmetic: AdamArithmetic, parameters: readonly HostParameter[]) {
    const bytes = bytesFor(parameters.map(({ initial }) => initial.shape));
    const memory = new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES) });
    const module = new WebAssembly.Module(Buffer.from(ADAM_ASSEMBLY, "base64"));
    const { adam } = new WebAssembly.Instance(module, { env: { memory } }).exports;
    if (typeof adam !== "function") throw new TypeError("the compiled step of Adam has no function adam");
    this.#arithmetic = arithmetic;
    this.#adam = adam as AdamFunction;
    let address = 0;
    const place = (name: string, { shape, data }: FloatTensor): Placed => {
      const placed = { name, shape, address, data: new Float32Array(memory.buffer, address, data.length) };
      placed.data.set(data);
      address += bytesOf(shape);
      return placed;
    };
    this.#placed = parameters.map(({ name, initial, moments: [first, second], rateFactor = 1 }) => ({
      parameter: place(name, initial),
      first: place(first.name, first.initial),
      second: place(second.name, second.initial),
      gradient: place(name, floatTensor(initial.shape)),
      rateFactor,
    }));
  }

  /** True when one memory can hold parameters of these shapes with all that belongs to them. */
  static holds(shapes: readonly Shape[]): boolean {
    return bytesFor(shapes) <= MOST_BYTES;
  }

  /** The parameters, for a step to read. */
  get parameters(): ReadonlyMap<string, FloatTensor> {
    return tensorsOf(this.#placed.map(({ parameter }) => parameter));
  }

  /** Where the gradients go, by the parameters' names. */
  get gradients(): ReadonlyMap<string, FloatTensor> {
    return tensorsOf(this.#placed.map(({ gradient }) => gradient));
  }

  /** The moments by their names. */
  get moments(): ReadonlyMap<string, FloatTensor> {
    return tensorsOf(this.#placed.flatMap(({ first, second }) => [first, second]));
  }

  /**
   * Takes a step along the gradients, with the same roundings as the optimizer's graph.
   * @param scalars η, 1 − β₁ᵗ and √(1 − β₂ᵗ)
   */
  step(scalars: Float32Array): void {
    const { fround } = Math;
    const [stepRate = Number.NaN, firstCorrection = Number.NaN, secondCorrection = Number.NaN] = scalars;
    const { beta1, beta2, epsilon, weightDecay, decoupled } = this.#arithmetic;
    const floor = fround(secondCorrection * fround(epsilon));
    for (const { parameter, first, second, gradient, rateFactor } of this.#placed) {
      const learningRate = fround(stepRate * fround(rateFactor));
      const rate = fround(fround(learningRate / firstCorrection) * secondCorrection);
      const shrinkage = decoupled ? fround(1 - fround(learningRate * fround(weightDecay))) : 1;
      const numbers = [
        beta1,
        1 - beta1,
        beta2,
        1 - beta2,
        decoupled ? 0 : weightDecay,
        shrinkage,
        rate,
        floor,
      ];
      const addresses = [parameter.address, first.address, second.address, gradient.address];
      this.#adam(...addresses, parameter.data.length, ...numbers);
    }
  }
}

/** Of a vector, up to where the next one begins. */
function bytesOf(shape: Shape): number {
  return Math.ceil((elementCount(shape) * Float32Array.BYTES_PER_ELEMENT) / ALIGNMENT) * ALIGNMENT;
}

function bytesFor(shapes: readonly Shape[]): number {
  return shapes.reduce((total, shape) => total + VECTORS * bytesOf(shape), 0);
}

function tensorsOf(placed: readonly Placed[]): ReadonlyMap<string, FloatTensor> {
  return new Map(placed.map(({ name, shape, data }) => [name, floatTensor(shape, data)]));
}
