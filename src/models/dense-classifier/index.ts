export {
  type DenseClassifierGraph,
  type DenseClassifierOptions,
  type DenseClassifierSize,
  denseClassifierGraph,
  denseClassifierTrainingGraph,
  denseFeaturesInput,
  initialDenseWeights,
} from "./dense-classifier.js";
export { standardisationInputs, standardisationShape } from "./dense-head.js";
export {
  backboneNames,
  decoderBackboneName,
  type FrozenFeaturesPlan,
  featureChannels,
  foundationModelsOf,
  isBackbone,
  isNetwork,
  joinNetworks,
  networkNames,
  openFrozenFeatures,
  planFrozenFeatures,
  requireJoinable,
  shownToBackbone,
  whyUntrainable,
} from "./frozen-features.js";
export type { FrozenNetwork, FrozenNetworkPlan, ShownPatch } from "./frozen-network.js";
export { type JoinedFeatures, joinedShape, joinFeatures, withContext } from "./joined-features.js";
export { denseImagesInput, type PixelFeatures, pixelFeatures } from "./pixel-features.js";
export { isEncoderStages } from "./stages-network.js";
export {
  type CellGrid,
  cellsOfWindow,
  type LabelledWindow,
  type WindowSlots,
  windowFeeds,
  windowSlots,
} from "./window-cells.js";
export { type PooledWindows, poolWindows, type WindowPooling, windowInputs } from "./window-pooling.js";
