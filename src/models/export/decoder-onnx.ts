import { constant, floats, floatTensor, input, multiply, reshape, type Value } from "../../graph/index.js";
import { frozenParameters } from "../../nn/index.js";
import {
  decodeMasks,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  embeddingPositions,
  encodePrompts,
  LOW_RESOLUTION_SIZE,
  type SamFrame,
  upsampleLogits,
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
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * SAM's prompt encoder and mask decoder for one patch as an ONNX file, for any number of points. Inputs
 * `image_embedding` [1, 256, 64, 64], `point_coordinates` [1, points, 2] as x, y in pixels of the patch (the graph
 * takes them to SAM's frame), `point_labels` [1, points] (1 foreground, 0 background) and, for decoders that take a
 * mask prompt, `mask_prompt` [1, 1, 256, 256]; outputs `logits` [1, height, width] at the patch's resolution, above
 * 0 for foreground, and `estimated_iou` [1, 1].
 * @throws EpSamError `weights` when a weight is absent, `shape` when one has another shape
 */
export function encodeDecoderOnnx({ weights, frame, maskPrompt, metadata }: DecoderExport): Uint8Array {
  const build = (points: number) => decoderOutputs(weights, frame, maskPrompt, points);
  return encodeOnnxFile(encodeWithOpenSize(build, "points", { target: "gpu" }), {
    input: `point_coordinates: x, y in pixels of the ${frame.patch.width}×${frame.patch.height} patch`,
    ...metadata,
  });
}

function decoderOutputs(
  weights: StateDict,
  { frame, patch, resized, outputMatrixRows, outputMatrixColumns }: SamFrame,
  maskPrompt: boolean,
  points: number,
): Record<string, Value> {
  const parameters = frozenParameters(weights);
  const scale = frame === "model" ? [resized.width / patch.width, resized.height / patch.height] : [1, 1];
  const coordinates = multiply(input("point_coordinates", [1, points, 2]), floats(scale));
  const labels = input("point_labels", [1, points]);
  const masks = maskPrompt
    ? input("mask_prompt", [1, 1, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE])
    : undefined;
  const { lowResolution, iou } = decodeMasks(parameters, {
    embedding: input("image_embedding", [1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE]),
    positions: embeddingPositions(parameters),
    prompts: encodePrompts(parameters, { points: { coordinates, labels }, masks }),
  });
  const rows = constant(floatTensor([patch.height, LOW_RESOLUTION_SIZE], outputMatrixRows()));
  const columns = constant(floatTensor([patch.width, LOW_RESOLUTION_SIZE], outputMatrixColumns()));
  const logits = upsampleLogits(lowResolution, rows, columns);
  return { logits: reshape(logits, [1, patch.height, patch.width]), estimated_iou: iou };
}
