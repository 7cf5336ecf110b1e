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
  type FrozenNetwork,
  type FrozenNetworkPlan,
  featureChannels,
  foundationModelsOf,
  joinNetworks,
  openFrozenFeatures,
  planFrozenFeatures,
  requireJoinable,
  type ShownPatch,
  shownToBackbone,
  whyUntrainable,
} from "./frozen-features.js";
export { type JoinedFeatures, joinedShape, joinFeatures, withContext } from "./joined-features.js";
export { denseImagesInput, type PixelFeatures, pixelFeatures } from "./pixel-features.js";
export {
  type CellGrid,
  cellsOfWindow,
  type LabelledWindow,
  type WindowSlots,
  windowFeeds,
  windowSlots,
} from "./window-cells.js";
export { type PooledWindows, poolWindows, type WindowPooling, windowInputs } from "./window-pooling.js";
