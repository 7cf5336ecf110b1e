import { copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentReporter } from "../../src/common/index.js";
import { device } from "../../src/graph/index.js";
import { readMask, readRgbImage } from "../../src/imaging/index.js";
import { resultPaths } from "../../src/inference/images/image-files.js";
import {
  type ImageResult,
  type InferOptions,
  inferImages,
  openSegmenter,
} from "../../src/inference/index.js";
import { lockResults } from "../../src/inference/output.js";
import { cutPatch } from "../../src/inference/patches/layout.js";
import {
  errorOf,
  greyValues,
  recordingReporter,
  rgbValues,
  temporaryFolder,
  writeNoise,
  writeText,
} from "../dataset/fixtures.js";
import { makeTinyRun } from "../support/tiny-run.js";

let base = "";
let run = "";

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "epsam-inference-"));
  run = join(base, "run");
  await makeTinyRun(run);
}, 120_000);
afterAll(() => rm(base, { recursive: true }));

/** A call whose gate no tile passes, so that SAM is not needed. */
function closed(folder: string, changes: Partial<InferOptions> = {}): InferOptions {
  return {
    run,
    inputs: [join(folder, "images")],
    out: join(folder, "out"),
    gate: 1,
    device: device("cpu", 1),
    reporter: silentReporter,
    ...changes,
  };
}

async function readResult(folder: string, stem: string): Promise<ImageResult> {
  return JSON.parse(await readFile(join(folder, "out", "results", `${stem}.json`), "utf8"));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}

describe("inference on images", () => {
  it("segments tiles past the gate, writes all results, and repeats a tile exactly", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "images", "wide.png"), 90, 50);
    const options = closed(folder, { gate: 0, mpp: 0.5, overlap: 0.25 });
    const { images, skipped, resumed } = await inferImages(options);
    expect([images.length, skipped.length, resumed]).toEqual([1, 0, 0]);
    const result = await readResult(folder, "wide");
    expect(result).toEqual(images[0]);
    expect([result.width, result.height, result.mpp, result.overlap]).toEqual([90, 50, 0.5, 0.25]);
    expect(result.model).toMatchObject({ seed: 0, stage: "preliminary", gate: 0, tileSize: 64 });
    expect(Object.keys(result.model.weights)).toEqual([
      "classifier",
      "decoder",
      "sam-encoder",
      "sam-decoder",
    ]);
    expect(result.tiles.map(({ x, y, outcome }) => [x, y, outcome])).toEqual([
      [0, 0, "segmented"],
      [26, 0, "segmented"],
    ]);

    const mask = await readMask(join(folder, "out", result.outputs.mask));
    expect([mask.width, mask.height]).toEqual([90, 50]);
    const area = mask.data.reduce((sum, value) => sum + value, 0);
    expect(result.tumour).toEqual({ pixels: area, fraction: area / 4500, squareMicrons: area * 0.25 });
    const levels = await greyValues(join(folder, "out", result.outputs.probability));
    const disagreeing = levels.filter(
      (level, pixel) => level > 128 !== (mask.data[pixel] === 1) && level !== 128,
    );
    expect(disagreeing).toHaveLength(0);
    const image = await rgbValues(join(folder, "images", "wide.png"));
    for (const picture of [result.outputs.heatmap, result.outputs.overlay]) {
      const pixels = await rgbValues(join(folder, "out", picture));
      expect(pixels).toHaveLength(image.length);
    }

    const segmenter = await openSegmenter(run, { gate: 0, device: device("cpu", 1) });
    const pixels = await readRgbImage(join(folder, "images", "wide.png"));
    const { probability, outcome, estimatedIou } = await segmenter.segmentPatch(
      cutPatch(pixels, 26, 0, 64),
      "wide",
      26,
      0,
    );
    await segmenter.close();
    expect({ x: 26, y: 0, probability, outcome, estimatedIou }).toEqual(result.tiles[1]);
  }, 180_000);

  it("leaves images below the gate empty and reads a dataset's patches", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "images", "train", "image", "p_1.png"), 64, 64);
    await writeNoise(join(folder, "images", "test", "image", "q_0.png"), 64, 64);
    const { images } = await inferImages(closed(folder));
    expect(images.map(({ file }) => file.slice(folder.length))).toEqual([
      "/images/train/image/p_1.png",
      "/images/test/image/q_0.png",
    ]);
    for (const { tumour, tiles, mpp } of images) {
      expect(tumour).toEqual({ pixels: 0, fraction: 0, squareMicrons: null });
      expect(tiles.map(({ outcome }) => outcome)).toEqual(["below-gate"]);
      expect(mpp).toBeNull();
    }
  });

  it("leaves out what cannot be read, names it and goes on", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "images", "good.png"), 20, 30);
    await writeNoise(join(folder, "images", "torn.png"), 64, 64);
    const torn = join(folder, "images", "torn.png");
    await writeFile(torn, (await readFile(torn)).subarray(0, 500));
    await writeText(join(folder, "images", "empty.jpg"), "");
    await writeText(join(folder, "slide.svs"), "not read here");
    await writeText(join(folder, "notes.txt"), "no image");
    const reporter = recordingReporter();
    const inputs = [join(folder, "images"), join(folder, "slide.svs"), join(folder, "notes.txt")];
    const { images, skipped } = await inferImages(closed(folder, { inputs, reporter }));
    expect(images.map(({ width, height }) => [width, height])).toEqual([[20, 30]]);
    const names = skipped.map(({ file }) => file.split("/").at(-1)).sort();
    expect(names).toEqual(["empty.jpg", "notes.txt", "slide.svs", "torn.png"]);
    expect(reporter.warnings).toHaveLength(2);
    expect(await filesBelow(join(folder, "out", "results"))).toEqual(["good.json"]);
    const summary = JSON.parse(await readFile(join(folder, "out", "inference.json"), "utf8"));
    expect(summary).toMatchObject({ state: "done", skipped });
  });
});

