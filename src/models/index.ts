export {
  attentionDropout,
  attentionDropoutLayerCount,
  dropDrawFeeds,
  dropDrawInput,
} from "./attention-dropout.js";
export * from "./backbones/index.js";
export * from "./catalogue/index.js";
export * from "./checkpoints/index.js";
export * from "./dense-classifier/index.js";
export * from "./export/index.js";
export {
  FEATURE_STRIDES,
  type FeatureLevelSize,
  type FeatureLevelSizes,
  type FeatureLevels,
  type FeatureStride,
  featureInput,
  forEachLevel,
} from "./feature-levels.js";
export * from "./foundation/index.js";
export { highFrequencyChannel, highFrequencyPerChannel } from "./high-frequency.js";
export {
  type ClassifierGraph,
  classifierGraph,
  classifierInputs,
  classifierTensors,
  initialClassifierTensor,
  initialClassifierWeights,
} from "./patch-classifier.js";
export * from "./pyramid/index.js";
export {
  type CamLayer,
  type ClassifierDepth,
  type ClassifierMode,
  camLayers,
  classActivationMap,
  paperResNetAdl,
  type ResNetAdl,
  type ResNetAdlOptions,
  resNetAdl,
} from "./resnet-adl.js";
export * from "./sam/index.js";
export {
  levelsOf,
  seenFeatures,
  standardisationTensors,
  storedFeatures,
} from "./seen-features.js";
export {
  asOwnBackbone,
  backbonePrefix,
  ownBackbone,
  type PlacedBackbone,
  placedBackbone,
  type TrainedPart,
} from "./stored-backbone.js";
export * from "./weights/index.js";
