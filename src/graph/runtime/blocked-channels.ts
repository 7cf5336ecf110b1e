import { BLOCKED_CHANNELS, encodeModel, OnnxDataType } from "../onnx/schema.js";
import { onnxRuntime } from "./onnxruntime.js";

let found: Promise<boolean> | undefined;

/**
 * Whether ONNX Runtime's CPU provider has its operations on blocked channels on this processor: they are registered
 * where it has vectors for them (AVX and later). Asked once, by compiling the smallest graph with one.
 */
export function hasBlockedChannels(): Promise<boolean> {
  found ??= compiles();
  return found;
}

async function compiles(): Promise<boolean> {
  const image = (name: string) => ({
    name,
    type: {
      tensorType: {
        elemType: OnnxDataType.float32,
        shape: { dim: [1, 16, 1, 1].map((dimValue) => ({ dimValue })) },
      },
    },
  });
  const bytes = encodeModel({
    irVersion: 9,
    producerName: "ep-sam",
    opsetImport: [
      { domain: "", version: 18 },
      { domain: BLOCKED_CHANNELS, version: 1 },
    ],
    graph: {
      name: "probe",
      node: [
        {
          name: "reorder",
          opType: "ReorderInput",
          domain: BLOCKED_CHANNELS,
          input: ["x"],
          output: ["y"],
          attribute: [],
        },
      ],
      initializer: [],
      input: [image("x")],
      output: [image("y")],
    },
  });
  // A refusal is the answer: there is no other way to ask which kernels a build has registered.
  return onnxRuntime()
    .InferenceSession.create(bytes, { executionProviders: ["cpu"], logSeverityLevel: 4 })
    .then(
      async (session) => {
        await session.release();
        return true;
      },
      () => false,
    );
}