describe("results that are there already", () => {
  it("are kept unless told otherwise, also a stranger's file in their place", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "images", "a.png"), 10, 10);
    const mine = join(folder, "out", "masks", "a.png");
    await mkdir(join(folder, "out", "masks"), { recursive: true });
    await copyFile(join(folder, "images", "a.png"), mine);
    const before = await readFile(mine);
    for (const resume of [false, true]) {
      const message = await errorOf(inferImages(closed(folder, { resume })));
      expect(message).toMatch(/^\[usage\].*masks\/a\.png: exists already.*`resume: true`.*`overwrite: true`/);
    }
    expect(await readFile(mine)).toEqual(before);
    await inferImages(closed(folder, { overwrite: true }));
    expect((await readMask(mine)).data).toEqual(new Uint8Array(100));
    expect(await errorOf(inferImages(closed(folder)))).toContain("inference.json: exists already");
  });

  it("are taken over when an interrupted call goes on", async () => {
    const folder = await temporaryFolder();
    for (const name of ["a.png", "b.png"]) await writeNoise(join(folder, "images", name), 10, 10);
    const controller = new AbortController();
    const progress = ({ task }: { task: string }) => {
      if (task.endsWith("b")) controller.abort();
    };
    const reporter = { ...silentReporter, progress };
    // The signal comes with the last tile of b: its results are finished, the summary is not.
    await inferImages(closed(folder, { reporter, signal: controller.signal }));
    await rm(join(folder, "out", "results", "b.json"));
    const file = join(folder, "out", "results", "a.json");
    const written = (await stat(file)).mtimeMs;
    const { images, resumed } = await inferImages(closed(folder, { resume: true }));
    expect([images.length, resumed]).toEqual([2, 1]);
    expect((await stat(file)).mtimeMs).toBe(written);
    expect((await readResult(folder, "b")).tumour.pixels).toBe(0);
  });

  it("are not written by two at a time, and leave neither lock nor unfinished patches behind", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "images", "a.png"), 150, 10);
    const lock = await lockResults(join(folder, "out"));
    expect(await errorOf(inferImages(closed(folder)))).toMatch(
      /^\[usage\].*out: process \d+ on .* is segmenting into this directory/,
    );
    await lock.release();
    await inferImages(closed(folder));
    const paths = Object.values(resultPaths("a")).map((path) => path.split("/").at(-1));
    expect((await filesBelow(join(folder, "out"))).sort()).toEqual(["inference.json", ...paths].sort());
    expect(await readdir(join(folder, "out", "results"))).toEqual(["a.json"]);
  });

  it("of another image or other settings stop a resumed call", async () => {
    const folder = await temporaryFolder();
    const image = join(folder, "images", "a.png");
    await writeNoise(image, 10, 10);
    await inferImages(closed(folder));
    const resumed = (changes: Partial<InferOptions>) =>
      inferImages(closed(folder, { resume: true, ...changes }));
    expect(await errorOf(resumed({ gate: 0.99999 }))).toMatch(
      /a\.json: is not a result of this call.*its model/,
    );
    await writeNoise(join(folder, "images", "b.png"), 10, 10);
    await copyFile(join(folder, "images", "b.png"), image);
    await rm(join(folder, "images", "b.png"));
    expect(await errorOf(resumed({}))).toContain("its image differs");
    const { resumed: kept } = await resumed({ overwrite: true });
    expect(kept).toBe(0);
  });
});

describe("opening a run", () => {
  it("names the stages there are", async () => {
    const message = await errorOf(openSegmenter(run, { stage: "round-1" }));
    expect(message).toMatch(
      /^\[usage\] `stage`: "round-1" is not a finished decoder.*untrained, preliminary/,
    );
  });

  it("refuses a gate that is no probability", async () => {
    expect(await errorOf(openSegmenter(run, { gate: 1.5 }))).toMatch(/^\[usage\] `gate`/);
  });

  it("says what an unfinished run lacks", async () => {
    expect(await errorOf(openSegmenter(join(base, "nothing")))).toContain("this is not a run directory");
    const unfinished = join(base, "unfinished");
    await makeTinyRun(unfinished, { finished: [] });
    expect(await errorOf(openSegmenter(unfinished))).toMatch(/^\[run-directory\].*no trained decoder yet/);
    const message = await errorOf(openSegmenter(unfinished, { stage: "untrained" }));
    expect(message).toMatch(/^\[run-directory\].*no trained classifier yet/);
  });
});
