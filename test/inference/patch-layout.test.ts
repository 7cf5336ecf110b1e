import { describe, expect, it } from "vitest";
import { isEpSamError } from "../../src/common/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { ImageBlender } from "../../src/inference/patches/blending.js";
import { cutPatch, patchAxis, patchLayout, placedPatches } from "../../src/inference/patches/layout.js";

describe("patches along an axis", () => {
  const cases = [1, 7, 63, 64, 65, 127, 128, 129, 775, 1001].flatMap((extent) =>
    [0, 0.25, 0.5, 0.9].map((overlap) => ({ extent, overlap })),
  );

  it.each(cases)("cover $extent pixels with overlap $overlap and weigh one everywhere", (options) => {
    const { extent, overlap } = options;
    const { starts, weights } = patchAxis(extent, 64, overlap);
    const sums = new Float64Array(extent);
    for (const [index, start] of starts.entries()) {
      for (const [position, weight] of (weights[index] ?? []).entries()) {
        sums[start + position] = (sums[start + position] ?? 0) + weight;
      }
    }
    expect(Math.max(...sums.map((sum) => Math.abs(sum - 1)))).toBeLessThan(1e-6);
    expect(Math.min(...weights.map((values) => Math.min(...values)))).toBeGreaterThan(0);
    expect(starts[0]).toBe(0);
    expect((starts.at(-1) ?? 0) + 64).toBe(Math.max(extent, 64));
  });

  it.each(cases)("overlap at least as asked for $extent pixels and overlap $overlap", (options) => {
    const { starts } = patchAxis(options.extent, 64, options.overlap);
    const steps = starts.slice(1).map((start, index) => start - (starts[index] ?? 0));
    for (const step of steps) {
      expect(step).toBeGreaterThan(0);
      expect(step).toBeLessThanOrEqual(Math.max(1, Math.floor(64 * (1 - options.overlap))));
    }
  });

  it("fade smoothly: neighbouring weights differ by little in the overlap", () => {
    const { weights } = patchAxis(200, 64, 0.5);
    const [, middle = new Float32Array(0)] = weights;
    expect(middle[0]).toBeLessThan(0.01);
    for (let i = 1; i < middle.length; i++) {
      expect(Math.abs((middle[i] ?? 0) - (middle[i - 1] ?? 0))).toBeLessThan(0.06);
    }
  });

  it.each([-0.1, 0.95, 1, Number.NaN])("refuse an overlap of %s", (overlap) => {
    let thrown: unknown;
    try {
      patchAxis(100, 64, overlap);
    } catch (failure) {
      thrown = failure;
    }
    expect(isEpSamError(thrown, "usage") && thrown.fields.where).toBe("`overlap`");
  });
});

describe("a patch cut from an image", () => {
  /** Red is the column, green the row. */
  function coordinates(width: number, height: number): RgbImage {
    const data = Uint8Array.from({ length: width * height * 3 }, (_, index) => {
      const pixel = Math.floor(index / 3);
      return [pixel % width, Math.floor(pixel / width), 7][index % 3] ?? 0;
    });
    return { width, height, data };
  }

  const red = ({ data }: RgbImage, count: number) => Array.from({ length: count }, (_, i) => data[i * 3]);

  it("holds the image's pixels from its corner on", () => {
    const patch = cutPatch(coordinates(20, 30), 5, 11, 4);
    expect([patch.width, patch.height]).toEqual([4, 4]);
    expect([...patch.data.subarray(0, 6)]).toEqual([5, 11, 7, 6, 11, 7]);
    expect([...patch.data.subarray(-3)]).toEqual([8, 14, 7]);
  });

  it("mirrors a smaller image at its border, as often as needed", () => {
    const patch = cutPatch(coordinates(3, 2), 0, 0, 8);
    expect(red(patch, 8)).toEqual([0, 1, 2, 1, 0, 1, 2, 1]);
    const rows = Array.from({ length: 8 }, (_, y) => patch.data[y * 8 * 3 + 1]);
    expect(rows).toEqual([0, 1, 0, 1, 0, 1, 0, 1]);
  });

  it("repeats an image of a single pixel", () => {
    expect(red(cutPatch(coordinates(1, 1), 0, 0, 4), 4)).toEqual([0, 0, 0, 0]);
  });
});

describe("blending", () => {
  it.each([
    [131, 77],
    [64, 64],
    [20, 150],
    [1, 1],
  ])("gives back a map of %ix%i pixels that its patches were cut from", (width, height) => {
    const whole = Float32Array.from({ length: width * height }, (_, i) => Math.sin(i * 0.37) + 2);
    const geometry = { patchSize: 64, level: 0, downsample: 1, pixelSize: { x: 1, y: 1 }, mpp: null };
    const layout = patchLayout({ width, height }, geometry, 0.3);
    const blender = new ImageBlender(layout);
    const activation = { width: 1, height: 1, data: new Float32Array(1) };
    for (const { index, x: left, y: top } of placedPatches(layout)) {
      const tumour = new Float32Array(64 * 64).fill(1e6);
      for (let y = 0; y < Math.min(64, height); y++) {
        for (let x = 0; x < Math.min(64, width); x++) {
          tumour[y * 64 + x] = whole[(top + y) * width + left + x] ?? Number.NaN;
        }
      }
      blender.add(index, { activation, tumour }, 1);
    }
    const blended = blender.probability;
    const worst = blended.data.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - (whole[i] ?? 0))),
      0,
    );
    expect(worst).toBeLessThan(2e-6);
  });
});
