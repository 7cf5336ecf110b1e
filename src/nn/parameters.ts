import { EpSamError } from "../common/index.js";
import {
  constant,
  floatTensor,
  formatShape,
  parameter,
  type Shape,
  sameShape,
  type Value,
} from "../graph/index.js";

/** Where a model's layers get their parameters and buffers, by state-dict name. */
export interface ParameterSource {
  get(name: string, shape: Shape): Value;
  buffer(name: string, shape: Shape): Value;
}

/**
 * The parameters a model uses, by state-dict name. Layers ask for theirs by name and shape; asking again gives
 * the same value, so that modules can share a parameter and a graph built twice stays one.
 */
export class ParameterSet implements ParameterSource {
  readonly #values = new Map<string, Value>();
  readonly #buffers = new Map<string, Value>();

  /**
   * The parameter `name`, made at the first request.
   * @throws EpSamError `shape` when it is asked for again with another shape.
   */
  get(name: string, shape: Shape): Value {
    return findOrMake(this.#values, name, shape);
  }

  /**
   * The buffer `name`: part of the state dict, such as a running mean, but not trained.
   * @throws EpSamError `shape` when it is asked for again with another shape.
   */
  buffer(name: string, shape: Shape): Value {
    return findOrMake(this.#buffers, name, shape);
  }

  /** Every buffer asked for so far, in the order of the first request. */
  allBuffers(): ReadonlyMap<string, Value> {
    return this.#buffers;
  }

  /** Every parameter asked for so far, in the order of the first request. */
  all(): ReadonlyMap<string, Value> {
    return this.#values;
  }
}

function findOrMake(values: Map<string, Value>, name: string, shape: Shape): Value {
  const known = values.get(name);
  if (known === undefined) {
    const value = parameter(name, shape);
    values.set(name, value);
    return value;
  }
  if (!sameShape(known.shape, shape)) {
    throw new EpSamError("shape", {
      what: `has shape ${formatShape(known.shape)}, but a layer asks for ${formatShape(shape)}`,
      where: `parameter ${name}`,
    });
  }
  return known;
}

/** Gives the parameter of a name in its shape. */
export type ParameterLookup = (name: string, shape: Shape) => Value;

/** A lookup for the part of a model whose names begin with `prefix` and a dot. */
export function lookupWithin(lookup: ParameterLookup, prefix: string): ParameterLookup {
  return (name, shape) => lookup(`${prefix}.${name}`, shape);
}

/** A tensor of a state dict. */
interface StoredParameter {
  readonly shape: Shape;
  readonly data: Float32Array;
}

/**
 * A lookup that gives the weights of a frozen model as constants of the graph: nothing has to be fed, no gradient
 * flows to them, and the runtime computes what depends on them alone once, when the graph is compiled.
 * @throws EpSamError (the lookup) `weights` when a weight is absent, `shape` when it has another shape.
 */
export function frozenParameters(weights: ReadonlyMap<string, StoredParameter>): ParameterLookup {
  const values = new Map<string, Value>();
  return (name, shape) => {
    const stored = weights.get(name);
    if (stored === undefined) throw new EpSamError("weights", { what: "is missing", where: name });
    if (!sameShape(stored.shape, shape)) {
      throw new EpSamError("shape", {
        what: `has shape ${formatShape(stored.shape)}, but a layer asks for ${formatShape(shape)}`,
        where: `parameter ${name}`,
      });
    }
    const value = values.get(name) ?? constant(floatTensor(shape, stored.data));
    values.set(name, value);
    return value;
  };
}
