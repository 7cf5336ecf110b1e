import { elementCount, type FloatTensor, input } from "../../../src/graph/index.js";
import { paperResNetAdl, type ResNetAdl, resNetAdl } from "../../../src/models/index.js";
import { ParameterSet } from "../../../src/nn/index.js";
import { fill } from "../golden.js";

/** Name of the classifier graph's image input. */
export const IMAGE = "image";

/** The paper's classifier as a graph, with the golden directories' deterministic weights. */
export interface FilledClassifier {
  readonly parameters: ParameterSet;
  readonly model: ResNetAdl;
  readonly weights: ReadonlyMap<string, FloatTensor>;
}

/** The classifier for images of the given shape, [N, 3, H, W]. */
export function filledClassifier(
  shape: readonly number[],
  mode: "training" | "evaluation",
): FilledClassifier {
  const parameters = new ParameterSet();
  const model = resNetAdl(parameters, input(IMAGE, shape), paperResNetAdl, mode);
  const tensors = [...parameters.all(), ...parameters.allBuffers()];
  const weights = new Map(tensors.map(([name, value]) => [name, weight(name, value.shape)]));
  return { parameters, model, weights };
}

/** Filling 23 million weights takes as long as running them, so the sections share them. */
const filled = new Map<string, FloatTensor>();

function weight(name: string, shape: readonly number[]): FloatTensor {
  const tensor = filled.get(name) ?? weightFill(name, shape);
  filled.set(name, tensor);
  return tensor;
}

/** The fill of one tensor by its state-dict name, as the golden README's table has it. */
function weightFill(name: string, shape: readonly number[]): FloatTensor {
  if (name.endsWith("running_mean")) return fill(name, shape, -0.1, 0.1);
  if (name.endsWith("running_var")) return fill(name, shape, 0.5, 1.5);
  if (name.endsWith(".bias")) return fill(name, shape, -0.1, 0.1);
  const [outputs = 1, inputs = 1, ...kernel] = shape;
  if (shape.length === 1) return fill(name, shape, 0.5, 1.5);
  const limit = Math.sqrt(6 / ((outputs + inputs) * elementCount(kernel)));
  return fill(name, shape, -limit, limit);
}
