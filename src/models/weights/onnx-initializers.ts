import { readFile } from "node:fs/promises";
import { EpSamError, messageOf } from "../../common/index.js";
import {
  decodeModel,
  elementCount,
  floatTensor,
  type OnnxModel,
  type OnnxTensor,
} from "../../graph/index.js";
import { type ElementTypeName, elementType, type StoredTensor } from "./element-types.js";
import type { WeightFile } from "./weight-file.js";
import { weightsError } from "./weights-error.js";

/** Element types by their number in ONNX's `TensorProto.DataType`. */
const elementTypes: Readonly<Record<number, ElementTypeName>> = {
  1: "float32",
  2: "uint8",
  3: "int8",
  4: "uint16",
  5: "int16",
  6: "int32",
  7: "int64",
  9: "bool",
  10: "float16",
  11: "float64",
  12: "uint32",
  13: "uint64",
  16: "bfloat16",
};

/** An element type in words. */
export function onnxTypeName(type: number | undefined): string {
  return elementTypes[type ?? 0] ?? `ONNX type ${type ?? "unknown"}`;
}

/**
 * Reads an ONNX model.
 * @throws EpSamError `weights` when the file cannot be read or is not one
 */
export async function readOnnxModel(path: string): Promise<OnnxModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const fields = {
      what: "cannot be opened",
      where: path,
      why: messageOf(cause),
      action: "Check the path.",
    };
    throw new EpSamError("weights", fields, { cause });
  }
  return decodeModel(bytes, path);
}

/**
 * The initialisers of an ONNX model as a file of weights, under the names they have there. Exporters keep the names
 * of convolutions and embeddings, but fold batch norms and transpose linear weights under new names.
 * @throws EpSamError `weights` when the file is not an ONNX model
 */
export async function openOnnx(path: string): Promise<WeightFile> {
  const { graph } = await readOnnxModel(path);
  const initializers = new Map((graph?.initializer ?? []).map((tensor) => [tensor.name, tensor]));
  const info = (tensor: OnnxTensor) => ({
    shape: tensor.dims,
    elementType: onnxTypeName(tensor.dataType),
  });
  return {
    path,
    format: "onnx",
    tensors: new Map([...initializers].map(([name, tensor]) => [name, info(tensor)])),
    others: [],
    metadata: new Map(),
    read: async (name) => {
      const tensor = initializers.get(name);
      if (tensor === undefined) throw weightsError(path, name, "is not in the file");
      return decodeInitializer(tensor, path);
    },
    close: async () => undefined,
  };
}

/**
 * The values of an initialiser.
 * @throws EpSamError `weights` when they lie outside the file, are incomplete or of a type that is not read
 */
export function decodeInitializer(tensor: OnnxTensor, file: string): StoredTensor {
  const { dims: shape, floatData = [], int64Data = [], rawData } = tensor;
  const name = elementTypes[tensor.dataType];
  if (name === undefined) {
    throw weightsError(file, tensor.name, `is of the ONNX type ${tensor.dataType}, which is not read`);
  }
  const count = elementCount(shape);
  if (rawData !== undefined && rawData.byteLength === count * elementType(name).size) {
    // Copied because the bytes inside the file's buffer need not be aligned.
    return elementType(name).decode(Uint8Array.from(rawData), shape);
  }
  if (name === "float32" && floatData.length === count)
    return floatTensor(shape, Float32Array.from(floatData));
  if (name === "int64" && int64Data.length === count) {
    return { dataType: "int64", shape, data: BigInt64Array.from(int64Data, BigInt) };
  }
  const why = `${name} [${shape.join(", ")}]; values in files beside the model are not read`;
  throw weightsError(file, tensor.name, "is not complete", why);
}
