export { isAddressList } from "./address-list.js";
export {
  annotationFilesIn,
  matchAnnotationFiles,
  matchAnnotations,
  requireAnnotationFolder,
  unmatchedAnnotations,
} from "./annotation-files.js";
export {
  type AugmentationOptions,
  type AugmentationPlan,
  applyAugmentation,
  augment,
  type ColourAdjustment,
  defaultAugmentation,
  drawAugmentation,
  type Normalisation,
  toTensor,
} from "./augmentation.js";
export {
  bytesThatStay,
  EMBEDDING_ELEMENTS,
  EmbeddingCache,
  type EmbeddingCacheOptions,
  type EmbeddingCacheStatistics,
  type EmbeddingKey,
  hashImage,
} from "./embedding-cache.js";
export type { EmbeddingPrecision } from "./embedding-file.js";
export { balancedOrder, epochOrder } from "./epoch-order.js";
export {
  contentOfTiff,
  type FileKind,
  isImage,
  isSlide,
  type JudgedFile,
  judgeFiles,
  judgeFilesByContent,
  kindByExtension,
  listInputs,
  patchFolders,
  RESULT_FILE,
  slidesOfFolder,
  stemOf,
} from "./file-kinds.js";
export { nameKey } from "./file-names.js";
export { imageMpp } from "./image-resolution.js";
export { type LabelledSquare, readLabelledSquares, squaresOf } from "./labelled-squares.js";
export { listNames } from "./list-names.js";
export { hasPixelMasks, loadPatchImage, loadPatchMask } from "./load-patch.js";
export { BatchLoader, type BatchLoaderOptions, type LoadablePatch, type PatchBatch } from "./loader.js";
export { formatManifest, MANIFEST_COLUMNS, MANIFEST_FILE, readManifest } from "./manifest.js";
export { DESCRIPTION_FILE, listPatches, type OpenDatasetOptions, openDataset } from "./open-dataset.js";
export {
  checkOneMagnification,
  checkSameMagnification,
  compareMpp,
  isSameMagnification,
  type NamedMpp,
  type NamedPatches,
  type PatchResolution,
  patchResolution,
  type ResolutionRule,
} from "./patch-resolution.js";
export { tellUnmatched } from "./picture-tables.js";
export { readPixelSizes } from "./pixel-sizes.js";
export { findInputs, type InputImage } from "./preparation/discover.js";
export type {
  BorderRule,
  DiscardedPatches,
  EvaluationPatches,
  InputKind,
  MaskValues,
  PreparationResult,
  PreparationSettings,
  PrepareOptions,
  SkippedInput,
} from "./preparation/options.js";
export { prepareDataset } from "./preparation/prepare.js";
export type { Dataset, LabelCounts, ManifestRow, PatchLabel, PatchRecord, Split } from "./records.js";
export { compareRows, countLabels, isSplit, patchFileName, SPLITS } from "./records.js";
export { listSlides, noSlides } from "./slide-preparation/find-slides.js";
export { areaCoverage, type PatchGeometry, patchGeometry, readArea } from "./slide-preparation/geometry.js";
export { tellLeftAlone, tellUnmatchedFiles } from "./slide-preparation/left-over.js";
export type {
  DiscardedSlidePatches,
  PrepareSlidesOptions,
  Resolution,
  SlidePreparationResult,
  SlideSettings,
  TissueRule,
  UnannotatedRule,
} from "./slide-preparation/options.js";
export { SlideOutcomes } from "./slide-preparation/outcomes.js";
export { outlineDoubts } from "./slide-preparation/outline-doubts.js";
export {
  missingFromPreparation,
  prepareShard,
  type ShardPreparation,
} from "./slide-preparation/prepare-shard.js";
export { prepareSlides } from "./slide-preparation/prepare-slides.js";
export {
  type Profile,
  type ProfileName,
  profileNames,
  profiles,
  type SampleLimits,
} from "./slide-preparation/profiles.js";
export type { FindTissueOptions } from "./slide-preparation/saturation.js";
export {
  doSharedWork,
  patchesAreWritten,
  type SharedSlideWork,
  type SlideWorkers,
} from "./slide-preparation/shared-work.js";
export { DIVISION_FILE, preparationOf } from "./slide-preparation/state.js";
export { readMppTable } from "./slide-preparation/tables.js";
export { findTissue, type TissueGrid, TissueMask, tissueGrid } from "./slide-preparation/tissue.js";
export { jitterStains, type StainJitter } from "./stain-jitter.js";
export {
  drawStaining,
  generatePatients,
  generateTissueImage,
  type PatientTissue,
  referenceStaining,
  type Staining,
  type SyntheticOptions,
  type SyntheticTissue,
  type TissueOptions,
} from "./synthetic/index.js";
export { describeCounts, validateForTraining } from "./validate.js";
export {
  imposeLabels,
  isFreeOfTumour,
  KnownClass,
  knownPixels,
  labelWindows,
  PRESENCE_SHARE,
  type Presence,
  type WindowLabel,
  type WindowLabelRule,
  windowsOf,
} from "./window-labels.js";
export { WINDOWS_FILE } from "./windows-file.js";
