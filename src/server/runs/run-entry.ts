import { realpath } from "node:fs/promises";
import { type RunEntry, stageNames } from "../../contract/index.js";
import { isTeachable } from "../../inference/index.js";
import { endsWithItsMap, parseConfig, RunDirectory, usableDecoderStages } from "../../run/index.js";
import type { IndexedDataset } from "../datasets/dataset-index.js";
import { problemOf } from "../problem.js";
import { fileInsideOrNull } from "../workspace/inside-root.js";
import type { WorkspaceDirectory } from "../workspace/workspace.js";

export const REPORT_FILE = "report.html";

/** A run as the list shows it; one that cannot be understood is told with the reason. */
export async function runEntry(
  { id, root }: WorkspaceDirectory,
  name: string,
  datasets: readonly IndexedDataset[],
): Promise<RunEntry> {
  try {
    const run = await RunDirectory.open(root);
    const config = parseConfig(run.record.config, run.path("run.json"));
    const stages = usableDecoderStages({ run, config }).reverse();
    return {
      ...{ id, name, stages },
      finished: endsWithItsMap({ run }) || stageNames(config.rounds).every((stage) => run.isDone(stage)),
      teachable: isTeachable(config) && (stages.length > 0 || endsWithItsMap({ run })),
      taught: taughtOf(run),
      hasReport: (await fileInsideOrNull(root, REPORT_FILE)) !== null,
      dataset: (await datasetOf(run, datasets))?.directory.id ?? null,
      problem: null,
    };
  } catch (failure) {
    const problem = problemOf(failure);
    return {
      id,
      name,
      stages: [],
      finished: false,
      teachable: false,
      taught: null,
      hasReport: false,
      dataset: null,
      problem,
    };
  }
}

function taughtOf(run: RunDirectory): RunEntry["taught"] {
  const { taught } = run.record;
  if (taught === undefined) return null;
  const { slide, tumour, other } = taught;
  return { slide, tumour, other, isWhole: endsWithItsMap({ run }) };
}

/** The dataset that a run was trained on, if it is among these: at the recorded place, or with the recorded data. */
export async function datasetOf(
  run: RunDirectory,
  datasets: readonly IndexedDataset[],
): Promise<IndexedDataset | undefined> {
  const { root, hash } = run.record.dataset;
  const real = await realpath(root).catch(() => root);
  return (
    datasets.find((dataset) => dataset.directory.root === real) ??
    datasets.find((dataset) => dataset.hash === hash)
  );
}
