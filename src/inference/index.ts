export * from "./export/index.js";
export type { ImageResult } from "./images/image-files.js";
export { type InferOptions, type InferResult, inferImages } from "./images/infer-images.js";
export {
  type ImageSegmentation,
  type PatchRow,
  type SegmentImageOptions,
  segmentImage,
} from "./images/segment-image.js";
export type { InferenceOptions } from "./options.js";
export { cutPatch, DEFAULT_OVERLAP } from "./patches/layout.js";
export type {
  ClassifiedPatch,
  PatchMask,
  PatchOutcome,
  PatchSegmenter,
  SegmentedPatch,
} from "./patches/patch-segmenter.js";
export { type InferenceInput, recogniseInputs } from "./recognise-inputs.js";
export {
  type OpenSegmenterOptions,
  openSegmenter,
  Segmenter,
  type SegmenterIdentity,
  segmenterIdentity,
} from "./segmenter.js";
export type { MaskAgreement, SlideAgreement } from "./slides/agreement.js";
export { collectSlides, inferSlides } from "./slides/infer-slides.js";
export type {
  CollectedSlides,
  FinishedSlide,
  InferSlidesOptions,
  InferSlidesResult,
  SegmentationSettings,
  SharedOutput,
  SlideResult,
} from "./slides/options.js";
export type { PatchCounts } from "./slides/segment-slide.js";
export {
  planSlideTasks,
  resultTime,
  SlideBySlide,
  type SlideTask,
  type SlideTasks,
} from "./slides/slide-by-slide.js";
export {
  type KeepTaughtRunOptions,
  keepTaughtRun,
  TAUGHT_TASK,
  type TaughtRun,
} from "./teaching/keep-taught-run.js";
export { TILE_SIDE } from "./teaching/seen-tiles.js";
export { type MapTile, SlideTeacher } from "./teaching/slide-teacher.js";
export { suggestSquares } from "./teaching/suggest-squares.js";
export { MAP_STEP, type ViewCount } from "./teaching/taught-model.js";
export { baseWhileClicking, isTeachable, openTeachingBase } from "./teaching/teaching-base.js";
export { type TrainedResolution, trainedResolution } from "./trained-resolution.js";
