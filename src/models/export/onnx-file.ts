import { EpSamError } from "../../common/index.js";
import { encodeModel, type OnnxModel } from "../../graph/index.js";

/** Protocol buffers, and so ONNX files, end here. */
const LARGEST_FILE = 2 ** 31 - 1;

/**
 * The bytes of an ONNX file that any runtime reads: operators of the standard alone, with texts that say how to
 * use it.
 * @throws EpSamError `internal` when a node is not of the standard; `weights` when the file would exceed 2 GiB
 */
export function encodeOnnxFile(model: OnnxModel, metadata: Readonly<Record<string, string>>): Uint8Array {
  const foreign = model.graph.node.find(({ domain }) => domain !== undefined && domain !== "");
  if (foreign !== undefined) {
    throw new EpSamError("internal", { what: `the operator ${foreign.opType} is not of the ONNX standard` });
  }
  const size = model.graph.initializer.reduce((sum, { rawData }) => sum + (rawData?.length ?? 0), 0);
  if (size > LARGEST_FILE) throw tooLarge(size);
  const bytes = encodeModel({
    ...model,
    opsetImport: model.opsetImport.filter(({ domain }) => domain === undefined || domain === ""),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  if (bytes.length > LARGEST_FILE) throw tooLarge(bytes.length);
  return bytes;
}

/**
 * Checks that numbers of float32 fit into an ONNX file, before they are read.
 * @throws EpSamError `weights` when they take more than 2 GiB
 */
export function requireRoomInFile(elements: number): void {
  const size = elements * Float32Array.BYTES_PER_ELEMENT;
  if (size > LARGEST_FILE) throw tooLarge(size);
}

function tooLarge(size: number): EpSamError {
  return new EpSamError("weights", {
    what: `takes ${(size / 2 ** 30).toFixed(1)} GiB, and an ONNX file can have 2`,
    action: "Export it as safetensors or pth.",
  });
}
