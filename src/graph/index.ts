export { type EncodedGraph, type EncodeOptions, encodeGraph, type OutsideParameters } from "./encode.js";
export { type GradientOptions, gradients } from "./gradients.js";
export { type Precision, precisions } from "./half-precision.js";
export {
  decodeModel,
  encodeModel,
  OnnxDataType,
  type OnnxFunction,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx/schema.js";
export * from "./operations/index.js";
export {
  chooseDevice,
  type DeviceChoice,
  describeProbe,
  type Examination,
  isSoftware,
} from "./runtime/choose-device.js";
export {
  type Device,
  type DeviceName,
  type DeviceRequest,
  type DeviceSource,
  defaultThreads,
  device,
  deviceNames,
  hasOwnMemory,
  parseDeviceRequest,
  sessionOptions,
  startDevice,
} from "./runtime/device.js";
export { requireHalfPrecision } from "./runtime/half-support.js";
export { LockStepSession, type MicroBatches } from "./runtime/lock-step-session.js";
export { type OnnxFileOptions, OnnxFileSession } from "./runtime/onnx-file-session.js";
export { type OnnxRuntime, onnxRuntime, TELEMETRY_VARIABLE } from "./runtime/onnxruntime.js";
export { type PlacedTensors, placeOnDevice } from "./runtime/placement.js";
export { deviceAdvice, type Installation, installationOf } from "./runtime/probe/installation.js";
export { probeDevice } from "./runtime/probe/probe-device.js";
export { type ProbeResult, shortReason } from "./runtime/probe/protocol.js";
export { floatsOf, GraphSession, type HostTensors, type SessionOptions } from "./runtime/session.js";
export type { StateEntry } from "./runtime/state-memory.js";
export { StatefulSession } from "./runtime/stateful-session.js";
export { DeviceTensor, type Feeds, type TensorType } from "./runtime/tensors.js";
export {
  axisSize,
  constant,
  type DataType,
  elementCount,
  type FloatTensor,
  floats,
  floatTensor,
  formatShape,
  type HostTensor,
  input,
  parameter,
  type Shape,
  sameShape,
  shape4,
  type Value,
} from "./value.js";
