export { drawStaining, referenceStaining, type Staining } from "./staining.js";
export {
  generatePatch,
  generateTissueImage,
  type PatchOptions,
  type SyntheticTissue,
  type TissueOptions,
} from "./tissue.js";
export {
  generatePatients,
  type PatientTissue,
  type SyntheticImages,
  type SyntheticOptions,
  type WriteSyntheticOptions,
  writeSyntheticImages,
} from "./write.js";
