export { type EncodedGraph, type EncodeOptions, encodeGraph } from "./encode.js";
export { gradients } from "./gradients.js";
export {
  decodeModel,
  encodeModel,
  OnnxDataType,
  type OnnxModel,
  type OnnxNode,
  type OnnxTensor,
} from "./onnx/schema.js";
export * from "./operations/index.js";
export {
  type Device,
  type DeviceName,
  device,
  deviceNames,
  parseDevice,
  sessionOptions,
} from "./runtime/device.js";
export { floatsOf, GraphSession, type HostTensors, type TensorType } from "./runtime/session.js";
export { type StateEntry, StatefulSession } from "./runtime/stateful-session.js";
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
