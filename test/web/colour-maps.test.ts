import { describe, expect, it } from "vitest";
import { DIFFERENCE_LEVELS } from "../../src/contract/index.js";
import { colourTable, differenceClasses, mapsFor, palette } from "../../src/web/viewer/colour-maps.js";
import { colourPicture, outlineOf } from "../../src/web/viewer/colouring.js";

/** Linear RGB of an sRGB colour, 0–1. */
function linear(colour: readonly number[]): number[] {
  return colour.map((value) => {
    const fraction = value / 255;
    return fraction <= 0.04045 ? fraction / 12.92 : ((fraction + 0.055) / 1.055) ** 2.4;
  });
}

/** CIE L*a*b* (D65) of linear RGB. */
function lab([red = 0, green = 0, blue = 0]: readonly number[]): [number, number, number] {
  const f = (t: number) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 / 116) * t + 16 / 116);
  const x = f((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.9505);
  const y = f(0.2126 * red + 0.7152 * green + 0.0722 * blue);
  const z = f((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Full dichromacy after Machado, Oliveira and Fernandes (2009), table 1, severity 1. */
const VISIONS: Readonly<Record<string, readonly (readonly number[])[]>> = {
  normal: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ],
  tritanopia: [
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ],
};

function seen(colour: readonly number[], vision: readonly (readonly number[])[]): [number, number, number] {
  const rgb = linear(colour);
  return lab(vision.map((row) => row.reduce((sum, weight, index) => sum + weight * (rgb[index] ?? 0), 0)));
}

function distance(one: readonly number[], other: readonly number[]): number {
  return Math.hypot(...one.map((value, index) => value - (other[index] ?? 0)));
}

describe("colour maps", () => {
  describe.each(Object.entries(VISIONS))("with %s vision", (_, vision) => {
    it("tells the classes of a difference apart", () => {
      const colours = differenceClasses.map(({ colour }) => seen(colour, vision));
      for (const [index, one] of colours.entries()) {
        for (const other of colours.slice(index + 1)) expect(distance(one, other)).toBeGreaterThan(60);
      }
    });

    it("tells masks that lie over each other apart", () => {
      expect(distance(seen(palette.blue, vision), seen(palette.orange, vision))).toBeGreaterThan(40);
    });

    it("grows lighter along viridis and cividis", () => {
      for (const map of ["viridis", "cividis"] as const) {
        const lightness = colourTable(map, "probability")
          .filter((_, level) => level % 15 === 0)
          .map((colour) => seen(colour.slice(0, 3), vision)[0]);
        for (const [index, value] of lightness.entries()) {
          if (index > 0) expect(value).toBeGreaterThan(lightness[index - 1] ?? Number.POSITIVE_INFINITY);
        }
      }
    });
  });

  it("offers maps that suit what the levels mean", () => {
    expect(mapsFor("fraction")).toContain("viridis");
    expect(mapsFor("mask")[0]).toBe("tint-outline");
    expect(mapsFor("difference")).toEqual(["classes"]);
  });

  it("leaves true negatives clear and the other classes opaque", () => {
    const table = colourTable("classes", "difference");
    expect(table[DIFFERENCE_LEVELS.trueNegative]?.[3]).toBe(0);
    expect(table[DIFFERENCE_LEVELS.truePositive]).toEqual([...palette.sky, 255]);
    expect(table[DIFFERENCE_LEVELS.falseNegative]?.[3]).toBe(255);
  });
});

describe("colouring", () => {
  const mask = {
    width: 8,
    height: 8,
    levels: Uint8ClampedArray.from({ length: 64 }, (_, pixel) => (pixel % 8 >= 1 && pixel >= 8 ? 255 : 0)),
  };

  it("outlines a mask on its inside, and not where it goes on beyond the picture", () => {
    const outline = new Set(outlineOf(mask));
    expect(outline.has(1 * 8 + 5)).toBe(true);
    expect(outline.has(2 * 8 + 5)).toBe(true);
    expect(outline.has(3 * 8 + 5)).toBe(false);
    expect(outline.has(7 * 8 + 7)).toBe(false);
    expect(outline.has(0)).toBe(false);
  });

  it("gives each level its colour", () => {
    const grey = { width: 2, height: 1, levels: Uint8ClampedArray.from([0, 255]) };
    const table = colourTable("cividis", "probability");
    expect([...colourPicture(grey, "cividis", "probability")]).toEqual([
      ...(table[0] ?? []),
      ...(table[255] ?? []),
    ]);
  });

  it("keeps the inside of an outlined mask clear", () => {
    const coloured = colourPicture(mask, "outline", "tumour-mask");
    expect(coloured[(5 * 8 + 5) * 4 + 3]).toBe(0);
    expect(coloured[(1 * 8 + 5) * 4 + 3]).toBe(255);
  });
});
