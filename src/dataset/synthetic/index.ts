export {
  generatePatients,
  type PatientTissue,
  type SyntheticOptions,
} from "./patients.js";
export { drawStaining, referenceStaining, type Staining } from "./staining.js";
export {
  generateTissueImage,
  type SyntheticTissue,
  type TissueOptions,
} from "./tissue.js";
