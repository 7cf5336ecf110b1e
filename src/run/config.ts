import { describeIssues, EpSamError, isRecord, type KeysFile, readKeysFile } from "../common/index.js";
import {
  type BackboneEntry,
  backbone,
  type DenseClassifierOptions,
  decoderBackboneName,
  defaultBackbone,
  featureChannels,
  type ResNetAdlOptions,
  type WindowPooling,
} from "../models/index.js";
import { withoutDefaults } from "./changed-keys.js";
import { configSchema, denseDefaults, type TrainingConfig } from "./config-schema.js";
import { denseTrainingDefaults } from "./dense-keys.js";
import { type PresetName, presets } from "./presets.js";
import { segmenterDefaults } from "./segmenter-keys.js";
import { stepMemoryDefaults } from "./step-memory.js";

/** Values that differ from a preset, by key, to any depth. */
export type ConfigOverrides = { readonly [Key in keyof TrainingConfig]?: unknown };

/**
 * A preset with overrides merged in, checked.
 * @param where what the overrides came from, for messages: the file, whose lines are then named, or words
 * @throws EpSamError `configuration` naming each key that is unknown or out of range.
 */
export function resolveConfig(
  preset: PresetName,
  overrides: unknown = {},
  where: string | Pick<KeysFile, "path" | "lineOf"> = "configuration",
): TrainingConfig {
  const merged = mergeRecords(presets[preset], overrides);
  const result = configSchema.safeParse(merged);
  if (result.success) return result.data;
  throw new EpSamError("configuration", {
    what: describeIssues(result.error.issues, typeof where === "string" ? undefined : where),
    where: typeof where === "string" ? where : where.path,
    action: "`epsam train --print-config` shows every key with its value.",
  });
}

/**
 * Reads overrides from a YAML or JSON file.
 * @throws EpSamError `configuration` when the file cannot be read or is not a mapping.
 */
export async function readConfigFile(path: string): Promise<unknown> {
  return (await readConfig(path)).content;
}

/** As {@link readConfigFile}, with the lines of the keys, for {@link resolveConfig}. */
export function readConfig(path: string): Promise<KeysFile> {
  return readKeysFile(path, "`epsam train --print-config` shows the form.");
}

/** Reads a complete configuration back, for example from `run.json`. */
export function parseConfig(value: unknown, where: string): TrainingConfig {
  const result = configSchema.safeParse(value);
  if (result.success) return result.data;
  if (result.error.issues.every(({ path }) => path.join(".").startsWith("classifier.dense.backbone"))) {
    throw new EpSamError("weights", {
      what: "needs a network that is not here",
      where,
      why: describeIssues(result.error.issues),
      action:
        "Import the foundation model under the name that classifier.dense.backbone has; weights in run.json says which it was.",
    });
  }
  throw new EpSamError("run-directory", {
    what: "holds a configuration of another version",
    where,
    why: describeIssues(result.error.issues),
    action: "Train again into a new directory.",
  });
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

/** Sides of squares, in cells, that `many-slides` stands for. */
const MANY_SLIDES_CONTEXT = [3, 9];

/**
 * The dense classifier that a configuration asks for.
 * @param ofMany whether it learns from many slides, see `hasManySlides`
 */
export function denseOptions(
  { classifier: { dense } }: Pick<TrainingConfig, "classifier">,
  ofMany: boolean,
): DenseClassifierOptions {
  const many = ofMany ? MANY_SLIDES_CONTEXT : [];
  const context = dense.context === "many-slides" ? many : dense.context;
  const channels = featureChannels(dense.backbone) * (1 + context.length);
  return { channels, context, hidden: dense.hidden, pooling: poolingOf(dense) };
}

/**
 * The backbone whose levels decoders see: the classifier's, or the first of its list that is a backbone of this package,
 * or the one that comes with it.
 */
export function decoderBackbone({
  classifier: { dense },
}: Pick<TrainingConfig, "classifier">): BackboneEntry {
  return backbone(decoderBackboneName(dense.backbone) ?? defaultBackbone);
}

function poolingOf({
  pooling,
  poolingShare,
  poolingSharpness,
}: TrainingConfig["classifier"]["dense"]): WindowPooling {
  if (pooling === "highest-share") return { kind: pooling, share: poolingShare };
  return pooling === "mean" ? { kind: pooling } : { kind: pooling, sharpness: poolingSharpness };
}

/**
 * A section without the keys that earlier versions did not know and that have the values of how those worked, so that
 * their runs keep their hash.
 */
export function hashedDecoder(decoder: TrainingConfig["decoder"]): Readonly<Record<string, unknown>> {
  return withoutDefaults(decoder, { ...stepMemoryDefaults, ...segmenterDefaults });
}

/** As {@link hashedDecoder}. */
export function hashedClassifier(
  classifier: TrainingConfig["classifier"],
): Readonly<Record<string, unknown>> {
  const { model, dense, ...known } = classifier;
  const section = withoutDefaults(known, stepMemoryDefaults);
  if (model === "resnet-adl") return section;
  const { featureNoise, context, ...knownDense } = withoutDefaults(dense, denseTrainingDefaults);
  const hashedDense = {
    ...knownDense,
    ...withoutDefaults({ featureNoise, context }, denseDefaults),
  };
  return { ...section, model, dense: hashedDense };
}
