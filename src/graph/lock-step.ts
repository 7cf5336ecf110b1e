import { must } from "../common/index.js";
import { ancestors } from "./ancestors.js";
import { apply } from "./operation.js";
import type { OperationName } from "./operations/index.js";
import { input, type Value } from "./value.js";

/** One stage: a graph that runs once for each micro-batch before any of them goes on. */
export interface LockStepStage {
  /** What the stage computes, by name; it reads earlier stages' results as inputs of these names. */
  readonly outputs: Readonly<Record<string, Value>>;
  /** Outputs whose mean over the micro-batches later stages read. */
  readonly averaged: readonly string[];
  /** Outputs that later stages read for the same micro-batch. */
  readonly carried: readonly string[];
  /** Outputs of the whole graph, one part for each micro-batch. */
  readonly results: readonly string[];
  /** Carried values that no later stage reads. */
  readonly finished: readonly string[];
}

/** A graph cut where micro-batches wait for each other. */
export interface LockStepPlan {
  readonly stages: readonly LockStepStage[];
  /** Outputs that are the same for every micro-batch: computed once, after the last stage. */
  readonly final: Readonly<Record<string, Value>>;
}

/**
 * Cuts a graph for one micro-batch into stages so that every `synchronised` value can be the mean over all
 * micro-batches: stage k holds what needs k rounds of such means. Within these limits values are computed as late as
 * possible, so that little has to be carried from stage to stage; means, and marks of order, as early.
 *
 * @param outputs of one micro-batch
 * @param split names of the inputs that differ between micro-batches
 */
export function planLockStep(
  outputs: Readonly<Record<string, Value>>,
  split: ReadonlySet<string>,
): LockStepPlan {
  return new Planner(outputs, split).plan();
}

class Planner {
  readonly #outputs: readonly (readonly [string, Value])[];
  readonly #values: readonly Value[];
  /** Values that differ between micro-batches. */
  readonly #perImage = new Set<Value>();
  /** Rounds of means that a value needs. */
  readonly #level = new Map<Value, number>();
  readonly #stage = new Map<Value, number>();
  readonly #lastStage = new Map<Value, number>();

