import { EpSamError } from "../../common/index.js";
import { type FloatTensor, formatShape, type Shape, sameShape } from "../../graph/index.js";
import type { StoredTensor } from "./element-types.js";

/** A model's parameters and buffers by their PyTorch names. */
export type StateDict = ReadonlyMap<string, FloatTensor>;

/** What a model expects under one name. */
export interface ExpectedTensor {
  readonly name: string;
  readonly shape: Shape;
}

const LISTED_NAMES = 12;

/**
 * The tensors of `actual` in the order of `expected`, after checking that both name the same tensors with
 * the same shapes: nothing is filled in, nothing is dropped. Works on tensors and on what a file says of them.
 * @throws EpSamError `weights` listing everything missing, surplus and of another shape
 */
export function matchStateDict<Tensor extends { readonly shape: Shape }>(
  expected: readonly ExpectedTensor[],
  actual: ReadonlyMap<string, Tensor>,
  {
    file,
    action = "Use the checkpoint that belongs to the configured model, or change the configuration.",
  }: { readonly file: string; readonly action?: string | undefined },
): ReadonlyMap<string, Tensor> {
  const matched = new Map<string, Tensor>();
  const missing: string[] = [];
  const misshaped: string[] = [];
  for (const { name, shape } of expected) {
    const tensor = actual.get(name);
    if (tensor === undefined) missing.push(name);
    else if (!sameShape(tensor.shape, shape)) {
      misshaped.push(`${name} is ${formatShape(tensor.shape)} but should be ${formatShape(shape)}`);
    } else matched.set(name, tensor);
  }
  const expectedNames = new Set(expected.map(({ name }) => name));
  const surplus = [...actual.keys()].filter((name) => !expectedNames.has(name));
  const complaints = [
    complaint("missing", missing),
    complaint("surplus", surplus),
    complaint("of another shape", misshaped),
  ].filter((text) => text !== "");
  if (complaints.length > 0) {
    throw new EpSamError("weights", {
      what: "does not hold the weights of this model",
      where: file,
      why: complaints.join("; "),
      action,
    });
  }
  return matched;
}

/**
 * The tensors of a weight file as a state dict.
 * @throws EpSamError `weights` listing the tensors that are not floating-point
 */
export function stateDictOf(
  tensors: ReadonlyMap<string, StoredTensor>,
  { file }: { readonly file: string },
): StateDict {
  const stateDict = new Map<string, FloatTensor>();
  const others: string[] = [];
  for (const [name, tensor] of tensors) {
    if (tensor.dataType === "float32") stateDict.set(name, tensor);
    else others.push(`${name} (${tensor.dataType})`);
  }
  if (others.length > 0) {
    throw new EpSamError("weights", {
      what: "holds tensors that are not floating-point weights",
      where: file,
      why: complaint("of another type", others),
      action: "Use a checkpoint of model weights.",
    });
  }
  return stateDict;
}

function complaint(kind: string, names: readonly string[]): string {
  if (names.length === 0) return "";
  const listed = names.slice(0, LISTED_NAMES).join(", ");
  const rest = names.length > LISTED_NAMES ? `, and ${names.length - LISTED_NAMES} more` : "";
  return `${names.length} ${kind}: ${listed}${rest}`;
}
