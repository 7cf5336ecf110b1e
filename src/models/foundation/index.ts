export { detectTransformer } from "./detect-transformer.js";
export {
  FoundationFeatures,
  type FoundationView,
  foundationView,
  patchesAtOnce,
} from "./foundation-features.js";
export {
  type FoundationModel,
  foundationDirectory,
  foundationModel,
  foundationNames,
  foundationWeights,
  isFoundationModel,
  LARGEST_MODEL_SIDE,
  requireImportedWeights,
} from "./foundation-file.js";
export { importFoundation } from "./import-foundation.js";
export { describeTransformer } from "./import-transformer.js";
export type { FoundationFacts, ImportedFoundation, ImportFoundationOptions } from "./kept-model.js";
export { type KnownModel, knownModels } from "./known-models.js";
export { resampledPositions } from "./positions.js";
export { TransformerModel, type TransformerOptions } from "./transformer-model.js";
export { type NamingStyle, type TransformerWeights, transformerWeights } from "./transformer-names.js";
export { type PositionRule, transformerTensors, type VisionTransformer } from "./vision-transformer.js";
