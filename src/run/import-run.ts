import { cpus } from "node:os";
import { basename, resolve } from "node:path";
import { hashFile, type Reporter } from "../common/index.js";
import { classifierStage, type DecoderStage, roundOf, roundStage } from "../contract/index.js";
import { type DeviceSource, startDevice } from "../graph/index.js";
import {
  type ClassifierVariant,
  type LeftOut,
  type LoadedDecoder,
  loadClassifier,
  loadMaskDecoder,
  type PromptFrame,
  type StateDict,
  writeSafetensors,
} from "../models/index.js";
import { mergeRecords, resolveConfig } from "./config.js";
import type { TrainingConfig } from "./config-schema.js";
import { classifierFile, decoderFile, hashStage } from "./kept-files.js";
import { hashConfig, versions } from "./open-run.js";
import type { PresetName } from "./presets.js";
import { RunDirectory, type RunRecord, type StageRecord } from "./run-directory.js";
import { lockRun } from "./run-lock.js";
import { type SamSource, samSource } from "./sam-source.js";

/** What a run is made of that was trained elsewhere. */
export interface ImportRunOptions {
  /** Checkpoint of the patch classifier, for example the authors' `*_resnet_adl.pth`. */
  readonly classifier: string;
  /** Checkpoint of SAM's mask decoder, for example the authors' `*_decoder_iterN.pth`. */
  readonly decoder?: string | undefined;
  /** Checkpoint of the whole SAM that the decoder belongs to; that of the configuration when left out. */
  readonly sam?: string | undefined;
  readonly out: string;
  readonly preset: PresetName;
  /** Values that differ from the preset; depth and stem of the classifier are found in its file. */
  readonly overrides: unknown;
  /** Frame of the prompts that the decoder was trained with; that of the configuration when left out. */
  readonly promptFrame?: PromptFrame | undefined;
  /** Side in pixels of the patches that the models were trained on. */
  readonly patchSize: number;
  readonly overwrite: boolean;
  readonly device: DeviceSource;
  readonly reporter: Reporter;
  readonly commandLine?: readonly string[] | undefined;
}

export interface ImportedRun {
  readonly run: RunDirectory;
  readonly config: TrainingConfig;
  /** The stage that the decoder stands for, or undefined without one. */
  readonly stage: string | undefined;
  /** What was in the files but not taken, by file. */
  readonly leftOut: readonly { readonly file: string; readonly leftOut: readonly LeftOut[] }[];
}

/** Stands where `run.json` names the data that a run was trained on. */
const elsewhere = "trained elsewhere";

/**
 * Makes a run directory of models trained elsewhere, for `epsam infer` and `epsam evaluate`.
 * @throws EpSamError `weights` when a file is not what it should be; `configuration` when a value is wrong; `usage`
 *   when `out` holds a run and may not be replaced; `storage` on a full disk
 */
export async function importRun(options: ImportRunOptions): Promise<ImportedRun> {
  await RunDirectory.requireFree(options.out, options.overwrite);
  const classifier = await loadClassifier(options.classifier);
  const decoder = options.decoder === undefined ? undefined : await loadMaskDecoder(options.decoder);
  const stage = options.decoder === undefined ? undefined : stageOf(options.decoder);
  const config = configOf(options, classifier.variant, stage);
  const sam = await samSource(config.sam);
  if (decoder !== undefined) await warnOfMismatch(options, config, decoder, sam);
  const unlock = await lockRun(options.out);
  try {
    const run = await RunDirectory.create(
      options.out,
      await recordOf(options, config, sam),
      options.overwrite,
    );
    await save(run, classifierStage, classifierFile(run), classifier);
    if (decoder !== undefined && stage !== undefined)
      await save(run, stage, decoderFile(run, stage), decoder);
    const loaded = decoder === undefined ? [classifier] : [classifier, decoder];
    return { run, config, stage, leftOut: loaded.map(({ file, leftOut }) => ({ file, leftOut })) };
  } finally {
    await unlock();
  }
}

