import { cpus } from "node:os";
import { join } from "node:path";
import { EpSamError, exists, hashFile, type Reporter } from "../common/index.js";
import { stageNames } from "../contract/index.js";
import {
  checkOneMagnification,
  checkSameMagnification,
  countLabels,
  type Dataset,
  describeCounts,
  hasPixelMasks,
  isFreeOfTumour,
  listNames,
  type NamedPatches,
  openDataset,
  patchResolution,
  validateForTraining,
} from "../dataset/index.js";
import { type Device, type DeviceSource, startDevice } from "../graph/index.js";
import {
  type EncoderSource,
  hashConfig,
  lockRun,
  type PresetName,
  parseConfig,
  type RunContext,
  RunDirectory,
  type RunRecord,
  recordedNetworks,
  type SamSource,
  samSource,
  type TrainingConfig,
  versions,
} from "../run/index.js";
import { tellNetworks } from "./foundation-notes.js";
import { type ClassifierOrigin, classifierOrigin, inheritClassifier } from "./inherit-classifier.js";
import { requireDisjointPatients } from "./patient-overlap.js";
import { runPipeline } from "./pipeline.js";
import type { PipelineData } from "./pipeline-stages.js";
import { requireConsistentConfig } from "./require-consistent-config.js";
import { requireStorage } from "./require-storage.js";
import { resumeTraining } from "./resume.js";
import { initialWeightsName, requireStart } from "./starting-head.js";

/** What a training run is started with. */
export interface TrainOptions {
  /** Dataset directory whose patches are segmented and, unless told otherwise, classified. */
  readonly data: string;
  /** Dataset directory for the classifier alone, for example smaller patches of the same slides. */
  readonly classifierData?: string | undefined;
  /** A run whose classifier is taken over instead of training one; it stays as it is. */
  readonly from?: string | undefined;
  readonly out: string;
  readonly preset: PresetName;
  readonly config: TrainingConfig;
  /** Stages to run; all when left out. */
  readonly stages?: readonly string[] | undefined;
  /** Goes on with the run in `out`, which keeps its configuration. */
  readonly resume: boolean;
  readonly overwrite: boolean;
  /** Whether patches of several magnifications may be learned from together. */
  readonly anyResolution?: boolean | undefined;
  readonly device: DeviceSource;
  readonly reporter: Reporter;
  readonly signal?: AbortSignal | undefined;
  readonly commandLine?: readonly string[] | undefined;
  /** The image encoder, that of the configuration unless told. */
  readonly encoder?: EncoderSource | undefined;
}

/** A run with the data it was trained on. */
export interface TrainedRun extends RunContext {
  readonly dataset: Dataset;
}

/**
 * Trains: begins a run or goes on with one, and runs its stages.
 * @throws EpSamError `usage` when `out` holds a run and neither resume nor overwrite is given, or a stage is
 *   unknown; `dataset` when the data cannot be trained on or are not those the run began with; `run-directory`
 *   when another process is training into `out`; `numerical` when a loss is not finite; `storage` on a full disk.
 */
export async function train(options: TrainOptions): Promise<TrainedRun> {
  requireStages(options);
  if (options.resume) await RunDirectory.open(options.out);
  const data = await openData(options);
  // Everything that can be refused is refused before a directory is made or an earlier run replaced.
  requireTrainable(data, options);
  const { config, from, out, resume, overwrite, reporter, signal, encoder } = options;
  if (!resume) await RunDirectory.requireFree(out, overwrite);
  const origin = from === undefined ? undefined : await classifierOrigin(from, out, data.dataset, config);
  const startsFromFile = config.classifier.initialWeights !== null && origin === undefined;
  if (startsFromFile && !resume) await requireStart(config, data.classifierDataset, reporter);
  tellNetworks(options.config, data, options.reporter);
  await requireStorage({ ...options, dataset: data.dataset, classifierDataset: data.classifierDataset });
  const sam = resume ? undefined : await samSource(config.sam);
  const device = await startDevice(options.device);
  const unlock = await lockRun(out);
  try {
    const run =
      sam === undefined
        ? await resumeTraining(out, config, data, origin)
        : await RunDirectory.create(
            out,
            await newRecord({ ...options, device }, data, sam, origin),
            overwrite,
          );
    await inheritClassifier(run);
    const begun = resume ? parseConfig(run.record.config, run.path("run.json")) : config;
    const { dataset } = data;
    const context: TrainedRun = { run, config: begun, device, reporter, signal, encoder, dataset };
    await runPipeline(context, data, { sam, only: options.stages });
    return context;
  } finally {
    await unlock();
  }
}

