import { describe, expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import {
  type AugmentationOptions,
  type AugmentationPlan,
  applyAugmentation,
  augment,
  type ColourAdjustment,
  defaultAugmentation,
  drawAugmentation,
  toTensor,
} from "../../src/dataset/index.js";
import { applyDihedral, type RgbImage } from "../../src/imaging/index.js";
import { rotate } from "../support/rotation.js";
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
} from "../support/torchvision-colour.js";

const identity: AugmentationPlan = {
  horizontalFlip: false,
  verticalFlip: false,
  rotationDegrees: 0,
  border: "reflect",
  colour: [],
  greyscale: false,
};

function noise(width: number, height: number, name = "noise"): RgbImage {
  const random = new RandomStream(0, name);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)) };
}

/** Smooth, so that interpolation errors are small and orientation is plain. */
function ramp(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i += 3) data.set([4 * x, 4 * y, 2 * (x + y)], i);
  }
  return { width, height, data };
}

function largestDifference(a: RgbImage, b: RgbImage): number {
  return a.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - (b.data[i] ?? 0))), 0);
}

const fourPixels: RgbImage = {
  width: 4,
  height: 1,
  data: Uint8Array.of(200, 100, 50, 30, 60, 90, 120, 120, 120, 250, 10, 130),
};

function coloured(kind: ColourAdjustment["kind"], amount: number, image = fourPixels): number[] {
  return [...applyAugmentation(image, { ...identity, colour: [{ kind, amount }] }).data];
}

describe("colour jitter", () => {
  // Worked out from torchvision's definitions on float tensors, the hue with Python's colorsys.
  it("has torchvision's values", () => {
    expect(coloured("brightness", 1.2)).toEqual([240, 120, 60, 36, 72, 108, 144, 144, 144, 255, 12, 156]);
    expect(coloured("contrast", 0.8)).toEqual([180, 100, 60, 44, 68, 92, 116, 116, 116, 220, 28, 124]);
    expect(coloured("contrast", 1.2)).toEqual([220, 100, 40, 16, 52, 88, 124, 124, 124, 255, 0, 136]);
    expect(coloured("saturation", 1.2)).toEqual([215, 95, 35, 25, 61, 97, 120, 120, 120, 255, 0, 137]);
    expect(coloured("hue", 0.2)).toEqual([120, 200, 50, 72, 30, 90, 120, 120, 120, 250, 178, 10]);
    expect(coloured("hue", -0.15)).toEqual([200, 50, 135, 30, 90, 66, 120, 120, 120, 154, 10, 250]);
  });

  it("changes nothing at factor 1 and hue shift 0", () => {
    const image = noise(16, 16);
    for (const kind of ["brightness", "contrast", "saturation"] as const) {
      expect(coloured(kind, 1, image)).toEqual([...image.data]);
    }
    expect(coloured("hue", 0, image)).toEqual([...image.data]);
  });

  it("agrees with Pillow's 8-bit arithmetic within its rounding", () => {
    const image = noise(32, 32);
    const data = (kind: ColourAdjustment["kind"], amount: number) => ({
      ...image,
      data: Uint8Array.from(coloured(kind, amount, image)),
    });
    expect(largestDifference(data("brightness", 0.83), adjustBrightness(image, 0.83))).toBeLessThanOrEqual(1);
    expect(largestDifference(data("contrast", 1.17), adjustContrast(image, 1.17))).toBeLessThanOrEqual(1);
    expect(largestDifference(data("saturation", 1.13), adjustSaturation(image, 1.13))).toBeLessThanOrEqual(1);
    // Pillow keeps the hue in 8 bits: a step of it is up to 6 levels.
    expect(largestDifference(data("hue", 0.11), adjustHue(image, 0.11))).toBeLessThanOrEqual(12);
  });

  it("keeps value and chroma when the hue turns, and a whole turn in two halves is the identity", () => {
    const image = noise(32, 32);
    const half: ColourAdjustment = { kind: "hue", amount: 0.5 };
    expect(applyAugmentation(image, { ...identity, colour: [half, half] }).data).toEqual(image.data);
    const turned = coloured("hue", 0.37, image);
    for (let i = 0; i < turned.length; i += 3) {
      const [before, after] = [[...image.data.slice(i, i + 3)], turned.slice(i, i + 3)];
      expect(Math.max(...after)).toBe(Math.max(...before));
      expect(Math.min(...after)).toBe(Math.min(...before));
    }
  });

  it("makes the three channels equal in grey", () => {
    const grey = applyAugmentation(fourPixels, { ...identity, greyscale: true });
    expect([...grey.data]).toEqual([124, 124, 124, 54, 54, 54, 120, 120, 120, 95, 95, 95]);
  });
});

