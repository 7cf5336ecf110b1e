import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { isEpSamError } from "../../src/common/index.js";
import { type ResampleFilter, type RgbImage, resizeRgb } from "../../src/imaging/index.js";
import {
  adjustBrightness,
  adjustContrast,
  adjustHue,
  adjustSaturation,
  greyscale,
} from "../support/torchvision-colour.js";
import { digest } from "./made-up.js";

const digests = z.record(z.string(), z.string());
const referenceFile = z.object({
  brightness: digests,
  contrast: digests,
  saturation: digests,
  hue: digests,
  greyscale: z.string(),
  resize: digests,
  "resize box": digests,
});
// Made by pillow-reference.py, whose lattice this is.
const reference = referenceFile.parse(
  JSON.parse(await readFile(new URL("pillow-reference.json", import.meta.url), "utf8")),
);
const lattice = latticeImage();

function latticeImage(): RgbImage {
  const data: number[] = [];
  for (let red = 0; red < 256; red += 5) {
    for (let green = 0; green < 256; green += 5) {
      for (let blue = 0; blue < 256; blue += 3) data.push(red, green, blue);
    }
  }
  return { width: 52 * 86, height: 52, data: Uint8Array.from(data) };
}

describe("colour adjustments equal torchvision's on Pillow images, bit for bit", () => {
  const adjustments = {
    brightness: adjustBrightness,
    contrast: adjustContrast,
    saturation: adjustSaturation,
    hue: adjustHue,
  };
  for (const name of ["brightness", "contrast", "saturation", "hue"] as const) {
    it.each(Object.entries(reference[name]))(`${name} %s`, (amount, expected) => {
      expect(digest(adjustments[name](lattice, Number(amount)).data)).toBe(expected);
    });
  }

  it("greyscale", () => expect(digest(greyscale(lattice).data)).toBe(reference.greyscale));

  it.each([
    () => adjustBrightness(lattice, -0.1),
    () => adjustContrast(lattice, Number.NaN),
    () => adjustSaturation(lattice, Number.POSITIVE_INFINITY),
    () => adjustHue(lattice, 0.6),
  ])("refuses an amount that means nothing (%#)", (adjust) => {
    expect(adjust).toThrow(/cannot be/);
  });
});

describe("resizing equals Pillow's, bit for bit", () => {
  it.each(Object.entries(reference.resize))("%s", (description, expected) => {
    const [filter, width, height] = parse(description);
    expect(digest(resizeRgb(lattice, width, height, filter).data)).toBe(expected);
  });

  it.each(Object.entries(reference["resize box"]))("part of an image, %s", (description, expected) => {
    const [filter = "", size = "", ...sides] = description.split(" ");
    const [name, width, height] = parse(`${filter} ${size}`);
    const [left = 0, top = 0, right = 0, bottom = 0] = sides.map(Number);
    const part = resizeRgb(lattice, width, height, name, { left, top, right, bottom });
    expect(digest(part.data)).toBe(expected);
  });

  it("refuses a part that is empty or leaves the image", () => {
    for (const box of [
      { left: 5, top: 0, right: 5, bottom: 9 },
      { left: -1, top: 0, right: 5, bottom: 9 },
      { left: 0, top: 0, right: 5, bottom: 53 },
    ]) {
      expect(() => resizeRgb(lattice, 8, 8, "bilinear", box)).toThrow(/has no part/);
    }
  });

  it("gives a copy at the same size", () => {
    const same = resizeRgb(lattice, lattice.width, lattice.height);
    expect(digest(same.data)).toBe(digest(lattice.data));
    expect(same.data === lattice.data).toBe(false);
  });

  it.each([0, -3, 1.5, Number.NaN])("refuses a side of %s", (side) => {
    expect(() => resizeRgb(lattice, side, 10)).toThrow(/cannot be resized/);
  });

  it("refuses data that do not fill the image", () => {
    const broken = { width: 4, height: 4, data: new Uint8Array(20) };
    expect(() => resizeRgb(broken, 8, 8)).toThrow(
      expect.toSatisfy((thrown) => isEpSamError(thrown, "shape")),
    );
  });
});

function parse(description: string): [ResampleFilter, number, number] {
  const match = /^(bilinear|bicubic|lanczos) (\d+)x(\d+)$/.exec(description);
  const filter = z.enum(["bilinear", "bicubic", "lanczos"]).parse(match?.[1]);
  return [filter, Number(match?.[2]), Number(match?.[3])];
}
