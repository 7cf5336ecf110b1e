import protobuf from "protobufjs/light.js";
import { EpSamError, messageOf } from "../../common/index.js";

/** The domain of ONNX Runtime's operations on images with blocked channels, [N, C/8, H, W, 8]. */
export const BLOCKED_CHANNELS = "com.microsoft.nchwc";

/** TensorProto.DataType of the ONNX specification, the entries this project meets. */
export const OnnxDataType = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
} as const;

/** AttributeProto.AttributeType of the ONNX specification, the entries this project writes. */
export const OnnxAttributeType = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const;

/** TensorProto.DataLocation of values that lie in another file. */
export const EXTERNAL_DATA = 1;

export interface OnnxTensor {
  name: string;
  dataType: number;
  dims: number[];
  rawData?: Uint8Array;
  /** Where the values are when they lie in another file: `location`, `offset`, `length`. */
  externalData?: { key: string; value: string }[];
  /** {@link EXTERNAL_DATA} for those. */
  dataLocation?: number;
  floatData?: number[];
  int64Data?: number[];
}

export interface OnnxAttribute {
  name: string;
  type: number;
  f?: number;
  i?: number;
  s?: Uint8Array;
  t?: OnnxTensor;
  /** The body of a branch or a loop. */
  g?: OnnxGraph;
  floats?: number[];
  ints?: number[];
}

export interface OnnxNode {
  name: string;
  opType: string;
  domain: string;
  input: string[];
  output: string[];
  attribute: OnnxAttribute[];
}

export interface OnnxDimension {
  dimValue?: number;
  dimParam?: string;
}

export interface OnnxValueInfo {
  name: string;
  type?: { tensorType?: { elemType: number; shape?: { dim: OnnxDimension[] } } };
}

export interface OnnxGraph {
  name: string;
  node: OnnxNode[];
  initializer: OnnxTensor[];
  input: OnnxValueInfo[];
  output: OnnxValueInfo[];
}

export interface OnnxFunction {
  name: string;
  domain: string;
  node: OnnxNode[];
}

export interface OnnxModel {
  irVersion: number;
  producerName: string;
  opsetImport: { domain: string; version: number }[];
  graph: OnnxGraph;
  /** Operators that the model defines itself. */
  functions?: OnnxFunction[];
  /** Texts that describe the model; runtimes pass them on. */
  metadataProps?: { key: string; value: string }[];
}

const field = (type: string, id: number) => ({ type, id });
const repeated = (type: string, id: number) => ({ rule: "repeated", type, id });
const packed = (type: string, id: number) => ({ rule: "repeated", type, id, options: { packed: true } });

/** The messages of onnx.proto (ONNX IR version 9) that carry a graph and its weights. */
const descriptor = {
  nested: {
    Model: {
      fields: {
        irVersion: field("int64", 1),
        producerName: field("string", 2),
        graph: field("Graph", 7),
        opsetImport: repeated("OperatorSet", 8),
        metadataProps: repeated("Entry", 14),
        functions: repeated("Function", 25),
      },
    },
    Function: {
      fields: { name: field("string", 1), node: repeated("Node", 7), domain: field("string", 10) },
    },
    Entry: { fields: { key: field("string", 1), value: field("string", 2) } },
    OperatorSet: { fields: { domain: field("string", 1), version: field("int64", 2) } },
    Graph: {
      fields: {
        node: repeated("Node", 1),
        name: field("string", 2),
        initializer: repeated("Tensor", 5),
        input: repeated("ValueInfo", 11),
        output: repeated("ValueInfo", 12),
      },
    },
    Node: {
      fields: {
        input: repeated("string", 1),
        output: repeated("string", 2),
        name: field("string", 3),
        opType: field("string", 4),
        attribute: repeated("Attribute", 5),
        domain: field("string", 7),
      },
    },
    Attribute: {
      fields: {
        name: field("string", 1),
        f: field("float", 2),
        i: field("int64", 3),
        s: field("bytes", 4),
        t: field("Tensor", 5),
        g: field("Graph", 6),
        floats: packed("float", 7),
        ints: packed("int64", 8),
        type: field("int32", 20),
      },
    },
    Tensor: {
      fields: {
        dims: packed("int64", 1),
        dataType: field("int32", 2),
        floatData: packed("float", 4),
        int64Data: packed("int64", 7),
        name: field("string", 8),
        rawData: field("bytes", 9),
        externalData: repeated("Entry", 13),
        dataLocation: field("int32", 14),
      },
    },
    ValueInfo: { fields: { name: field("string", 1), type: field("Type", 2) } },
    Type: { fields: { tensorType: field("TensorType", 1) } },
    TensorType: { fields: { elemType: field("int32", 1), shape: field("TensorShape", 2) } },
    TensorShape: { fields: { dim: repeated("Dimension", 1) } },
    Dimension: { fields: { dimValue: field("int64", 1), dimParam: field("string", 2) } },
  },
};

const modelType = protobuf.Root.fromJSON(descriptor).lookupType("Model");

/** Encodes a model as the bytes of an `.onnx` file. */
export function encodeModel(model: OnnxModel): Uint8Array {
  return modelType.encode(modelType.fromObject(model)).finish(true);
}

/**
 * Decodes the bytes of an `.onnx` file.
 * @throws EpSamError `weights` when the bytes are not an ONNX model.
 */
export function decodeModel(bytes: Uint8Array, where = "ONNX model"): OnnxModel {
  try {
    const message = modelType.decode(bytes);
    return modelType.toObject(message, {
      longs: Number,
      arrays: true,
      defaults: false,
    }) as OnnxModel;
  } catch (cause) {
    throw new EpSamError(
      "weights",
      { what: "is not a readable ONNX model", where, why: messageOf(cause), action: "Fetch the file again." },
      { cause },
    );
  }
}
