import { EpSamError } from "../common/index.js";
import { foundationModelsOf, foundationWeights, requireImportedWeights } from "../models/index.js";
import type { TrainingConfig } from "./config-schema.js";
import type { RunContext } from "./run-context.js";
import type { RunRecord } from "./run-directory.js";

/** The foundation models of a configuration, for `run.json`: their weights and licences. */
export async function recordedFoundations({
  classifier,
}: Pick<TrainingConfig, "classifier">): Promise<RunRecord["weights"]> {
  if (classifier.model !== "dense") return [];
  return Promise.all(
    foundationModelsOf(classifier.dense.backbone).map(async (model) => ({
      name: model.name,
      file: foundationWeights(model),
      sha256: await requireImportedWeights(model),
      licence: model.licenceAccepted ? `${model.licence} (accepted when it was imported)` : model.licence,
    })),
  );
}

/**
 * Checks that a run's foundation models are those it was trained with.
 * @throws EpSamError `weights` when one of them is another now
 */
export async function requireRecordedFoundations({
  run,
  config,
}: Pick<RunContext, "run" | "config">): Promise<void> {
  for (const { name, file, sha256 } of await recordedFoundations(config)) {
    const recorded = run.record.weights.find((weights) => weights.name === name);
    if (recorded === undefined || recorded.sha256 === sha256) continue;
    throw new EpSamError("weights", {
      what: `the foundation model ${name} is another than the run was trained with`,
      where: file,
      why: `its SHA-256 is ${sha256}, and run.json of ${run.root} has ${recorded.sha256}`,
      action:
        "Import the one that it was trained with under this name, with `overwrite: true`, or train again.",
    });
  }
}