describe("flips and rotation", () => {
  it("moves pixels exactly when flipping and at right angles", () => {
    const image = noise(24, 24);
    const variants = Array.from({ length: 8 }, (_, variant) => applyDihedral(image, variant));
    for (const horizontalFlip of [false, true]) {
      for (const rotationDegrees of [0, 90, 180, -90]) {
        const result = applyAugmentation(image, { ...identity, horizontalFlip, rotationDegrees });
        expect(variants.some((variant) => largestDifference(variant, result) === 0)).toBe(true);
      }
    }
    const flipped = applyAugmentation(image, { ...identity, horizontalFlip: true });
    expect([...flipped.data.slice(0, 3)]).toEqual([...image.data.slice(23 * 3, 24 * 3)]);
    const upsideDown = applyAugmentation(image, { ...identity, verticalFlip: true });
    expect([...upsideDown.data.slice(0, 72)]).toEqual([...image.data.slice(23 * 72)]);
  });

  it("turns counter-clockwise as the imaging room does", () => {
    const image = ramp(48, 40);
    const mine = applyAugmentation(image, { ...identity, rotationDegrees: 33 });
    const other = rotate(image, 33, { sampling: "bilinear", border: "reflect" });
    for (let y = 14; y < 26; y++) {
      for (let x = 18; x < 30; x++) {
        const i = (y * 48 + x) * 3;
        expect(Math.abs((mine.data[i] ?? 0) - (other.data[i] ?? 999))).toBeLessThanOrEqual(1);
      }
    }
  });

  it("leaves black corners only when asked to", () => {
    const white: RgbImage = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(255) };
    const turned = { ...identity, rotationDegrees: 45 };
    expect(applyAugmentation(white, turned).data.every((value) => value === 255)).toBe(true);
    const black = applyAugmentation(white, { ...turned, border: "constant" });
    expect([...black.data.slice(0, 3)]).toEqual([0, 0, 0]);
    expect(black.data[(16 * 32 + 16) * 3]).toBe(255);
  });

  it("reflects as often as a narrow image needs", () => {
    const image = noise(2, 40);
    const result = applyAugmentation(image, { ...identity, rotationDegrees: 70 });
    expect(result.data).toHaveLength(image.data.length);
    expect(applyAugmentation(noise(1, 1), { ...identity, rotationDegrees: 70 }).data).toEqual(
      noise(1, 1).data,
    );
  });
});

describe("random augmentation", () => {
  it("depends on seed, epoch and sample and on nothing else", () => {
    const image = noise(20, 20);
    const bytes = (...path: [number, number, number]) =>
      augment(image, defaultAugmentation, new RandomStream(path[0], "augmentation", path[1], path[2])).data;
    const first = bytes(0, 0, 0);
    augment(noise(50, 30, "other"), defaultAugmentation, new RandomStream(5));
    expect(bytes(0, 0, 0)).toEqual(first);
    for (const other of [bytes(1, 0, 0), bytes(0, 1, 0), bytes(0, 0, 1)]) expect(other).not.toEqual(first);
  });

  it("draws from the stated distributions", () => {
    const plans = Array.from({ length: 4000 }, (_, index) =>
      drawAugmentation(defaultAugmentation, new RandomStream(0, index)),
    );
    const part = (test: (plan: AugmentationPlan) => boolean) => plans.filter(test).length / plans.length;
    expect(part((plan) => plan.horizontalFlip)).toBeCloseTo(0.5, 1);
    expect(part((plan) => plan.verticalFlip)).toBeCloseTo(0.5, 1);
    expect(Math.abs(part((plan) => plan.greyscale) - 0.1)).toBeLessThan(0.02);
    expect(Math.abs(part((plan) => plan.rotationDegrees < -90) - 0.25)).toBeLessThan(0.03);
    expect(Math.abs(part((plan) => plan.rotationDegrees > 0) - 0.5)).toBeLessThan(0.03);
    for (const kind of ["brightness", "contrast", "saturation", "hue"] as const) {
      const amounts = plans.flatMap((plan) => plan.colour.filter((step) => step.kind === kind));
      const centre = kind === "hue" ? 0 : 1;
      const offsets = amounts.map(({ amount }) => amount - centre);
      expect(offsets).toHaveLength(plans.length);
      expect(Math.max(...offsets)).toBeLessThanOrEqual(0.2);
      expect(Math.max(...offsets)).toBeGreaterThan(0.195);
      expect(Math.min(...offsets)).toBeLessThan(-0.195);
      expect(Math.abs(part((plan) => plan.colour[0]?.kind === kind) - 0.25)).toBeLessThan(0.03);
    }
  });

  it("does nothing where nothing is asked for", () => {
    const image = noise(9, 7);
    const nothing: AugmentationOptions = {
      horizontalFlip: 0,
      verticalFlip: 0,
      rotationDegrees: 0,
      border: "reflect",
      brightness: 0,
      contrast: 0,
      saturation: 0,
      hue: 0,
      greyscale: 0,
    };
    const result = augment(image, nothing, new RandomStream(0));
    expect(result).toEqual(image);
    expect(result.data).not.toBe(image.data);
  });
});

describe("toTensor", () => {
  it("separates the channels and scales to 0–1, or normalises", () => {
    const image: RgbImage = { width: 2, height: 1, data: Uint8Array.of(255, 0, 51, 0, 255, 102) };
    expect([...toTensor([image, image])]).toEqual(
      [1, 0, 0, 1, 0.2, 0.4, 1, 0, 0, 1, 0.2, 0.4].map((value) => Math.fround(value)),
    );
    const normalised = toTensor([image], { mean: [0.5, 0.5, 0.2], standardDeviation: [0.5, 0.25, 0.1] });
    [1, -1, -2, 2, 0, 2].forEach((value, i) => {
      expect(normalised[i]).toBeCloseTo(value, 5);
    });
  });

  it("refuses images of different sizes", () => {
    expect(() => toTensor([noise(4, 4), noise(4, 5)])).toThrow("images of 4×4 and 4×5 cannot form one batch");
  });
});
