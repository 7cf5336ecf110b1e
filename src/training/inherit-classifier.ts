import { realpath } from "node:fs/promises";
import { resolve } from "node:path";
import { EpSamError, exists, hashFile } from "../common/index.js";
import { classifierStage } from "../contract/index.js";
import type { Dataset } from "../dataset/index.js";
import {
  classifierFile,
  inheritStages,
  parseConfig,
  RunDirectory,
  type RunRecord,
  requireUnchanged,
  type TrainingConfig,
} from "../run/index.js";
import { requireSameData } from "./resume.js";

/** The run whose classifier a new one takes over. */
export interface ClassifierOrigin {
  readonly record: RunRecord;
  /** What the new run's record says of it. */
  readonly classifierFrom: NonNullable<RunRecord["classifierFrom"]>;
}

/**
 * Opens a run whose classifier a new one in `out` is to take over.
 * @throws EpSamError `usage` when it is that in `out`; `run-directory` when there is none, or its classifier is not
 *   trained; `configuration` when the new configuration describes another classifier; `dataset` when the data are others
 */
export async function classifierOrigin(
  root: string,
  out: string,
  dataset: Dataset,
  { classifier }: TrainingConfig,
): Promise<ClassifierOrigin> {
  const origin = await RunDirectory.open(root);
  const { record } = origin;
  if ((await exists(out)) && (await realpath(out)) === (await realpath(root))) {
    throw new EpSamError("usage", {
      where: out,
      what: "is the run to go on from",
      action: "That one stays as it is: choose another `out`.",
    });
  }
  if (!origin.isDone(classifierStage)) {
    throw new EpSamError("run-directory", {
      where: root,
      what: "has no trained classifier yet",
      action: "Go on with `epsam train --resume` first.",
    });
  }
  requireSameData(dataset, record.dataset.hash);
  requireSameClassifier(origin, parseConfig(record.config, origin.path("run.json")).classifier, classifier);
  await requireUnchanged(origin, classifierStage);
  const sha256 = await hashFile(classifierFile(origin));
  return { record, classifierFrom: { root: resolve(root), configHash: record.configHash, sha256 } };
}

function requireSameClassifier(origin: RunDirectory, before: unknown, now: unknown): void {
  const [old, wanted] = [leavesOf(before), leavesOf(now)];
  const changed = [...wanted].filter(([key, value]) => old.get(key) !== value);
  if (changed.length === 0) return;
  throw new EpSamError("configuration", {
    where: changed.map(([key]) => `classifier.${key}`).join(", "),
    what: "cannot be changed, since the classifier is that of another run",
    why: `${origin.root} has ${changed.map(([key]) => `${key} ${old.get(key)}`).join(", ")}`,
    action: "Leave these keys out, or train into a new directory without `from`.",
  });
}

/** Every value of nested mappings as JSON, by its keys joined with dots. */
function leavesOf(value: unknown, prefix = ""): Map<string, string> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return new Map([[prefix, JSON.stringify(value)]]);
  }
  const path = (key: string) => (prefix === "" ? key : `${prefix}.${key}`);
  return new Map(Object.entries(value).flatMap(([key, inner]) => [...leavesOf(inner, path(key))]));
}

/**
 * Takes over the classifier of a run that began from another's, unless that is done.
 * @throws EpSamError `run-directory` when that run is gone, or its classifier is another one meanwhile
 */
export async function inheritClassifier(run: RunDirectory): Promise<void> {
  const { classifierFrom } = run.record;
  if (classifierFrom === undefined) return;
  if (run.isDone(classifierStage) && (await exists(classifierFile(run)))) return;
  const origin = await RunDirectory.open(classifierFrom.root);
  const file = classifierFile(origin);
  if ((await hashFile(file)) !== classifierFrom.sha256) {
    throw new EpSamError("run-directory", {
      where: file,
      what: "is not the classifier that this run began from",
      why: "its bytes have changed since (their hash differs)",
      action: "Train into a new directory.",
    });
  }
  await inheritStages(origin, run, [classifierStage]);
}
