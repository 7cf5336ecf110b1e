import type { FloatTensor } from "../../graph/index.js";
import {
  type OpenWeightsOptions,
  openWeights,
  readFloatTensor,
  type StateDict,
  type WeightFile,
} from "../weights/index.js";

/** Tensors of a file that were not taken, with the reason; every tensor is either taken or listed. */
export interface LeftOut {
  readonly names: readonly string[];
  readonly why: string;
}

/** The weights of a model from a file. */
export interface LoadedWeights {
  readonly file: string;
  readonly format: WeightFile["format"];
  /** By the names of the original state dict. */
  readonly weights: StateDict;
  readonly leftOut: readonly LeftOut[];
}

/** What wrappers of PyTorch and of training scripts put before every name of a model's state dict. */
const prefixes = [
  "module.",
  "_orig_mod.",
  "model.",
  "net.",
  "network.",
  "backbone.",
  "classifier.",
  "sam.",
  "sam_model.",
];

/**
 * Opens a file of weights of any format with the prefixes removed that all its tensors share, such as `module.`
 * of `DataParallel`.
 * @throws EpSamError `weights` when the file cannot be read or is of no known format
 */
export async function openModelWeights(path: string, options: OpenWeightsOptions = {}): Promise<WeightFile> {
  const file = await openWeights(path, options);
  const prefix = sharedPrefix([...file.tensors.keys()]);
  return prefix === "" ? file : renamedWeights(file, (name) => name.slice(prefix.length));
}

/** The same file under other names; two tensors of one new name are a mistake of the caller. */
export function renamedWeights(file: WeightFile, rename: (name: string) => string): WeightFile {
  const originals = new Map([...file.tensors.keys()].map((name) => [rename(name), name]));
  return {
    ...file,
    tensors: new Map([...file.tensors].map(([name, info]) => [rename(name), info])),
    read: (name) => file.read(originals.get(name) ?? name),
    place: (name) => file.place?.(originals.get(name) ?? name),
  };
}

function sharedPrefix(names: readonly string[]): string {
  let shared = "";
  for (;;) {
    const next = prefixes.find((prefix) => names.every((name) => name.startsWith(shared + prefix)));
    if (next === undefined || names.length === 0) return shared;
    shared += next;
  }
}

/**
 * Reads tensors as float32 and in the given order.
 * @throws EpSamError `weights` naming a tensor that holds no floating-point numbers
 */
export async function readFloatTensors(
  file: Pick<WeightFile, "path" | "read">,
  names: readonly string[],
): Promise<StateDict> {
  const weights = new Map<string, FloatTensor>();
  for (const name of names) {
    weights.set(name, await readFloatTensor(file, name));
  }
  return weights;
}

/** What a file holds beside its state dict. */
export function besideStateDict({ others }: WeightFile): LeftOut[] {
  return others.length === 0 ? [] : [{ names: others, why: "not part of the state dict" }];
}

/** Names by their first part: `image_encoder.* (177 tensors)` instead of 177 names. */
export function groupedNames(names: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const name of names) {
    const group = name.split(".")[0] ?? name;
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return [...counts].map(([group, count]) => `${group}.* (${count} ${count === 1 ? "tensor" : "tensors"})`);
}