/**
 * Begins a run, or goes on with the one that is there, which keeps its configuration.
 * @throws what {@link train} throws
 */
export async function beginOrGoOn(options: Omit<TrainOptions, "resume" | "overwrite">): Promise<TrainedRun> {
  if (!(await exists(join(options.out, "run.json")))) {
    return train({ ...options, resume: false, overwrite: false });
  }
  const { record } = await RunDirectory.open(options.out);
  const config = parseConfig(record.config, join(options.out, "run.json"));
  return train({ ...options, config, resume: true, overwrite: false });
}

/** The datasets that a training is started with. */
export async function openData({
  data,
  classifierData,
  reporter,
}: Pick<TrainOptions, "data" | "classifierData" | "reporter">): Promise<PipelineData> {
  const warn = (message: string) => reporter.warn(message);
  const dataset = await openDataset(data, { warn });
  return {
    dataset,
    classifierDataset: classifierData === undefined ? dataset : await openDataset(classifierData, { warn }),
  };
}

/** @throws EpSamError `configuration` when parts to learn from are larger than the patches */
function requireCropsInside({ decoder }: TrainingConfig, { root, patchSize }: Dataset): void {
  const { cropSize } = decoder.augment;
  if (cropSize === null || cropSize <= patchSize) return;
  throw new EpSamError("configuration", {
    what: `cannot be ${cropSize}`,
    where: "decoder.augment.cropSize",
    why: `the patches of ${root} have ${patchSize} pixels a side`,
    action: "Set it to null, or to a multiple of 32 up to that.",
  });
}

/**
 * @throws EpSamError `dataset` when a stage would lack patches or masks to learn or choose from; `usage` for patches of
 *   several magnifications, unless that is meant
 */
export function requireTrainable(
  { dataset, classifierDataset, corrections }: PipelineData,
  { config, reporter, anyResolution }: Pick<TrainOptions, "config" | "reporter" | "anyResolution">,
): void {
  const named = ({ root, patches }: Dataset) => ({ of: root, resolution: patchResolution(patches) });
  const others = new Set([classifierDataset, corrections?.dataset ?? dataset]);
  others.delete(dataset);
  requireOneMagnification(named(dataset), [...others].map(named), { anyResolution, reporter });
  requireConsistentConfig(config);
  requireCropsInside(config, dataset);
  validateForTraining(classifierDataset, { warn: (message) => reporter.warn(message) });
  requireDisjointPatients(dataset, classifierDataset);
  requireWholeLabels(config, classifierDataset);
  const counts = countLabels(dataset.patches);
  for (const split of ["train", "val"] as const) {
    if (counts[split].positive > 0) continue;
    throw new EpSamError("dataset", {
      what: `the split "${split}" has no positive patches`,
      where: dataset.root,
      why: `the decoder learns from positive patches; there are ${describeCounts(counts)}`,
      action: "Prepare the dataset so that positive patches occur in train and val.",
    });
  }
  tellMissingMasks(dataset, config, reporter);
  if (config.decoder.validation === "pixel-masks" && !hasPixelMasks(dataset, "val")) {
    throw new EpSamError("dataset", {
      what: 'the split "val" lacks pixel masks of positive patches',
      where: dataset.root,
      why: "decoder.validation is pixel-masks",
      action: "Add the masks, or set decoder.validation to auto or activation-map.",
    });
  }
}

