import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  drawStaining,
  generateTissueImage,
  openDataset,
  prepareDataset,
  referenceStaining,
  type SyntheticTissue,
} from "../../src/dataset/index.js";
import { readMask, readRgbImage } from "../../src/imaging/index.js";
import { generatePatch, writeSyntheticImages } from "../support/synthetic.js";
import { errorOf, temporaryFolder } from "./fixtures.js";

const SIZE = 192;

function patch(seed: number, kind: "tumour" | "normal"): SyntheticTissue {
  return generatePatch(new RandomStream(seed, kind), { size: SIZE, kind, staining: referenceStaining });
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}

function fraction({ mask }: SyntheticTissue): number {
  return mask.data.reduce((sum, value) => sum + value, 0) / mask.data.length;
}

/** Mean red inside or outside the mask: haematoxylin takes red away, eosin hardly. */
function meanRed({ image, mask }: SyntheticTissue, inside: 0 | 1): number {
  let sum = 0;
  let count = 0;
  mask.data.forEach((value, pixel) => {
    if (value !== inside) return;
    sum += image.data[pixel * 3] ?? 0;
    count++;
  });
  return sum / count;
}

/** Part of the pixels as dark in red as nuclei are. */
function nuclearPart({ image, mask }: SyntheticTissue, inside: 0 | 1): number {
  let nuclear = 0;
  let count = 0;
  mask.data.forEach((value, pixel) => {
    if (value !== inside) return;
    if ((image.data[pixel * 3] ?? 255) < 145) nuclear++;
    count++;
  });
  return nuclear / count;
}

/** Connected regions of one value, their sizes in pixels. */
function regionSizes({ mask }: SyntheticTissue): number[] {
  const seen = new Uint8Array(mask.data.length);
  const sizes: number[] = [];
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] === 1) continue;
    const region = [start];
    seen[start] = 1;
    for (const pixel of region) {
      const column = pixel % mask.width;
      const besides = [column > 0 ? pixel - 1 : -1, column + 1 < mask.width ? pixel + 1 : -1];
      for (const next of [pixel - mask.width, pixel + mask.width, ...besides]) {
        if (mask.data[next] !== mask.data[start] || seen[next] === 1) continue;
        seen[next] = 1;
        region.push(next);
      }
    }
    sizes.push(region.length);
  }
  return sizes;
}

const tumour = Array.from({ length: 12 }, (_, seed) => patch(seed, "tumour"));
const normal = Array.from({ length: 12 }, (_, seed) => patch(seed, "normal"));

describe("generated patches", () => {
  it("have 20–90 % tumour, or none", () => {
    for (const one of tumour) {
      expect(fraction(one)).toBeGreaterThan(0.2);
      expect(fraction(one)).toBeLessThan(0.9);
      expect(one.mask.data.every((value) => value === 0 || value === 1)).toBe(true);
    }
    expect(new Set(tumour.map((one) => Math.round(fraction(one) * 10))).size).toBeGreaterThan(3);
    for (const one of normal) expect(fraction(one)).toBe(0);
  });

  it("are darker and more crowded inside the nests", () => {
    for (const one of tumour) {
      expect(meanRed(one, 1)).toBeLessThan(meanRed(one, 0) - 15);
      expect(nuclearPart(one, 1)).toBeGreaterThan(0.25);
      expect(nuclearPart(one, 1)).toBeGreaterThan(1.8 * nuclearPart(one, 0));
    }
  });

  it("have nuclei and empty space in normal tissue too, so that darkness alone does not tell", () => {
    const parts = normal.map((one) => nuclearPart(one, 0));
    expect(Math.min(...parts)).toBeGreaterThan(0.01);
    expect(Math.max(...parts)).toBeGreaterThan(0.08);
    const darkest = normal.map((one) => one.image.data.reduce((least, value) => Math.min(least, value), 255));
    expect(Math.max(...darkest)).toBeLessThan(110);
  });

  it("have H&E colours: pink stroma, blue nuclei, nearly white glass", () => {
    const mean = (images: readonly SyntheticTissue[], darkest: boolean): number[] => {
      const sums = [0, 0, 0];
      let count = 0;
      for (const { image } of images) {
        for (let i = 0; i < image.data.length; i += 3) {
          const pixel = image.data.subarray(i, i + 3);
          if (darkest && (pixel[0] ?? 255) >= 110) continue;
          for (const channel of [0, 1, 2]) sums[channel] = (sums[channel] ?? 0) + (pixel[channel] ?? 0);
          count++;
        }
      }
      expect(count).toBeGreaterThan(1000);
      return sums.map((sum) => sum / count);
    };
    const [red = 0, green = 0, blue = 0] = mean(normal, false);
    expect(red).toBeGreaterThan(green + 30);
    expect(blue).toBeGreaterThan(green + 30);
    const [nuclearRed = 0, , nuclearBlue = 0] = mean(tumour, true);
    expect(nuclearBlue).toBeGreaterThan(nuclearRed + 30);
  });

  it("are the same for the same stream and differ for another", () => {
    const again = patch(3, "tumour");
    expect(sameBytes(again.image.data, tumour[3]?.image.data)).toBe(true);
    expect(sameBytes(again.mask.data, tumour[3]?.mask.data)).toBe(true);
    expect(sameBytes(again.image.data, tumour[4]?.image.data)).toBe(false);
  });

  it("take their colours from the slide's staining and their shapes from the stream", () => {
    const stained = (staining: number) =>
      generatePatch(new RandomStream(0, "tumour"), {
        size: SIZE,
        kind: "tumour",
        staining: drawStaining(new RandomStream(staining, "slide")),
      });
    const [first, second] = [stained(1), stained(2)];
    expect(sameBytes(first.mask.data, second.mask.data)).toBe(true);
    expect(sameBytes(first.image.data, second.image.data)).toBe(false);
  });

  it("follow the law of Beer and Lambert: twice the stain is the square of the transmission", () => {
    const quiet = { ...referenceStaining, noise: 0 };
    const stained = (strength: number) =>
      generatePatch(new RandomStream(0, "tumour"), {
        size: 64,
        kind: "tumour",
        staining: { ...quiet, haematoxylinStrength: strength, eosinStrength: strength },
      }).image.data;
    const [single, double] = [stained(1), stained(2)];
    const errors = Array.from(single, (value, i) => {
      const light = quiet.illumination[i % 3] ?? 0;
      return Math.abs((double[i] ?? 0) - (value / light) ** 2 * light);
    });
    // Both are rounded to 8 bits; squaring doubles the error of one.
    expect(Math.max(...errors)).toBeLessThan(1.6);
  });
});

