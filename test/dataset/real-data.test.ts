import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { hasPixelMasks, openDataset, prepareDataset } from "../../src/dataset/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { greyValues, recordingReporter, temporaryFolder } from "./fixtures.js";

const WIDTH = 775;
const HEIGHT = 522;
const SIZE = 256;
/** Six of the 775 × 522 images; benign and malignant ones. */
const NUMBERS = [1, 2, 3, 9, 10, 14];

describeWithShared("real GlaS images", ["data/glas/images", "data/glas/masks", "data/glas/Grade.csv"], () => {
  const inputs = NUMBERS.map((number) => sharedPath("data", "glas", "images", `train_${number}.png`));
  const masks = sharedPath("data", "glas", "masks");

  it("become patches whose labels, fractions and counts agree with the masks", async () => {
    const out = join(await temporaryFolder(), "glas");
    const options = {
      inputs,
      masks,
      out,
      patchSize: SIZE,
      stride: 128,
      positiveRange: [0.05, 1],
      negativeLimit: 0.01,
    } as const;
    const result = await prepareDataset({ ...options, split: [4, 1, 1], mpp: 0.62 });
    expect(result.skipped).toEqual([]);

    const expected = new Map<string, number>();
    let between = 0;
    for (const number of NUMBERS) {
      const mask = await greyValues(join(masks, `train_${number}.png`));
      expect(mask).toHaveLength(WIDTH * HEIGHT);
      for (const y of [0, 128, 256, HEIGHT - SIZE]) {
        for (const x of [0, 128, 256, 384, 512, WIDTH - SIZE]) {
          let foreground = 0;
          for (let row = y; row < y + SIZE; row++) {
            for (let column = x; column < x + SIZE; column++)
              foreground += mask[row * WIDTH + column] === 0 ? 0 : 1;
          }
          const fraction = foreground / SIZE ** 2;
          if (fraction <= 0.01 || fraction >= 0.05) expected.set(`train_${number}_x${x}_y${y}`, fraction);
          else between += 1;
        }
      }
    }
    const dataset = await openDataset(out);
    expect(result.discarded).toEqual({ belowPositiveRange: between, abovePositiveRange: 0, overLimit: 0 });
    expect(dataset.patches.map(({ id }) => id).sort()).toEqual([...expected.keys()].sort());
    for (const { id, tumourFraction, label, maskPath } of dataset.patches) {
      const fraction = expected.get(id) ?? Number.NaN;
      expect(tumourFraction).toBeCloseTo(fraction, 6);
      expect(label).toBe(fraction >= 0.05 ? 1 : 0);
      expect(maskPath !== null).toBe(fraction > 0);
    }
    expect(hasPixelMasks(dataset, "train")).toBe(true);
  });

  it("keep patients apart by the data set's own table", async () => {
    const out = join(await temporaryFolder(), "glas");
    const patients = sharedPath("data", "glas", "Grade.csv");
    await prepareDataset({
      inputs,
      masks,
      out,
      patients,
      patchSize: SIZE,
      split: [1, 1, 1],
      positiveRange: [0.05, 1],
      negativeLimit: 0.04,
    });
    const { patches } = await openDataset(out);
    const splitsOf = new Map<string, Set<string>>();
    for (const { patient, split } of patches) {
      splitsOf.set(patient, (splitsOf.get(patient) ?? new Set()).add(split));
    }
    expect([...splitsOf.values()].every((splits) => splits.size === 1)).toBe(true);
    expect(new Set(patches.map(({ slide }) => slide)).size).toBeGreaterThan(splitsOf.size);
  });
});

describeWithShared("the 32 real Camelyon patches", ["data/camelyon/images", "data/camelyon/masks"], () => {
  it("are taken as ready patches with their masks", async () => {
    const out = join(await temporaryFolder(), "camelyon");
    const images = sharedPath("data", "camelyon", "images");
    const masks = sharedPath("data", "camelyon", "masks");
    const reporter = recordingReporter();
    const result = await prepareDataset({ inputs: [images], masks, out, split: [24, 4, 4], reporter });
    expect(result).toMatchObject({ inputKind: "patches", patchSize: 512, skipped: [] });
    const { patches } = await openDataset(out);
    expect(patches.map(({ id, label }) => `${id}_${label}.png`).sort()).toEqual(readdirSync(images).sort());
    expect(
      patches.filter(({ label }) => label === 0).map(({ id, tumourFraction }) => [id, tumourFraction]),
    ).toEqual([["A10699", 0]]);
    const first = patches.find(({ id }) => id === "A10072");
    const mask = await greyValues(join(masks, "A10072_1.png"));
    expect(first?.tumourFraction).toBeCloseTo(mask.filter((value) => value > 0).length / 512 ** 2, 6);
    // One tumour-free patch cannot be in three splits.
    expect(reporter.warnings.filter((text) => text.includes("has no negative patches"))).toHaveLength(2);
  });
});
