import { EpSamError } from "../common/index.js";
import {
  type Device,
  type Feeds,
  type FloatTensor,
  type HostTensor,
  type StateEntry,
  StatefulSession,
  scale,
  type Value,
} from "../graph/index.js";
import type { HostAdam } from "./host-adam.js";

const gradientPrefix = "gradient:";

/**
 * A compiled step with memory, as `StatefulSession`, whose graph ends with the gradients; the parameters and what the
 * optimizer knows of them are updated in host memory.
 */
export class HostUpdatedSession {
  readonly #session: StatefulSession;
  readonly #adam: HostAdam;
  readonly #scalars: string;
  readonly #gradients: Readonly<Record<string, FloatTensor>>;

  private constructor(session: StatefulSession, { adam, scalars }: HostUpdateOptions) {
    this.#session = session;
    this.#adam = adam;
    this.#scalars = scalars;
    this.#gradients = Object.fromEntries(
      [...adam.gradients].map(([name, tensor]) => [gradientPrefix + name, tensor]),
    );
  }

  /**
   * Compiles a step.
   * @param state what the graph itself replaces
   * @param outputs further results
   */
  static async create(
    state: ReadonlyMap<string, StateEntry>,
    outputs: Readonly<Record<string, Value>>,
    device: Device,
    options: HostUpdateOptions,
  ): Promise<HostUpdatedSession> {
    const all = { ...outputs, ...gradientOutputs(options.gradients) };
    return new HostUpdatedSession(await StatefulSession.create(state, all, device), options);
  }

  /** Runs one step and returns the results that are not state. */
  async step(feeds: Feeds): Promise<Record<string, HostTensor>> {
    const { [this.#scalars]: scalars, ...others } = feeds;
    if (scalars === undefined || !("data" in scalars) || scalars.dataType !== "float32") {
      throw new EpSamError("internal", { what: "is not fed in host memory", where: this.#scalars });
    }
    const all = { ...others, ...Object.fromEntries(this.#adam.parameters) };
    const results = await this.#session.step(all, this.#gradients);
    this.#adam.step(scalars.data);
    return Object.fromEntries(Object.entries(results).filter(([name]) => !name.startsWith(gradientPrefix)));
  }

  /** Parameters, moments and what the graph replaces; valid until the next step. */
  async read(): Promise<Readonly<Record<string, FloatTensor>>> {
    const own = [...this.#adam.parameters, ...this.#adam.moments];
    return { ...Object.fromEntries(own), ...(await this.#session.read()) };
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}

/**
 * Gradients as outputs, each as a node that changes nothing. ONNX Runtime computes what leads to the last such node first,
 * and after it what else leads to the one before: in the order of the layers each gradient is computed as soon as it can
 * be, and what it is made of is freed. By themselves, gradients are made from the last layer to the first.
 */
export function gradientOutputs(gradients: ReadonlyMap<string, Value>): Record<string, Value> {
  return Object.fromEntries([...gradients].map(([name, value]) => [gradientPrefix + name, scale(value, 1)]));
}

export interface HostUpdateOptions {
  readonly adam: HostAdam;
  /** Of the loss, by parameter. */
  readonly gradients: ReadonlyMap<string, Value>;
  /** Name of the feed with the numbers that change from step to step. */
  readonly scalars: string;
}
