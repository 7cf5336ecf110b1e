import { resolve } from "node:path";
import { Option } from "@commander-js/extra-typings";
import { EpSamError } from "../../common/index.js";
import {
  type ConfigOverrides,
  classifierFile,
  endsWithItsMap,
  mergeRecords,
  type PresetName,
  parseConfig,
  presetNames,
  RunDirectory,
  readConfig,
  resolveConfig,
  TEACHING_RATE,
  type TrainingConfig,
} from "../../run/index.js";
import { path } from "../options.js";

export function dataOption() {
  return new Option("--data <dataset>", "dataset directory from `epsam prepare`").argParser(path);
}

export function classifierDataOption() {
  return new Option(
    "--classifier-data <dataset>",
    "another dataset for the classifier alone, such as smaller patches of the same images",
  ).argParser(path);
}

export function presetOption() {
  return new Option(
    "--preset <name>",
    "values to start from (default: paper, with --backbone laptop)",
  ).choices(presetNames);
}

export function configOption() {
  return new Option("--config <file>", "YAML or JSON file with values that differ from the preset").argParser(
    path,
  );
}

export function backboneOption() {
  return new Option(
    "--backbone <names>",
    "networks whose features the classifier judges, separated by commas, such as uni2-h,efficientnet-lite0",
  ).argParser((text) => text.split(",").map((name) => name.trim()));
}

/** What the values of a training are made of. */
export interface ConfigChoice {
  readonly preset?: PresetName | undefined;
  readonly config?: string | undefined;
  readonly backbone?: readonly string[] | undefined;
  readonly seed?: number | undefined;
  readonly resume?: true | undefined;
  readonly out?: string | undefined;
  readonly fromRun?: string | undefined;
}

/** A run's values and the name of its preset. */
async function configOf(root: string): Promise<{ preset: PresetName; config: TrainingConfig }> {
  const run = await RunDirectory.open(root);
  const preset = presetNames.find((name) => name === run.record.preset) ?? "paper";
  return { preset, config: parseConfig(run.record.config, run.path("run.json")) };
}

/** What a run hands on to one that goes on from it. */
interface Origin {
  readonly preset: PresetName;
  readonly values: ConfigOverrides;
  /** Whether squares alone have made it: then its head is what training begins with, on other data. */
  readonly isTaught: boolean;
}

async function originOf(root: string): Promise<Origin> {
  const { preset, config } = await configOf(root);
  const run = await RunDirectory.open(root);
  if (!endsWithItsMap({ run })) return { preset, values: config, isTaught: false };
  const { backbone, hidden, context } = config.classifier.dense;
  const classifier = {
    // The presets' rate is for random heads, and three times as large.
    ...{ model: "dense", dense: { backbone, hidden, context }, learningRate: TEACHING_RATE },
    initialWeights: resolve(classifierFile(run)),
  };
  return { preset, values: { classifier }, isTaught: true };
}

/** The values of a training. */
export interface EffectiveConfig {
  readonly preset: PresetName;
  readonly config: TrainingConfig;
  /** The run whose classifier is kept. */
  readonly keptFrom?: string | undefined;
}

/** The preset with the file's and the command line's values; a resumed run keeps its own unless told otherwise. */
export async function effectiveConfig(options: ConfigChoice): Promise<EffectiveConfig> {
  const { preset, config: file, seed, resume, out, fromRun, backbone } = options;
  const origin = fromRun === undefined ? undefined : await originOf(fromRun);
  const keptFrom = origin?.isTaught === true ? undefined : fromRun;
  const untold = [preset, file, seed, backbone].every((value) => value === undefined);
  if (resume && untold && out !== undefined) return { ...(await configOf(out)), keptFrom };
  const overrides = file === undefined ? undefined : await readConfig(file);
  const merged = mergeRecords(overrides?.content ?? {}, {
    ...(seed === undefined ? {} : { seed }),
    ...(backbone === undefined ? {} : { classifier: denseOn(backbone) }),
  });
  const name = preset ?? origin?.preset ?? (backbone === undefined ? "paper" : "laptop");
  // A preset replaces what comes after the classifier of the run.
  const kept = preset === undefined ? origin?.values : origin && { classifier: origin.values.classifier };
  const config = resolveConfig(name, mergeRecords(kept ?? {}, merged), overrides);
  return { preset: name, config, keptFrom };
}

/** A classifier that judges the features of these networks. */
function denseOn(backbone: readonly string[]) {
  return { model: "dense", dense: { backbone: backbone.length === 1 ? backbone[0] : backbone } };
}

/** @throws EpSamError `usage` when the option was not given */
export function required(value: string | undefined, option: string, command = "train"): string {
  if (value !== undefined) return value;
  throw new EpSamError("usage", {
    what: "is needed",
    where: option,
    action: `\`epsam ${command} --help\` shows an example.`,
  });
}