/** The authors number the decoders of their rounds; every other decoder counts as the first fine-tuning's. */
function stageOf(file: string): DecoderStage {
  return roundStage(authorsRound(file) ?? 0);
}

function authorsRound(file: string): number | undefined {
  const round = /decoder_iter(\d+)\.\w+$/.exec(basename(file))?.[1];
  return round === undefined ? undefined : Number(round);
}

function configOf(
  { preset, overrides, promptFrame, sam }: ImportRunOptions,
  classifier: ClassifierVariant,
  stage: DecoderStage | undefined,
): TrainingConfig {
  const config = resolveConfig(preset, overrides);
  return resolveConfig(
    preset,
    mergeRecords(config, {
      classifier: { ...classifier, initialWeights: null },
      sam: {
        ...(promptFrame === undefined ? {} : { promptFrame }),
        ...(sam === undefined ? {} : { weights: sam, encoder: "auto" }),
      },
      rounds: stage === undefined ? config.rounds : Math.max(config.rounds, roundOf(stage)),
    }),
  );
}

/** A decoder works with the embeddings and prompts that it was trained with; warns where we can tell. */
async function warnOfMismatch(
  { decoder: file = "", reporter, promptFrame }: ImportRunOptions,
  config: TrainingConfig,
  { promptEncoder }: LoadedDecoder,
  sam: SamSource,
): Promise<void> {
  if (promptEncoder !== undefined && !holdsSame(await sam.loadDecoder(), promptEncoder)) {
    reporter.warn(
      `${file}: its prompt encoder is not that of the SAM used here, so its decoder was trained with another image ` +
        "encoder too. Name that SAM with `sam`.",
    );
  }
  if (authorsRound(file) === undefined) return;
  if (promptFrame === undefined && config.sam.promptFrame === "model") {
    reporter.warn(
      `${file}: the authors' published decoders were trained with prompts in the patch's frame; ` +
        "give `promptFrame: patch` for those.",
    );
  }
  if (config.sam.weights === null) {
    reporter.warn(
      `${file}: the authors' published decoders were trained with SAM ViT-B; give \`sam: sam_vit_b_01ec64.pth\` ` +
        "(`epsam models pull sam-vit-b`).",
    );
  }
}

/** True when every tensor of `part` is in `whole` with the same values. */
function holdsSame(whole: StateDict, part: StateDict): boolean {
  return [...part].every(([name, { data }]) => {
    const other = whole.get(name)?.data;
    return other?.length === data.length && data.every((value, index) => value === other[index]);
  });
}

async function recordOf(
  { classifier, decoder, preset, patchSize, device: source, commandLine }: ImportRunOptions,
  config: TrainingConfig,
  { files }: SamSource,
): Promise<RunRecord> {
  const device = await startDevice(source);
  const imported = { classifier, ...(decoder === undefined ? {} : { decoder }) };
  const hashes = Object.entries(imported).map(async ([name, file]) => ({
    name: `imported ${name}`,
    file: resolve(file),
    sha256: await hashFile(file),
  }));
  return {
    formatVersion: 1,
    createdAt: new Date().toISOString(),
    commandLine: [...(commandLine ?? [])],
    preset,
    config,
    configHash: hashConfig(config),
    dataset: { root: elsewhere, hash: elsewhere, patchSize },
    weights: [...files, ...(await Promise.all(hashes))],
    versions: await versions(),
    device: { name: device.name, threads: device.threads, processor: cpus()[0]?.model ?? "unknown" },
    stages: {},
  };
}

/** Writes a model and records its stage as done. */
async function save(
  run: RunDirectory,
  stage: string,
  path: string,
  { weights, file }: { readonly weights: StateDict; readonly file: string },
): Promise<void> {
  await writeSafetensors(path, weights, { stage, importedFrom: basename(file) });
  const now = new Date().toISOString();
  const record: StageRecord = {
    state: "done",
    startedAt: now,
    finishedAt: now,
    seconds: 0,
    summary: { importedFrom: resolve(file) },
    files: await hashStage(run, stage),
  };
  await run.updateStage(stage, record);
}
