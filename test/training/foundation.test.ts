import { appendFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import { hashImage } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { readRgbImage } from "../../src/imaging/index.js";
import {
  baseWhileClicking,
  openSegmenter,
  openTeachingBase,
  SlideTeacher,
} from "../../src/inference/index.js";
import {
  FoundationFeatures,
  foundationModel,
  foundationWeights,
  importFoundation,
} from "../../src/models/index.js";
import type { RunContext } from "../../src/run/index.js";
import { openSlide } from "../../src/slides/index.js";
import { requireConsistentConfig } from "../../src/training/index.js";
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

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

// A DINOv2 of transformers in two parts, of random weights and two blocks: tokens of 4 pixels, images of 16.
const checkpoint = fileURLToPath(
  new URL("../models/foundation/reference/dinov2.safetensors.index.json", import.meta.url),
);

const quiet = { device: device("cpu", 1), reporter: silentReporter };
let folder: string;
let data: string;
let context: RunContext;
const reporter = recordingReporter();
/** Every picture that the model was shown in training. */
const shown: string[] = [];

beforeAll(async () => {
  folder = await makeFolder();
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
  await importFoundation(checkpoint, {
    name: "tiny",
    model: "other",
    heads: 2,
    mean: [0.5, 0.5, 0.5],
    deviation: [0.5, 0.5, 0.5],
    micronsPerPixel: 1,
    licence: "of nobody",
    device: device("cpu", 1),
    reporter: silentReporter,
  });
  data = await writeDataset(join(folder, "data"));
  const dense = { backbone: ["tiny", "efficientnet-lite0"] };
  const config = tinyConfig({
    classifier: { model: "dense", dense, inputSize: null, epochs: 2, batchSize: 4, learningRate: 1e-2 },
    decoder: quickPyramid,
    rounds: 0,
    gate: 0,
    cache: { directory: join(folder, "features") },
  });
  const { getAll } = FoundationFeatures.prototype;
  const watched = vi.spyOn(FoundationFeatures.prototype, "getAll").mockImplementation(function (
    this: FoundationFeatures,
    images,
  ) {
    shown.push(...images.map(hashImage));
    return getAll.call(this, images);
  });
  context = await trainTiny({ data, out: join(folder, "run"), config, reporter });
  watched.mockRestore();
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await removeFolders([folder]);
});

it("records the weights and the licence, and says how patches are seen", async () => {
  const { sha256 } = foundationModel("tiny");
  expect(context.run.record.weights).toContainEqual(
    expect.objectContaining({ name: "tiny", sha256, licence: "of nobody" }),
  );
  expect(reporter.notes.join("\n")).toContain("tiny: sees a patch of 64 pixels as ");
});

it("computes the features of a patch once, for the classifier, its maps and their figures", () => {
  expect(shown.length).toBeGreaterThan(10);
  expect(new Set(shown).size).toBe(shown.length);
});

it("keeps each network's features by themselves", async () => {
  const kept = await readdir(join(folder, "features"));
  expect(kept.some((name) => name.startsWith("foundation-8-4-"))).toBe(true);
  expect(kept.some((name) => name.startsWith("efficientnet-lite0-4.8-64-"))).toBe(true);
});

it("stays frozen: a training of it is refused by name", () => {
  const begin = () =>
    requireConsistentConfig(
      tinyConfig({ classifier: { model: "dense", dense: { backbone: "tiny", trainBackbone: true } } }),
    );
  expect(begin).toThrowError(
    "classifier.dense.trainBackbone: needs one backbone of this package, and tiny is a foundation model, which stays frozen",
  );
});

it("segments, and says with which weights", async () => {
  const segmenter = await openSegmenter(context.run.root, quiet);
  try {
    const file = (await readdir(join(data, "test", "image"))).sort()[0] ?? "";
    const { probability, outcome } = await segmenter.segmentPatch(
      await readRgbImage(join(data, "test", "image", file)),
    );
    expect(probability).toBeGreaterThanOrEqual(0);
    expect(outcome).toBe("segmented");
    expect(segmenter.identity.weights.tiny).toBe(foundationModel("tiny").sha256);
  } finally {
    await segmenter.close();
  }
});

it("is taught with squares while somebody clicks, on the backbone that its decoder sees", async () => {
  const base = await baseWhileClicking(await openTeachingBase(context.run.root, quiet));
  // A head that judges other features teaches nothing about these.
  expect(base.head).toBeNull();
  expect(base.config.classifier.dense.backbone).toBe("efficientnet-lite0");
  const { slides } = await writeGeneratedSlides(join(folder, "tissue"), {
    ...{ count: 1, seed: 7, size: 512, micronsPerPixel: 0.5, reporter: silentReporter },
  });
  const [name = ""] = (await readdir(slides)).filter((file) => file.endsWith(".tif"));
  const source = await openSlide(join(slides, name));
  const teacher = new SlideTeacher(source, base);
  try {
    const square = { y: 40, size: 112 };
    const squares = [
      { x: 40, tumour: 1, ...square },
      { x: 300, tumour: 0, ...square },
    ] as const;
    const { data } = await teacher.map(squares, { column: 0, row: 0 }, 2);
    expect(new Set(data).size).toBeGreaterThan(10);
  } finally {
    await teacher.close();
    await source.close();
  }
});

it("refuses weights that have changed", async () => {
  const file = foundationWeights(foundationModel("tiny"));
  const bytes = await readFile(file);
  await appendFile(file, "more");
  const failure = await errorOf(openSegmenter(context.run.root, quiet));
  await writeFile(file, bytes);
  expect(failure).toContain("[weights]");
  expect(failure).toContain("has changed since it was imported");
});
