import { EpSamError } from "../../common/index.js";
import { input, type Shape } from "../../graph/index.js";
import { ParameterSet } from "../../nn/index.js";
import type { ExpectedTensor } from "../weights/index.js";
import { efficientNetLite0 } from "./efficientnet-lite0.js";
import type { BackboneEntry, BackboneOptions } from "./entry.js";
import { resNet18, resNet50 } from "./resnet.js";

/** Every backbone there is. */
export const backbones: readonly BackboneEntry[] = [efficientNetLite0, resNet18, resNet50];

/** The backbone that comes with the package. */
export const defaultBackbone = efficientNetLite0.name;

/**
 * The backbone of a name.
 * @throws EpSamError `usage` listing the names there are
 */
export function backbone(name: string): BackboneEntry {
  const entry = backbones.find((candidate) => candidate.name === name);
  if (entry !== undefined) return entry;
  throw new EpSamError("usage", {
    what: `"${name}" is not a backbone`,
    where: "backbone",
    action: `Choose one of ${backbones.map((candidate) => candidate.name).join(", ")}.`,
  });
}

/** Names and shapes of a backbone's tensors: parameters, then batch-norm statistics. */
export function backboneTensors(
  entry: BackboneEntry,
  options: Pick<BackboneOptions, "highFrequency"> = {},
): ExpectedTensor[] {
  const parameters = new ParameterSet();
  entry.features(input("images", [1, 3, 64, 64]), parameters, options);
  return [...parameters.all(), ...parameters.allBuffers()].map(([name, { shape }]) => ({ name, shape }));
}

/** Whether weights of a backbone take the high-frequency channel: their first convolution then has a fourth one. */
export function hasHighFrequency(
  { stem }: BackboneEntry,
  weights: { get(name: string): { readonly shape: Shape } | undefined },
): boolean {
  return weights.get(stem)?.shape[1] === 4;
}
