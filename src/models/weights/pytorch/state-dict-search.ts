import { PickleDict, type PickleValue, TensorReference } from "./pickle-values.js";

/** The tensors of a checkpoint's model. */
export interface FoundTensors {
  readonly tensors: ReadonlyMap<string, TensorReference>;
  /** Keys on the way there, for example `model` then `state_dict`. */
  readonly path: readonly string[];
  /** What the checkpoint holds beside them, by name. */
  readonly others: readonly string[];
}

/** Entries that training scripts put a model's weights under, the most specific first. */
const wrappers = [
  "state_dict",
  "model_state_dict",
  "model_state",
  "model",
  "net",
  "network",
  "module",
  "params",
  "weights",
];

/** Entries of training scripts that hold tensors but no model. */
const states = new Set(["optimizer", "optimizer_state_dict", "optim", "scheduler", "lr_scheduler", "scaler"]);

/** Dicts nested deeper than this, or more entries, are in no checkpoint; the bounds end walks through loops. */
const DEEPEST = 8;
const MOST_ENTRIES = 1_000_000;

/**
 * The dict of tensors inside a checkpoint: the checkpoint itself, or what it holds under the usual names, or under
 * the given key. Dicts inside it are joined with dots.
 * @param key names separated by dots, for example `model.state_dict`
 * @returns undefined when there is no dict there
 */
export function findStateDict(root: PickleValue, key?: string): FoundTensors | undefined {
  const others: string[] = [];
  const path: string[] = [];
  let node = root;
  for (const step of key === undefined ? [] : key.split(".")) {
    if (!(node instanceof PickleDict) || !node.entries.has(step)) return undefined;
    node = node.entries.get(step) ?? null;
    path.push(step);
  }
  while (key === undefined && node instanceof PickleDict && path.length < DEEPEST) {
    const step = wrapperOf(node);
    if (step === undefined) break;
    others.push(...[...node.entries.keys()].filter((name) => name !== step).map(nameOf));
    node = node.entries.get(step) ?? null;
    path.push(step);
  }
  if (!(node instanceof PickleDict)) return undefined;
  const walk = tensorsBelow(node);
  return { tensors: walk.tensors, path, others: [...others, ...walk.others] };
}

/**
 * The entry that a training script put the weights under. Beside them such a script may keep tensors of its own (the
 * best accuracy, a loss); those of a model's layers have a dot in their names, and are a state dict by themselves.
 */
function wrapperOf({ entries }: PickleDict): string | undefined {
  const isLayer = ([name, value]: readonly [PickleValue, PickleValue]): boolean =>
    value instanceof TensorReference && nameOf(name).includes(".");
  if ([...entries].some(isLayer)) return undefined;
  return wrappers.find((name) => {
    const entry = entries.get(name);
    return entry instanceof PickleDict && tensorsBelow(entry).tensors.size > 0;
  });
}

function tensorsBelow(dict: PickleDict): Walk {
  const walk = new Walk();
  walk.visit(dict, "", 0);
  return walk;
}

/** Collects the tensors below a dict. */
class Walk {
  readonly tensors = new Map<string, TensorReference>();
  readonly others: string[] = [];
  #entries = 0;

  visit({ entries }: PickleDict, prefix: string, depth: number): void {
    for (const [key, value] of entries) {
      if (++this.#entries > MOST_ENTRIES) return;
      const name = `${prefix}${nameOf(key)}`;
      if (value instanceof TensorReference) this.tensors.set(name, value);
      else if (value instanceof PickleDict && depth < DEEPEST && !states.has(name)) {
        this.visit(value, `${name}.`, depth + 1);
      } else this.others.push(name);
    }
  }
}

function nameOf(key: PickleValue): string {
  return typeof key === "object" && key !== null ? "?" : String(key);
}