/** With one pixel mask missing, the decoder is chosen by other figures: that is told by name. */
function tellMissingMasks({ root, patches }: Dataset, { decoder }: TrainingConfig, reporter: Reporter): void {
  if (decoder.validation !== "auto") return;
  const positives = patches.filter(({ split, label }) => split === "val" && label === 1);
  const without = positives.filter(({ maskPath }) => maskPath === null).map(({ id }) => id);
  if (without.length === 0 || without.length === positives.length) return;
  reporter.warn(
    `${root}: ${without.length} of ${positives.length} positive validation patches have no pixel mask (${listNames(without)}): the decoder is validated by initial masks instead.`,
  );
}

/** What a model learns from has one magnification; what differs a little is told. */
function requireOneMagnification(
  own: NamedPatches,
  others: readonly NamedPatches[],
  { anyResolution, reporter }: Pick<TrainOptions, "anyResolution" | "reporter">,
): void {
  const rule = { anyResolution, action: "Prepare the data at one resolution, with `mpp`." };
  const warnings = [
    ...[own, ...others].flatMap((patches) => checkOneMagnification(patches, rule)),
    ...others.flatMap((patches) => checkSameMagnification(own, patches, rule)),
  ];
  for (const warning of warnings) reporter.warn(`${warning}.`);
}

function requireStages({ stages, config, resume, from }: TrainOptions): void {
  const known: readonly string[] = stageNames(config.rounds);
  for (const stage of stages ?? []) {
    if (known.includes(stage)) continue;
    throw new EpSamError("usage", {
      what: `"${stage}" is not a stage`,
      where: "`stages`",
      action: `Choose from ${known.join(", ")}.`,
    });
  }
  if (stages !== undefined && !resume && !stages.includes(known[from === undefined ? 0 : 1] ?? "")) {
    throw new EpSamError("usage", {
      what: `the stage ${stages[0]} builds on earlier ones`,
      where: "`stages`",
      action: "Add `resume: true` to run it in an existing run directory.",
    });
  }
}

/** @throws EpSamError `dataset` for a classifier of whole patches where the labels of some speak of parts of them alone */
function requireWholeLabels({ classifier }: TrainingConfig, { root, patches, patchSize }: Dataset): void {
  if (classifier.model === "dense") return;
  const parts = patches.filter((patch) => patch.label === 0 && !isFreeOfTumour(patch, patchSize));
  if (parts.length === 0) return;
  throw new EpSamError("dataset", {
    where: root,
    what: `has ${parts.length} patches of which nobody has said whether all of them is free of tumour`,
    why: "its labels are of parts of patches, as labelled squares give them, and this classifier learns labels of whole patches",
    action: "Train with `preset: laptop`, whose classifier learns labels of windows, or outline all of them.",
  });
}

/** What `run.json` says of a run that begins. */
export async function newRecord(
  options: Omit<TrainOptions, "device"> & { readonly device: Device },
  data: PipelineData,
  { files }: SamSource,
  origin?: Pick<ClassifierOrigin, "record"> & Partial<ClassifierOrigin>,
): Promise<RunRecord> {
  const { config, preset, device } = options;
  const described = ({ root, hash, patchSize }: Dataset) => ({ root, hash, patchSize });
  return {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    commandLine: [...(options.commandLine ?? [])],
    preset,
    config,
    configHash: hashConfig(config),
    dataset: { ...described(data.dataset), resolution: patchResolution(data.dataset.patches) },
    ...(options.classifierData === undefined ? {} : { classifierDataset: described(data.classifierDataset) }),
    // What another run's classifier was trained on, and began with, stays true of it.
    ...(origin?.record.classifierDataset && { classifierDataset: origin.record.classifierDataset }),
    ...(origin?.classifierFrom && { classifierFrom: origin.classifierFrom }),
    weights: [
      ...files,
      ...(await recordedNetworks(config)),
      ...(origin === undefined
        ? await initialWeights(config)
        : origin.record.weights.filter(({ name }) => name === initialWeightsName)),
    ],
    versions: await versions(),
    device: { name: device.name, threads: device.threads, processor: cpus()[0]?.model ?? "unknown" },
    stages: {},
  };
}

/** The file that the classifier starts from, when there is one. */
async function initialWeights({ classifier }: TrainingConfig): Promise<RunRecord["weights"]> {
  const file = classifier.initialWeights;
  if (file === null) return [];
  return [{ name: initialWeightsName, file, sha256: await hashFile(file) }];
}
