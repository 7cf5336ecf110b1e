import { stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { FloatMap, RgbImage } from "../../src/imaging/index.js";
import { segmentImageSource } from "../../src/inference/images/segment-image.js";
import { type PatchSegmenter, type SegmentedPatch, segmentImage } from "../../src/inference/index.js";
import { errorOf, temporaryFolder } from "../dataset/fixtures.js";
import { colourfulSlide, stubSegmenter } from "./support/stub-slide.js";

const PATCH = 32;

function constantMap(side: number, value: number): FloatMap {
  return { width: side, height: side, data: new Float32Array(side * side).fill(value) };
}

function farthestFrom(expected: number, { data }: FloatMap): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value - expected)), 0);
}

function blank(width: number, height: number, level = 200): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(level) };
}

/** A segmenter that answers every patch by a function and keeps the names it was given. */
function madeUp(answer: (patch: RgbImage, x: number) => SegmentedPatch) {
  const names: (readonly (string | number)[])[] = [];
  const segmenter: PatchSegmenter = {
    patchSize: PATCH,
    classifyPatch: async (patch, ...name) => {
      names.push(name);
      const { tumour, estimatedIou = 0, ...classified } = answer(patch, Number(name[1]));
      return tumour === undefined
        ? classified
        : { ...classified, segment: async () => ({ tumour, estimatedIou }) };
    },
  };
  return { segmenter, names };
}

function segmented(tumour: number, probability = 1): SegmentedPatch {
  return {
    probability,
    outcome: "segmented",
    activation: constantMap(2, 0.5),
    tumour: constantMap(PATCH, tumour),
    estimatedIou: 0.9,
  };
}

const belowGate: SegmentedPatch = {
  probability: 0.25,
  outcome: "below-gate",
  activation: constantMap(2, 0.5),
};

describe("segmenting an image", () => {
  it.each([
    [101, 67],
    [PATCH, PATCH],
    [5, 90],
    [1, 1],
  ])("shows no seam: constant patches stay constant at %ix%i", async (width, height) => {
    const { segmenter } = madeUp(() => segmented(0.7, 0.8));
    const result = await segmentImage(segmenter, blank(width, height), { name: "a" });
    expect(result.probability.data).toHaveLength(width * height);
    expect(farthestFrom(0.7, result.probability)).toBeLessThan(1e-6);
    expect(farthestFrom(0.8 * 0.5, result.activation)).toBeLessThan(1e-6);
    expect(result.tumourPixels).toBe(width * height);
    expect(result.mask).toEqual({ width, height, data: new Uint8Array(width * height).fill(1) });
  });

  it("counts exactly one half as background", async () => {
    const { segmenter } = madeUp(() => segmented(0.5));
    const result = await segmentImage(segmenter, blank(PATCH, PATCH), { name: "a" });
    expect(result.tumourPixels).toBe(0);
  });

  it("gives a patch below the gate no tumour and blends towards its neighbours", async () => {
    const { segmenter } = madeUp((_, x) => (x === 0 ? belowGate : segmented(1)));
    const { probability, patches, mask } = await segmentImage(segmenter, blank(48, PATCH), { name: "a" });
    expect(patches).toEqual([
      { x: 0, y: 0, probability: 0.25, outcome: "below-gate", estimatedIou: null },
      { x: 16, y: 0, probability: 1, outcome: "segmented", estimatedIou: 0.9 },
    ]);
    const row = probability.data.subarray(0, 48);
    expect(row[0]).toBe(0);
    expect(row[47]).toBe(1);
    for (let x = 1; x < 48; x++) expect((row[x] ?? 0) - (row[x - 1] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(mask.data.subarray(0, 48).indexOf(1)).toBe(24);
  });

  it("leaves a patch without activation empty", async () => {
    const { segmenter } = madeUp(() => ({ ...belowGate, probability: 1, outcome: "no-activation" }));
    const result = await segmentImage(segmenter, blank(PATCH, PATCH), { name: "a" });
    expect(result.tumourPixels).toBe(0);
    expect(result.patches[0]?.outcome).toBe("no-activation");
  });

  it("names patches after the image and their corner, and reports each", async () => {
    const { segmenter, names } = madeUp(() => belowGate);
    const reported: number[][] = [];
    await segmentImage(segmenter, blank(64, 40), {
      name: "slide-7",
      overlap: 0,
      onPatch: (done, total) => reported.push([done, total]),
    });
    expect(names).toEqual([
      ["slide-7", 0, 0],
      ["slide-7", 32, 0],
      ["slide-7", 0, 8],
      ["slide-7", 32, 8],
    ]);
    expect(reported).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
  });

  it("cuts what the patch covers", async () => {
    const image = blank(48, PATCH);
    for (let y = 0; y < PATCH; y++) image.data[(y * 48 + 20) * 3] = 9;
    const seen: number[] = [];
    const { segmenter } = madeUp((patch) => {
      seen.push(patch.data.findIndex((value, index) => index % 3 === 0 && value === 9) / 3);
      return belowGate;
    });
    await segmentImage(segmenter, image, { name: "a" });
    expect(seen).toEqual([20, 4]);
  });

  it("stops between patches when aborted", async () => {
    const controller = new AbortController();
    const { segmenter, names } = madeUp(() => {
      controller.abort();
      return belowGate;
    });
    const work = segmentImage(segmenter, blank(100, 100), { name: "a", signal: controller.signal });
    const failure: unknown = await work.catch((reason: unknown) => reason);
    expect(controller.signal.aborted).toBe(true);
    expect(failure).toBe(controller.signal.reason);
    expect(names).toHaveLength(1);
  });
});

describe("an image whose segmentation was interrupted", () => {
  it.each(["aborted", "torn"])(
    "goes on at the next patch when it was %s, to the same numbers",
    async (how) => {
      const source = colourfulSlide(200, 70);
      const expected = await segmentImageSource(stubSegmenter(), source, { name: "a" }, null);
      const workDirectory = join(await temporaryFolder(), "work");
      const work = { workDirectory, identity: "test" };
      const controller = new AbortController();
      const onPatch = (done: number) => {
        if (done === 9) controller.abort();
      };
      const options = { name: "a", signal: controller.signal, onPatch };
      await expect(segmentImageSource(stubSegmenter(), source, options, work)).rejects.toThrow("aborted");
      const log = join(workDirectory, "patches.log");
      if (how === "torn") await truncate(log, (await stat(log)).size - 3);
      const counts: number[] = [];
      const again = { name: "a", onPatch: (done: number) => counts.push(done) };
      expect(await segmentImageSource(stubSegmenter(), source, again, work)).toEqual(expected);
      expect(counts[0]).toBeGreaterThanOrEqual(how === "torn" ? 8 : 9);
      const other = { ...work, identity: "another model" };
      expect(await errorOf(segmentImageSource(stubSegmenter(), source, { name: "a" }, other))).toMatch(
        /^\[usage\].*work: was begun with another model.*`overwrite: true`/,
      );
    },
  );
});
