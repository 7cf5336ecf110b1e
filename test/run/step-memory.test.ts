import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hashBytes } from "../../src/common/index.js";
import { hashConfig, parseConfig, presets, type TrainingConfig } from "../../src/run/index.js";
import { planStepMemory } from "../../src/run/step-memory.js";
import {
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "../training/fixtures.js";

let folder = "";
beforeAll(async () => {
  folder = await makeFolder();
  await writeDataset(join(folder, "data"));
}, 300_000);
afterAll(() => removeFolders([folder]), 300_000);

const plain = { microBatch: null, checkpointing: "activations", precision: "float32" } as const;

describe("a batch", () => {
  it.each([
    [16, null, 16, undefined],
    [16, 16, 16, undefined],
    [16, 100, 16, undefined],
    [16, 4, 4, 4],
    [16, 6, 4, 4],
    [15, 4, 3, 5],
    [13, 4, 1, 13],
  ])("of %i images with microBatch %s has parts of %i", (batchSize, microBatch, images, count) => {
    const plan = planStepMemory({ ...plain, microBatch }, batchSize, ["images"]);
    expect(plan.images).toBe(images);
    expect(plan.microBatches).toEqual(count === undefined ? undefined : { count, split: ["images"] });
  });
});

/** Keys of the section decoder about decoders that see features. */
const seeingKeys = [
  "kind",
  "features",
  "trainBackbone",
  "pretrainedRate",
  "loss",
  "negatives",
  "confidence",
  "warmStart",
  "optionalMask",
  "augment",
  "featureNoise",
  "samplesPerEpoch",
  "warmUpSteps",
  "calibrate",
  "flipsAtTest",
];

function without(section: object, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(section).filter(([key]) => !keys.includes(key)));
}

describe("the configuration", () => {
  it("of a run that did not know the keys is read, and has the hash it had", () => {
    const { microBatch, checkpointing, precision } = presets.paper.classifier;
    expect({ microBatch, checkpointing, precision }).toEqual(plain);
    const memory = ["microBatch", "checkpointing", "precision"];
    const classifier = without(presets.paper.classifier, [...memory, "model", "dense"]);
    // Since these keys, decoders can see features.
    const decoder = without(presets.paper.decoder, [...memory, ...seeingKeys]);
    const old = { ...presets.paper, classifier, decoder };
    const read = parseConfig(old, "run.json");
    expect(read).toEqual(presets.paper);
    expect(hashConfig(read)).toBe(hashBytes(JSON.stringify(old)));
    const other = { ...read, classifier: { ...read.classifier, microBatch: 4 } };
    expect(hashConfig(other)).not.toBe(hashConfig(read));
  });
});

type StepMemory = Partial<Pick<TrainingConfig["decoder"], "microBatch" | "checkpointing" | "precision">>;

/** Figures of every epoch of classifier and preliminary fine-tuning. */
async function figures(
  name: string,
  memory: { readonly classifier?: StepMemory; readonly decoder?: StepMemory },
  stages = ["classifier", "initial-masks", "preliminary"],
) {
  const reporter = recordingReporter();
  const overrides = {
    // Gentle steps: with larger ones, rounding grows to differences of its own.
    classifier: { ...memory.classifier, epochs: 1, inputSize: 32, learningRate: 1e-6 },
    decoder: { ...memory.decoder, epochs: 1, batchSize: 4 },
    sam: { maskPrompt: "none" },
    rounds: 0,
  };
  const { run } = await trainTiny({
    data: join(folder, "data"),
    out: join(folder, name),
    config: tinyConfig(overrides),
    stages,
    encoder: quickEncoder,
    reporter,
  });
  const lines = (await run.metrics()).flatMap(({ stage, split, values }) =>
    Object.entries(values).map(([key, value]) => [`${stage} ${split} ${key}`, value] as const),
  );
  return { figures: Object.fromEntries(lines), warnings: reporter.warnings };
}

describe("training in micro-batches with segments computed again", { timeout: 600_000 }, () => {
  it("has the figures of training with whole batches", async () => {
    const whole = await figures("whole", {});
    const memory = { microBatch: 2, checkpointing: "segments" } as const;
    // Apart: rounding of a classifier moves a level of an activation map, and with it the points that SAM is asked at.
    const classified = await figures("classifier in parts", { classifier: memory }, ["classifier"]);
    const decoded = await figures("decoder in parts", { decoder: memory });
    const parts = { figures: { ...decoded.figures, ...classified.figures } };
    expect(Object.keys(whole.figures)).toEqual(
      expect.arrayContaining(["classifier train loss", "classifier val loss", "preliminary train dice"]),
    );
    expect(Object.keys(parts.figures)).toEqual(Object.keys(whole.figures));
    for (const [name, value] of Object.entries(whole.figures)) {
      expect(parts.figures[name], name).toBeCloseTo(value ?? Number.NaN, 3);
    }
  });

  it("warns of float16 where it gains nothing", async () => {
    const { warnings, figures: halves } = await figures("half", { classifier: { precision: "float16" } }, [
      "classifier",
    ]);
    expect(warnings.filter((warning) => warning.includes("float16 on the CPU"))).toHaveLength(1);
    expect(halves["classifier train loss"]).toBeCloseTo(Math.log(2), 0);
  });
});
