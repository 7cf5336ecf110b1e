import { describe, expect, it } from "vitest";
import {
  blendImages,
  blendMask,
  colourMap,
  drawPoints,
  outlineMask,
  type RgbImage,
  toGrey,
} from "../../src/imaging/index.js";
import { drawnMask, pictureOf } from "./made-up.js";

function grey(width: number, height: number, value: number): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(value) };
}

/** Which pixels of the image are of the colour, as a picture. */
function where(image: RgbImage, colour: readonly number[]): string[] {
  const data = Uint8Array.from({ length: image.width * image.height }, (_, pixel) =>
    colour.every((value, channel) => image.data[pixel * 3 + channel] === value) ? 1 : 0,
  );
  return pictureOf({ width: image.width, height: image.height, data });
}

const red = [255, 0, 0] as const;

describe("overlays", () => {
  it("tints the foreground only, and leaves the image alone", () => {
    const image = grey(3, 1, 100);
    const tinted = blendMask(image, drawnMask(".#."), red, 0.5);
    expect([...tinted.data]).toEqual([100, 100, 100, 178, 50, 50, 100, 100, 100]);
    expect(new Set(image.data)).toEqual(new Set([100]));
  });

  it("outlines inside the mask, open where the mask meets the border", () => {
    const mask = drawnMask("..... .#### .#### .#### .....");
    expect(where(outlineMask(grey(5, 5, 9), mask, red), red)).toEqual([
      ".....",
      ".####",
      ".#...",
      ".####",
      ".....",
    ]);
    expect(where(outlineMask(grey(5, 5, 9), mask, red, 2), red)).toEqual([
      ".....",
      ".####",
      ".####",
      ".####",
      ".....",
    ]);
  });

  it("draws points as discs, cut at the border", () => {
    expect(where(drawPoints(grey(5, 4, 9), [{ x: 3, y: 3 }], red, 1), red)).toEqual([
      ".....",
      ".....",
      "...#.",
      "..###",
    ]);
    expect(where(drawPoints(grey(5, 4, 9), [{ x: 40, y: 3 }], red, 1), red).join("")).not.toContain("#");
  });

  it("blends two images", () => {
    expect(new Set(blendImages(grey(2, 2, 0), grey(2, 2, 200), 0.25).data)).toEqual(new Set([50]));
  });

  it("refuses another size", () => {
    expect(() => blendMask(grey(3, 1, 0), drawnMask("##"), red, 1)).toThrow(/does not fit/);
    expect(() => blendImages(grey(3, 1, 0), grey(1, 3, 0), 1)).toThrow(/does not fit/);
  });
});

describe("colour map", () => {
  const ramp = { width: 256, height: 1, data: Float32Array.from({ length: 256 }, (_, level) => level / 255) };

  it("runs from viridis' violet to its yellow, ever lighter", () => {
    const coloured = colourMap(ramp);
    expect([...coloured.data.subarray(0, 3)]).toEqual([0x44, 0x01, 0x54]);
    expect([...coloured.data.subarray(-3)]).toEqual([0xfd, 0xe7, 0x25]);
    const lightness = toGrey(coloured).data;
    for (let level = 16; level < 256; level += 16) {
      expect(lightness[level]).toBeGreaterThan(lightness[level - 16] ?? Number.NaN);
    }
  });

  it("clamps values outside its range", () => {
    const map = { width: 3, height: 1, data: Float32Array.of(-9, 2, 99) };
    const coloured = colourMap(map, 1, 3);
    const edges = colourMap({ width: 3, height: 1, data: Float32Array.of(0, 0.5, 1) });
    expect(coloured).toEqual(edges);
  });
});
