import {
  add,
  constant,
  floats,
  floatTensor,
  input,
  maximum,
  multiply,
  reshape,
  scale,
  separable,
  sign,
  subtract,
  sum,
  type Value,
} from "../../graph/index.js";
import { frozenParameters } from "../../nn/index.js";
import {
  decodeMasks,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  embeddingPositions,
  encodePrompts,
  LOW_RESOLUTION_SIZE,
  type SamFrame,
} from "../sam/index.js";
import type { StateDict } from "../weights/index.js";
import { encodeWithOpenSize } from "./dynamic-size.js";
import { encodeOnnxFile } from "./onnx-file.js";

export interface DecoderExport {
  /** `prompt_encoder.*` and `mask_decoder.*`. */
  readonly weights: StateDict;
  readonly frame: SamFrame;
  /** Takes a mask prompt beside the points. */
  readonly maskPrompt: boolean;
  /**
   * Takes boxes as pairs of points with the labels 2 and 3, and padding points with the label -1, of which the caller
   * gives one where there is no box (segment-anything's own ONNX decoder has this convention). Default: points alone.
   */
  readonly boxes?: boolean | undefined;
  /**
   * `patch`, the default: logits at the patch's resolution. `low`: as the decoder gives them, [1, 256, 256] over the
   * whole of SAM's input, which a square patch fills; whoever draws outlines interpolates anyway.
   */
  readonly resolution?: "patch" | "low" | undefined;
  /**
   * `single`, the default: SAM's one mask, which fine-tuning trains. `ambiguous`: for a single point or a box alone (at
   * most two tokens) the best of SAM's three masks of different extent by its own estimate, as segment-anything's own
   * ONNX decoder chooses.
   */
  readonly masks?: "single" | "ambiguous" | undefined;
  /** Computes what is faster for up to about ten points, as people set them, and slower for many more. */
  readonly fewPoints?: boolean | undefined;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * SAM's prompt encoder and mask decoder for one patch as an ONNX file, for any number of points. Inputs
 * `image_embedding` [1, 256, 64, 64], `point_coordinates` [1, points, 2] as x, y in pixels of the patch (the graph
 * takes them to SAM's frame), `point_labels` [1, points] (1 foreground, 0 background; with `boxes` also 2 and 3 for a
 * box's upper left and lower right corner and -1 for padding) and, for decoders that take a
 * mask prompt, `mask_prompt` [1, 1, 256, 256]; outputs `logits` [1, height, width] at the patch's resolution, above
 * 0 for foreground, and `estimated_iou` [1, 1].
 * @throws EpSamError `weights` when a weight is absent, `shape` when one has another shape
 */
export function encodeDecoderOnnx(options: DecoderExport): Uint8Array {
  const { frame, metadata } = options;
  const build = (points: number) => decoderOutputs(options, points);
  return encodeOnnxFile(encodeWithOpenSize(build, "points", { target: "gpu" }), {
    input: `point_coordinates: x, y in pixels of the ${frame.patch.width}×${frame.patch.height} patch`,
    ...metadata,
  });
}

function decoderOutputs(
  { weights, frame: samFrame, maskPrompt, boxes, resolution, masks: choice, fewPoints }: DecoderExport,
  points: number,
): Record<string, Value> {
  const { frame, patch, resized, outputMatrixRows, outputMatrixColumns } = samFrame;
  const parameters = frozenParameters(weights);
  const toModel = frame === "model" ? [resized.width / patch.width, resized.height / patch.height] : [1, 1];
  const coordinates = multiply(input("point_coordinates", [1, points, 2]), floats(toModel));
  const labels = input("point_labels", [1, points]);
  const masks = maskPrompt
    ? input("mask_prompt", [1, 1, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE])
    : undefined;
  const prompted = {
    embedding: input("image_embedding", [1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE]),
    positions: embeddingPositions(parameters),
    prompts: encodePrompts(parameters, { points: { coordinates, labels, corners: boxes }, masks }),
  };
  const choose = choice === "ambiguous" ? (estimates: Value) => bestMask(labels, estimates) : undefined;
  const { lowResolution, iou } = decodeMasks(parameters, prompted, { choose, fewTokens: fewPoints });
  if (resolution === "low") {
    const size = LOW_RESOLUTION_SIZE;
    return { logits: reshape(lowResolution, [1, size, size]), estimated_iou: iou };
  }
  const rows = constant(floatTensor([patch.height, LOW_RESOLUTION_SIZE], outputMatrixRows()));
  const columns = constant(floatTensor([patch.width, LOW_RESOLUTION_SIZE], outputMatrixColumns()));
  const logits = separable(lowResolution, rows, columns);
  return { logits: reshape(logits, [1, patch.height, patch.width]), estimated_iou: iou };
}

/**
 * How much of each of SAM's four masks there is in the one that is given: one of the best, nothing of the others
 * (segment-anything, `SamOnnxModel.select_masks`). Where more than two tokens prompt it that is the single mask, else
 * the one of the other three that SAM itself thinks best.
 * @param labels [1, tokens]
 * @param estimates [1, 4]
 */
function bestMask(labels: Value, estimates: Value): Value {
  const tokens = sum(add(scale(labels, 0), floats(1)), [1], true);
  const preference = multiply(subtract(tokens, floats(2.5)), floats([1000, 0, 0, 0], [1, 4]));
  const scores = add(estimates, preference);
  return subtract(floats(1), sign(subtract(maximum(scores, [1]), scores)));
}
