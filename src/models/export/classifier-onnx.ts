import { EpSamError } from "../../common/index.js";
import {
  add,
  divide,
  floats,
  input,
  maximum,
  negate,
  relu,
  sigmoid,
  subtract,
  type Value,
} from "../../graph/index.js";
import { ParameterSet } from "../../nn/index.js";
import { type CamLayer, classActivationMap, type ResNetAdlOptions, resNetAdl } from "../resnet-adl.js";
import type { Size } from "../sam/index.js";
import type { StateDict } from "../weights/index.js";
import { encodeWithOpenSize } from "./dynamic-size.js";
import { encodeOnnxFile } from "./onnx-file.js";

export interface ClassifierExport {
  readonly model: ResNetAdlOptions;
  /** Parameters and batch-norm statistics by state-dict name. */
  readonly weights: StateDict;
  /** Size of the images in pixels; the high-frequency channel is made for it. */
  readonly inputSize: Size;
  readonly layer: CamLayer;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Added to the range of an activation map, so that an even one gives zeros. */
const SMALLEST_RANGE = 1e-12;

/**
 * The patch classifier as an ONNX file. Input `images` [N, 3, height, width], RGB in [0, 1]; outputs `logit` [N],
 * `probability` [N] and `activation_map` [N, h, w] at 1/16 of the size: the class activation map, ReLU, stretched to
 * [0, 1] for each image. Our own maps are the mean over the four right-angle rotations; one run gives one of them.
 * @throws EpSamError `weights` when a weight is absent, `shape` when one has another shape than the model
 */
export function encodeClassifierOnnx(options: ClassifierExport): Uint8Array {
  const { model, weights, inputSize, layer, metadata } = options;
  const build = (batch: number): Record<string, Value> => {
    const images = input("images", [batch, 3, inputSize.height, inputSize.width]);
    const parameters = new ParameterSet();
    const graph = resNetAdl(parameters, images, model, "evaluation");
    // What is not bound would become an input.
    for (const name of [...parameters.all().keys(), ...parameters.allBuffers().keys()]) {
      if (!weights.has(name)) throw new EpSamError("weights", { what: "is missing", where: name });
    }
    return {
      logit: graph.logits,
      probability: sigmoid(graph.logits),
      activation_map: stretched(relu(classActivationMap(graph, layer))),
    };
  };
  return encodeOnnxFile(encodeWithOpenSize(build, "batch", { target: "gpu", bind: weights }), {
    input: "images: RGB in [0, 1], 32-bit float, [batch, 3, height, width]",
    ...metadata,
  });
}

/** Each map's lowest value becomes 0 and its highest 1. */
function stretched(maps: Value): Value {
  const highest = maximum(maps, [1, 2]);
  const lowest = negate(maximum(negate(maps), [1, 2]));
  const range = add(subtract(highest, lowest), floats(SMALLEST_RANGE));
  return divide(subtract(maps, lowest), range);
}
