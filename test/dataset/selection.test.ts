import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { foregroundFraction, latticeAlong, patchLattice } from "../../src/dataset/preparation/lattice.js";
import { resolveSettings } from "../../src/dataset/preparation/options.js";
import {
  fractionBin,
  judgeFraction,
  sampleEvenly,
  selectPatches,
} from "../../src/dataset/preparation/selection.js";
import { apportion, drawSplits } from "../../src/dataset/preparation/splits.js";

const paper = resolveSettings({ inputs: [], out: "" });

describe("patch lattice", () => {
  it("adds a last patch flush with the border when the stride leaves a remainder", () => {
    expect(latticeAlong(775, 256, 128, "align")).toEqual([0, 128, 256, 384, 512, 519]);
    expect(latticeAlong(775, 256, 128, "drop")).toEqual([0, 128, 256, 384, 512]);
  });

  it("adds none when the lattice ends at the border", () => {
    expect(latticeAlong(512, 256, 128, "align")).toEqual([0, 128, 256]);
    expect(latticeAlong(256, 256, 100, "align")).toEqual([0]);
  });

  it("is empty for an image smaller than the patch", () => {
    expect(
      patchLattice({ width: 255, height: 900 }, { patchSize: 256, stride: 128, border: "align" }),
    ).toEqual([]);
  });

  it("goes row by row", () => {
    const rule = { patchSize: 2, stride: 2, border: "align" } as const;
    const corners = patchLattice({ width: 3, height: 2 }, rule);
    expect(corners).toEqual([
      { x: 0, y: 0 },
      { x: 1, y: 0 },
    ]);
  });

  it("measures the foreground inside the patch only", () => {
    const mask = { width: 4, height: 3, data: Uint8Array.from([1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 1, 1]) };
    expect(foregroundFraction(mask, { x: 0, y: 0 }, 2)).toBe(0.75);
    expect(foregroundFraction(mask, { x: 2, y: 1 }, 2)).toBe(0.75);
    expect(foregroundFraction(mask, { x: 1, y: 1 }, 2)).toBe(0.5);
  });
});

describe("labels from the tumour fraction", () => {
  it("follows the paper's range inclusively", () => {
    const verdicts = [0, 0.001, 0.2, 0.9, 0.901, 1].map((fraction) => judgeFraction(fraction, paper));
    expect(verdicts).toEqual([0, "belowPositiveRange", 1, 1, "abovePositiveRange", "abovePositiveRange"]);
  });

  it("puts bin borders into the upper bin", () => {
    expect([0, 0.049, 0.05, 0.15, 0.35, 0.7, 1].map(fractionBin)).toEqual([0, 0, 1, 3, 7, 14, 19]);
  });

  it("draws evenly over bins as far as they reach", () => {
    const items = [...Array(100).fill(0), ...Array(3).fill(1), ...Array(50).fill(2)].map((bin, index) => ({
      bin,
      index,
    }));
    const chosen = sampleEvenly(items, 23, ({ bin }) => bin, new RandomStream(0, "test"));
    const counts = [0, 1, 2].map((bin) => chosen.filter((item) => item.bin === bin).length);
    expect(counts).toEqual([10, 3, 10]);
    expect(chosen.map(({ index }) => index)).toEqual(chosen.map(({ index }) => index).sort((a, b) => a - b));
  });

  it("draws others with another seed and the same with the same", () => {
    const items = Array.from({ length: 100 }, (_, index) => index);
    const draw = (seed: number) => sampleEvenly(items, 10, () => 0, new RandomStream(seed, "test"));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it("keeps every evaluation patch only when asked to, and never so in training", () => {
    const candidates = [0, 0.1, 0.5, 0.95].map((fraction) => ({ fraction }));
    const all = { ...paper, evaluationPatches: "all" } as const;
    expect(selectPatches(candidates, "val", all).chosen.map(({ label }) => label)).toEqual([0, 1, 1, 1]);
    expect(selectPatches(candidates, "train", all)).toEqual(selectPatches(candidates, "val", paper));
    expect(selectPatches(candidates, "val", paper).discarded).toEqual({
      belowPositiveRange: 1,
      abovePositiveRange: 1,
      overLimit: 0,
    });
  });

  it("counts what a limit discards", () => {
    const candidates = [0, 0, 0, 0.3, 0.5].map((fraction) => ({ fraction }));
    const { chosen, discarded } = selectPatches(candidates, "train", {
      ...paper,
      maxNegatives: 1,
      maxPositives: 1,
    });
    expect(chosen.map(({ label }) => label)).toEqual([1, 0]);
    expect(discarded.overLimit).toBe(3);
  });
});

describe("splits", () => {
  it("takes counts literally when they add up", () => {
    expect(apportion(85, [60, 10, 15])).toEqual([60, 10, 15]);
    expect(apportion(10, [0.7, 0.1, 0.2])).toEqual([7, 1, 2]);
    expect(apportion(5, [1, 1, 1])).toEqual([2, 2, 1]);
  });

  const images = new Map(Array.from({ length: 85 }, (_, index) => [`image${index}`, 1]));
  const sizes = (splits: Map<string, string>, weight: ReadonlyMap<string, number>) =>
    ["train", "val", "test"].map((split) =>
      [...splits].reduce((sum, [patient, its]) => sum + (its === split ? (weight.get(patient) ?? 0) : 0), 0),
    );

  it("gives exact counts of single images, by the seed", () => {
    expect(sizes(drawSplits(images, [60, 10, 15], 0), images)).toEqual([60, 10, 15]);
    expect(drawSplits(images, [60, 10, 15], 0)).toEqual(drawSplits(images, [60, 10, 15], 0));
    expect(drawSplits(images, [60, 10, 15], 0)).not.toEqual(drawSplits(images, [60, 10, 15], 1));
  });

  it("fills every split with a share, however uneven the patients are", () => {
    const patients = new Map([
      ["a", 30],
      ["b", 28],
      ["c", 27],
    ]);
    for (let seed = 0; seed < 20; seed++) {
      expect(new Set(drawSplits(patients, [60, 10, 15], seed).values()).size).toBe(3);
    }
  });

  it("leaves a split without a share empty", () => {
    expect(sizes(drawSplits(images, [1, 0, 1], 3), images)[1]).toBe(0);
  });
});
