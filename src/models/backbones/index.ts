export type {
  BackboneEntry,
  BackboneLevel,
  BackboneOptions,
  LevelFeatures,
  LevelStride,
} from "./entry.js";
export { BackboneFeatures, type BackboneFeaturesOptions, colourPlanes, type FeatureMap } from "./features.js";
export {
  backboneFile,
  type ImportedBackbone,
  identifyBackbone,
  importBackbone,
  type LoadBackboneOptions,
  loadBackboneWeights,
} from "./load.js";
export { backbone, backbones, backboneTensors, defaultBackbone, hasHighFrequency } from "./table.js";
