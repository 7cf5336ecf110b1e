export * from "./export/index.js";
export { type InferOptions, type InferResult, inferImages, SUMMARY_FILE } from "./infer.js";
export type { InferenceOptions } from "./inference-options.js";
export type { ImageResult } from "./result-files.js";
export {
  type ClassifiedTile,
  type Segmentation,
  type SegmentedTile,
  type SegmentImageOptions,
  type StagedSegmenter,
  segmentImage,
  type TileMask,
  type TileOutcome,
  type TileRow,
  type TileSegmenter,
} from "./segment-image.js";
export { type OpenSegmenterOptions, openSegmenter, Segmenter, type SegmenterIdentity } from "./segmenter.js";
export type { MaskAgreement, SlideAgreement } from "./slide/agreement.js";
export { inferSlides } from "./slide/infer-slides.js";
export type { InferSlidesOptions, InferSlidesResult, SlideResult, SlideSettings } from "./slide/options.js";
export { type InputKind, recogniseInputs } from "./slide/recognise-slides.js";
export type { PatchCounts } from "./slide/segment-slide.js";
export { type TrainedResolution, trainedResolution } from "./slide/trained-resolution.js";
export { cutTile, DEFAULT_OVERLAP } from "./tiles.js";
