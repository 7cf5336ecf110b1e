import type { InferenceSession as OrtSession, Tensor as OrtTensor } from "onnxruntime-common";
import { onnxRuntime } from "../../src/graph/index.js";

/** ONNX Runtime itself, for tests that look past this package's sessions. */
export const { InferenceSession, Tensor } = onnxRuntime();
export type InferenceSession = OrtSession;
export type Tensor = OrtTensor;
export type SessionOptions = OrtSession.SessionOptions;
