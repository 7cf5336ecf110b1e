export { drawStaining, referenceStaining, type Staining } from "./staining.js";
export {
  generatePatch,
  generateTissueImage,
  type PatchOptions,
  type SyntheticTissue,
  type TissueOptions,
} from "./tissue.js";
export { type SyntheticImages, type WriteSyntheticOptions, writeSyntheticImages } from "./write.js";