describe("generated tissue", () => {
  const large = generateTissueImage(new RandomStream(0), { width: 420, height: 300, tumourNests: 4 });

  it("has the size asked for, nests and room between them, and no specks in the mask", () => {
    expect(large.image.data).toHaveLength(420 * 300 * 3);
    expect(large.mask).toMatchObject({ width: 420, height: 300 });
    expect(fraction(large)).toBeGreaterThan(0.05);
    expect(fraction(large)).toBeLessThan(0.8);
    for (let seed = 0; seed < 6; seed++) {
      const sizes = regionSizes(
        generateTissueImage(new RandomStream(seed, "specks"), { width: 256, height: 256, tumourNests: 3 }),
      );
      expect(Math.min(...sizes)).toBeGreaterThan(500);
    }
  });

  it("shows nests smaller at a coarser resolution", () => {
    const nests = (micronsPerPixel: number) => {
      const options = { width: 256, height: 256, tumourNests: 8, nestRadius: [30, 35] as const };
      return fraction(generateTissueImage(new RandomStream(0), { ...options, micronsPerPixel }));
    };
    expect(nests(2)).toBeLessThan(0.5 * nests(0.5));
  });

  it("refuses sizes and fractions that make no sense", () => {
    const generate = (changes: object) => () =>
      generateTissueImage(new RandomStream(0), { width: 64, height: 64, tumourNests: 1, ...changes });
    expect(generate({ width: 8 })).toThrow(/8×64/);
    expect(generate({ height: 20.5 })).toThrow(/too small|whole numbers/);
    expect(generate({ tumourFraction: 1 })).toThrow(/between 0 and 1/);
  });
});

describe("writeSyntheticImages", () => {
  it("writes images, binary masks and patients, the same for the same seed", async () => {
    const [first, second] = [await temporaryFolder(), await temporaryFolder()];
    const options = { count: 5, seed: 7, size: 96, imagesPerPatient: 2 };
    const written = await writeSyntheticImages(first, options);
    await writeSyntheticImages(second, { ...options, count: 3 });
    const names = await readdir(written.images);
    expect(names).toHaveLength(5);
    expect(await readdir(written.masks)).toEqual(names);
    const table = await readFile(written.patients, "utf8");
    expect(table.trim().split("\n")[0]).toBe("image,patient");
    expect(
      new Set(
        table
          .trim()
          .split("\n")
          .slice(1)
          .map((line) => line.split(",")[1]),
      ).size,
    ).toBe(3);
    for (const name of names) {
      const image = await readRgbImage(join(written.images, name));
      const mask = await readMask(join(written.masks, name));
      expect([image.width, image.height, mask.width, mask.height]).toEqual([96, 96, 96, 96]);
    }
    for (const name of await readdir(join(second, "images"))) {
      const bytes = await readFile(join(second, "images", name));
      expect(bytes.equals(await readFile(join(first, "images", name)))).toBe(true);
    }
  });

  it("gives images that can be prepared into positive and negative patches of several patients", async () => {
    const folder = await temporaryFolder();
    const { images, masks, patients } = await writeSyntheticImages(folder, { count: 4, seed: 0, size: 256 });
    const out = join(folder, "dataset");
    const split = [1, 0, 1] as const;
    await prepareDataset({ inputs: [images], masks, patients, out, patchSize: 64, split });
    const { patches } = await openDataset(out);
    expect(new Set(patches.map(({ patient }) => patient)).size).toBe(2);
    for (const part of ["train", "test"]) {
      const labels = patches.filter((patch) => patch.split === part).map(({ label }) => label);
      expect(labels.filter((label) => label === 1).length).toBeGreaterThan(2);
      expect(labels.filter((label) => label === 0).length).toBeGreaterThan(2);
    }
  });

  it("refuses a count of 0", async () => {
    const folder = await temporaryFolder();
    expect(await errorOf(writeSyntheticImages(folder, { count: 0, seed: 0, size: 64 }))).toContain("[usage]");
  });
});
