import { EpSamError } from "../common/index.js";
import { backbone, backboneFile, backboneNames, isBackbone, requireJoinable } from "../models/index.js";
import { conflictsOfDense, requireConsistentDecoder, type TrainingConfig } from "../run/index.js";

/**
 * Refuses values that are right by themselves and do not go together, before any work is done with them.
 * @throws EpSamError `configuration` naming each key
 */
export function requireConsistentConfig(config: TrainingConfig): void {
  requireConsistentDecoder(config);
  requireDenseClassifier(config);
}

/** @throws EpSamError `configuration` when a dense classifier cannot be what it is told to be, `weights` without weights */
function requireDenseClassifier({ classifier }: TrainingConfig): void {
  const { model, dense, precision, microBatch } = classifier;
  if (model !== "dense") return;
  requireJoinable(dense.backbone);
  const conflicts = [
    precision !== "float32" && "classifier.precision: is for classifier.model resnet-adl",
    microBatch !== null && "classifier.microBatch: is for classifier.model resnet-adl",
    ...conflictsOfDense(dense),
  ].filter((conflict) => conflict !== false);
  if (conflicts.length > 0) throw refusal(conflicts);
  const own = backboneNames(dense.backbone).filter(isBackbone);
  for (const name of own) backboneFile(backbone(name));
}

function refusal(conflicts: readonly string[]): EpSamError {
  return new EpSamError("configuration", {
    what: conflicts.join("; "),
    where: "configuration",
    action: "Change these keys, or leave them as the preset laptop has them.",
  });
}