  constructor(outputs: Readonly<Record<string, Value>>, split: ReadonlySet<string>) {
    this.#outputs = Object.entries(outputs);
    this.#values = ancestors(Object.values(outputs));
    for (const value of this.#values) this.#classify(value, split);
    this.#placeValues();
  }

  plan(): LockStepPlan {
    const count = 1 + Math.max(-1, ...this.#stage.values());
    return {
      stages: Array.from({ length: count }, (_, stage) => this.#stageAt(stage)),
      final: this.#rebuilt(
        this.#outputs.filter(([, value]) => !this.#perImage.has(value)),
        count,
      ),
    };
  }

  #classify(value: Value, split: ReadonlySet<string>): void {
    const { source } = value;
    if (source.kind === "input" && split.has(source.name)) this.#perImage.add(value);
    const operands = source.kind === "operation" ? source.inputs : [];
    const level = Math.max(0, ...operands.map((operand) => this.#levelOf(operand)));
    const isMean = this.#isMean(value);
    this.#level.set(value, isMean ? level + 1 : level);
    if (!isMean && operands.some((operand) => this.#perImage.has(operand))) this.#perImage.add(value);
  }

  /** True for a mean over micro-batches; of what is the same for all of them there is nothing to agree on. */
  #isMean(value: Value): boolean {
    const operand = operandOf(value, "synchronised");
    return operand !== undefined && this.#perImage.has(operand);
  }

  #levelOf(value: Value): number {
    return must(this.#level, value, "level of the value");
  }

  #placeValues(): void {
    for (const [, value] of this.#outputs)
      if (this.#perImage.has(value)) this.#read(value, this.#levelOf(value));
    for (const value of [...this.#values].reverse()) {
      if (value.source.kind !== "operation") continue;
      const at = this.#readingStage(value);
      if (at === undefined) continue;
      for (const operand of value.source.inputs) if (this.#perImage.has(operand)) this.#read(operand, at);
    }
  }

  /** The stage in which `value` reads its operands; `undefined` for what is computed wherever it is needed. */
  #readingStage(value: Value): number | undefined {
    if (this.#isMean(value)) return this.#levelOf(value) - 1;
    if (!this.#perImage.has(value) || isView(value)) return undefined;
    if (operandOf(value, "zeroAfter") !== undefined) this.#stage.set(value, this.#levelOf(value));
    return this.#stage.get(value);
  }

  /** Notes that `value` is read in a stage; a view is read through to what it shows. */
  #read(value: Value, stage: number): void {
    if (value.source.kind !== "operation") return;
    const [viewed] = value.source.inputs;
    if (isView(value) && viewed !== undefined) {
      if (this.#perImage.has(viewed)) this.#read(viewed, stage);
      return;
    }
    this.#stage.set(value, Math.min(stage, this.#stage.get(value) ?? stage));
    this.#lastStage.set(value, Math.max(stage, this.#lastStage.get(value) ?? stage));
  }

  #stageAt(stage: number): LockStepStage {
    const carried = this.#values.filter(
      (value) => this.#stage.get(value) === stage && (this.#lastStage.get(value) ?? 0) > stage,
    );
    const means = this.#values.filter((value) => this.#isMean(value) && this.#levelOf(value) === stage + 1);
    const results = this.#outputs.filter(
      ([, value]) => this.#perImage.has(value) && this.#levelOf(value) === stage,
    );
    const entries: (readonly [string, Value])[] = [
      ...carried.map((value) => [carriedName(value), value] as const),
      ...means.map((mean) => [meanName(mean), operandOf(mean, "synchronised") ?? mean] as const),
      ...results,
    ];
    return {
      outputs: this.#rebuilt(entries, stage),
      averaged: means.map(meanName),
      carried: carried.map(carriedName),
      results: results.map(([name]) => name),
      finished: this.#values
        .filter((value) => this.#lastStage.get(value) === stage && (this.#stage.get(value) ?? stage) < stage)
        .map(carriedName),
    };
  }

  /** The values as a graph of their own that begins with what earlier stages give. */
  #rebuilt(entries: readonly (readonly [string, Value])[], stage: number): Record<string, Value> {
    const known = new Map<Value, Value>();
    const rebuild = (value: Value): Value => {
      const result = known.get(value) ?? this.#rebuildOnce(value, stage, rebuild);
      known.set(value, result);
      return result;
    };
    // In the order of the original, so that operations keep the order in which they were written.
    for (const value of this.#neededFor(entries, stage)) rebuild(value);
    return Object.fromEntries(entries.map(([name, value]) => [name, rebuild(value)]));
  }

  #rebuildOnce(value: Value, stage: number, rebuild: (value: Value) => Value): Value {
    if (this.#isMean(value)) return input(meanName(value), value.shape);
    if (this.#isFromBefore(value, stage)) return input(carriedName(value), value.shape, value.dataType);
    const { source } = value;
    if (source.kind !== "operation") return value;
    return apply(source.operation, source.inputs.map(rebuild), source.attributes);
  }

  #isFromBefore(value: Value, stage: number): boolean {
    const at = this.#stage.get(value);
    return at !== undefined && at < stage;
  }

  #neededFor(entries: readonly (readonly [string, Value])[], stage: number): Value[] {
    const found = new Set(entries.map(([, value]) => value));
    for (const value of found) {
      if (value.source.kind !== "operation" || this.#isMean(value) || this.#isFromBefore(value, stage))
        continue;
      for (const operand of value.source.inputs) found.add(operand);
    }
    return [...found].sort((a, b) => a.id - b.id);
  }
}

/** The same numbers in another shape: made again wherever it is read, instead of being carried a second time. */
const isView = (value: Value): boolean => operandOf(value, "reshape") !== undefined;

function operandOf({ source }: Value, name: OperationName): Value | undefined {
  return source.kind === "operation" && source.operation.name === name ? source.inputs[0] : undefined;
}

const carriedName = ({ id }: Value): string => `carried:${id}`;
const meanName = ({ id }: Value): string => `mean:${id}`;
