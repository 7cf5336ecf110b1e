import * as z from "zod/mini";
import {
  inferenceSettings,
  preparationSettings,
  presetSetting,
  profileSetting,
  seedSetting,
  slideSettings,
} from "../contract/index.js";

const pathMessage = "Give a path, in quotation marks where it looks like a number.";
const onePath = z.string(pathMessage).check(z.minLength(1, pathMessage));
const pathsMessage = "Give a path, or a list of paths.";
const paths = z.pipe(
  z.union([onePath, z.array(onePath, pathsMessage).check(z.minLength(1, pathsMessage))], pathsMessage),
  z.transform((given): readonly string[] => (typeof given === "string" ? [given] : given)),
);

const namesMessage = 'Give a list of names, such as ["Tumor", "Invasive"].';
const oneName = z.string(namesMessage).check(z.minLength(1, namesMessage));
const names = z.pipe(
  z.union([oneName, z.readonly(z.array(oneName, namesMessage))], namesMessage),
  z.transform((given): readonly string[] => (typeof given === "string" ? [given] : given)),
);

const patches = preparationSettings.shape;
const slides = slideSettings.shape;
const inference = inferenceSettings.shape;

/** Settings of preparing that mean something for slides alone, and those of images and patches alone. */
const slideKeys = {
  level: slides.level,
  tissue: z.optional(slides.tissue.def.innerType),
  minimumTissue: z.optional(slides.minimumTissue.def.innerType),
  unannotated: z.optional(slides.unannotated.def.innerType),
  unmarked: slides.unmarked,
  annotationOrigin: slides.annotationOrigin,
  splines: z.optional(slides.splines.def.innerType),
  mppTable: z.optional(onePath),
  splitTable: z.optional(onePath),
  groups: z.optional(
    z.strictObject({
      tumour: z.exactOptional(names),
      exclusion: z.exactOptional(names),
      ignored: z.exactOptional(names),
    }),
  ),
};
const imageKeys = {
  maskValues: z.optional(patches.maskValues.def.innerType),
  inputKind: z.optional(z.enum(["images", "patches"], "Choose images or patches.")),
};

export const slideSettingNames = Object.keys(slideKeys);
export const imageSettingNames = Object.keys(imageKeys);

/** What differs from a preset; `epsam train --print-config` shows every key. The run checks it. */
const trainingMessage = "Give keys and values, as in a file for `epsam train --config`.";
const training = z.record(z.string(), z.unknown(), trainingMessage);

/**
 * A project: what `epsam run` does, as its `--config` file says it. Settings are called as in the package; what is left
 * out has the defaults of preparing, training and segmenting.
 */
export const projectSettings = z.strictObject({
  /** Slides, images or ready patches: files and folders. */
  inputs: z.optional(paths),
  /** Folders of annotation files: the inputs are slides then. */
  annotations: z.optional(paths),
  /** Folder of masks: the inputs are images then. */
  masks: z.optional(onePath),
  out: z.optional(onePath),
  profile: z.optional(profileSetting),
  preset: z.optional(presetSetting),
  seed: z.optional(seedSetting),
  /** What is segmented at the end: what nothing was learned from, the inputs of the test split, all, or nothing. */
  segment: z.optional(z.enum(["left-over", "test", "all", "none"], "Choose left-over, test, all or none.")),
  prepare: z.optional(
    z.strictObject({
      patchSize: z.optional(patches.patchSize.def.innerType),
      stride: patches.stride,
      windows: z.optional(patches.windows.def.innerType),
      border: z.optional(patches.border.def.innerType),
      positiveRange: z.optional(patches.positiveRange.def.innerType),
      negativeLimit: z.optional(patches.negativeLimit.def.innerType),
      maxPositives: z.optional(patches.maxPositives.def.innerType),
      maxNegatives: z.optional(patches.maxNegatives.def.innerType),
      evaluationPatches: z.optional(patches.evaluationPatches.def.innerType),
      split: z.optional(patches.split.def.innerType),
      mpp: z.optional(patches.mpp.def.innerType),
      patients: z.optional(onePath),
      ...slideKeys,
      ...imageKeys,
    }),
  ),
  train: z.optional(training),
  infer: z.optional(
    z.strictObject({
      stage: z.optional(z.string("Give the name of a stage.")),
      gate: inference.gate,
      overlap: z.optional(inference.overlap.def.innerType),
      mpp: inference.mpp,
      patchMpp: inference.patchMpp,
      tissue: z.optional(inference.tissue.def.innerType),
      annotationOrigin: inference.annotationOrigin,
      tolerance: inference.tolerance,
      minimumArea: z.optional(inference.minimumArea.def.innerType),
    }),
  ),
});
export type ProjectSettings = z.output<typeof projectSettings>;
