import type { RandomStream } from "../common/index.js";
import { type FloatTensor, input, type Value } from "../graph/index.js";
import { binaryCrossEntropyWithLogits, filled, normal, ParameterSet, xavierUniform } from "../nn/index.js";
import { type ClassifierMode, type ResNetAdl, type ResNetAdlOptions, resNetAdl } from "./resnet-adl.js";

/** Names of the classifier graph's inputs. */
export const classifierInputs = { images: "images", labels: "labels" } as const;

/** A classifier graph with its parameters and a loss. */
export interface ClassifierGraph {
  readonly parameters: ParameterSet;
  readonly model: ResNetAdl;
  /** Binary cross-entropy with logits, mean over the batch. */
  readonly loss: Value;
}

/** Builds the classifier for batches of square RGB patches, [N, 3, size, size] in [0, 1]. */
export function classifierGraph(
  options: ResNetAdlOptions,
  batchSize: number,
  size: number,
  mode: ClassifierMode,
): ClassifierGraph {
  const parameters = new ParameterSet();
  const images = input(classifierInputs.images, [batchSize, 3, size, size]);
  const model = resNetAdl(parameters, images, options, mode);
  const labels = input(classifierInputs.labels, [batchSize]);
  const loss = binaryCrossEntropyWithLogits(model.logits, labels);
  return { parameters, model, loss };
}

/** Names and shapes of the classifier's state dict: parameters, then batch-norm statistics. */
export function classifierTensors(options: ResNetAdlOptions): { name: string; shape: readonly number[] }[] {
  const { parameters } = classifierGraph(options, 1, 64, "evaluation");
  return [...parameters.all(), ...parameters.allBuffers()].map(([name, { shape }]) => ({ name, shape }));
}

/**
 * Random starting weights (paper section 2): Xavier-uniform convolutions, head N(0, 0.01), batch norm at identity.
 * @param streamOf gives each tensor a random stream of its own.
 */
export function initialClassifierWeights(
  options: ResNetAdlOptions,
  streamOf: (name: string) => RandomStream,
): Map<string, FloatTensor> {
  return new Map(
    classifierTensors(options).map(({ name, shape }) => [
      name,
      initialClassifierTensor(name, shape, streamOf(name)),
    ]),
  );
}

/** The random starting weights of one tensor, see {@link initialClassifierWeights}. */
export function initialClassifierTensor(
  name: string,
  shape: readonly number[],
  stream: RandomStream,
): FloatTensor {
  return initializerFor(name, shape)(shape, stream);
}

function initializerFor(name: string, shape: readonly number[]) {
  if (name === "fc.weight") return normal(0.01);
  if (shape.length === 4) return xavierUniform;
  return filled(name.endsWith("running_var") || name.endsWith(".weight") ? 1 : 0);
}
