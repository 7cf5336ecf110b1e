import { describe, expect, it } from "vitest";
import { deterministicUniform } from "../../scripts/parity/deterministic-fill.js";
import { bilinearMatrix, type RgbImage } from "../../src/imaging/index.js";
import { createSamFrame, patchPoints, type Size } from "../../src/models/sam/transforms.js";

interface Grid extends Size {
  readonly data: Float64Array;
}

/** Bilinear interpolation pixel by pixel, half-pixel centres, no antialiasing, as torch's `F.interpolate`. */
function interpolate(map: Grid, width: number, height: number): Grid {
  const data = new Float64Array(width * height);
  const sample = (x: number, y: number): number => map.data[y * map.width + x] ?? Number.NaN;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sourceX = Math.max(((x + 0.5) * map.width) / width - 0.5, 0);
      const sourceY = Math.max(((y + 0.5) * map.height) / height - 0.5, 0);
      const [left, top] = [Math.floor(sourceX), Math.floor(sourceY)];
      const [right, bottom] = [Math.min(left + 1, map.width - 1), Math.min(top + 1, map.height - 1)];
      const [alongX, alongY] = [sourceX - left, sourceY - top];
      const upper = sample(left, top) * (1 - alongX) + sample(right, top) * alongX;
      const lower = sample(left, bottom) * (1 - alongX) + sample(right, bottom) * alongX;
      data[y * width + x] = upper * (1 - alongY) + lower * alongY;
    }
  }
  return { width, height, data };
}

function crop(map: Grid, { width, height }: Size): Grid {
  const data = new Float64Array(width * height);
  for (let y = 0; y < height; y++) {
    data.set(map.data.subarray(y * map.width, y * map.width + width), y * width);
  }
  return { width, height, data };
}

/** A · low · Bᵀ with A [height, 256] and B [width, 256]. */
function applyMatrices(rows: Float32Array, low: Float32Array, columns: Float32Array): Float64Array {
  const [height, width] = [rows.length / 256, columns.length / 256];
  const wide = new Float64Array(256 * width);
  for (let y = 0; y < 256; y++) {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < 256; k++) sum += (low[y * 256 + k] ?? 0) * (columns[x * 256 + k] ?? 0);
      wide[y * width + x] = sum;
    }
  }
  const result = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let k = 0; k < 256; k++) {
      const weight = rows[y * 256 + k] ?? 0;
      if (weight === 0) continue;
      for (let x = 0; x < width; x++) {
        result[y * width + x] = (result[y * width + x] ?? 0) + weight * (wide[k * width + x] ?? 0);
      }
    }
  }
  return result;
}

describe("the matrix of bilinear interpolation", () => {
  it("doubles with half-pixel centres and clamped ends", () => {
    expect([...bilinearMatrix(4, 2)]).toEqual([1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
  });

  it("halves by averaging pairs, and keeps what needs no change", () => {
    expect([...bilinearMatrix(2, 4)]).toEqual([0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
    expect([...bilinearMatrix(2, 2)]).toEqual([1, 0, 0, 1]);
    expect([...bilinearMatrix(3, 1)]).toEqual([1, 1, 1]);
  });

  it.each([
    [7, 3],
    [3, 7],
    [256, 1024],
    [522, 690],
  ])("has rows that sum to one: %i from %i", (to, from) => {
    const matrix = bilinearMatrix(to, from);
    for (let row = 0; row < to; row++) {
      const sum = matrix.subarray(row * from, (row + 1) * from).reduce((total, weight) => total + weight, 0);
      expect(sum).toBeCloseTo(1, 6);
    }
  });
});

describe("the way back from low-resolution logits to the patch", () => {
  const low = deterministicUniform("test/low", 256 * 256, -10, 10);
  const sizes = [
    [512, 512],
    [256, 256],
    [775, 522],
    [300, 200],
    [200, 300],
    [1500, 1100],
  ] as const;
  it.each(sizes)("equals upsampling, cropping and resizing in turn at %i×%i", (width, height) => {
    const frame = createSamFrame({ width, height });
    const full = interpolate({ width: 256, height: 256, data: Float64Array.from(low) }, 1024, 1024);
    const expected = interpolate(crop(full, frame.resized), width, height).data;
    const actual = applyMatrices(frame.outputMatrixRows(), low, frame.outputMatrixColumns());
    expect(actual.length).toBe(expected.length);
    const largest = actual.reduce(
      (worst, value, index) => Math.max(worst, Math.abs(value - (expected[index] ?? Number.NaN))),
      0,
    );
    expect(largest).toBeLessThan(1e-5);
  });
});

describe("a frame between patch and SAM input", () => {
  const photograph = (width: number, height: number): RgbImage => ({
    width,
    height,
    data: Uint8Array.from({ length: width * height * 3 }, (_, index) => (index * 31) % 251),
  });

  it("scales the longest side to 1024 and rounds the other", () => {
    expect(createSamFrame({ width: 775, height: 522 }).resized).toEqual({ width: 1024, height: 690 });
    expect(createSamFrame({ width: 522, height: 775 }).resized).toEqual({ width: 690, height: 1024 });
    expect(createSamFrame({ width: 4000, height: 1 }).resized).toEqual({ width: 1024, height: 1 });
  });

  it("transforms image and coordinates by the same scale", () => {
    const frame = createSamFrame({ width: 512, height: 256 });
    const image = frame.transformImage(photograph(512, 256));
    expect([image.width, image.height]).toEqual([1024, 512]);
    const points = frame.transformPoints(patchPoints(Float32Array.of(0, 0, 511, 255)));
    expect(points.space).toBe("sam-input");
    expect([...points.coordinates]).toEqual([0, 0, 1022, 510]);
    expect([...points.labels]).toEqual([1, 1]);
    const boxes = frame.transformBoxes({ space: "patch", corners: Float32Array.of(10, 20, 30, 40) });
    expect([...boxes.corners]).toEqual([20, 40, 60, 80]);
  });

  it("scales each axis by its rounded size, as segment-anything does", () => {
    const frame = createSamFrame({ width: 775, height: 522 });
    const { coordinates } = frame.transformPoints(patchPoints(Float32Array.of(775, 522)));
    expect([...coordinates]).toEqual([1024, 690]);
  });

  it("leaves coordinates alone in the patch frame, but not the image", () => {
    const frame = createSamFrame({ width: 512, height: 512 }, { frame: "patch" });
    const points = frame.transformPoints(patchPoints(Float32Array.of(100, 200), Float32Array.of(0)));
    expect([...points.coordinates]).toEqual([100, 200]);
    expect([...points.labels]).toEqual([0]);
    expect(frame.transformImage(photograph(512, 512)).width).toBe(1024);
  });

  it("refuses an image of another size, and impossible sizes", () => {
    const frame = createSamFrame({ width: 512, height: 512 });
    expect(() => frame.transformImage(photograph(512, 256))).toThrow(/512×256 .* transforms of 512×512/);
    expect(() => createSamFrame({ width: 0, height: 5 })).toThrow(/cannot be 0×5 pixels/);
  });

  it("does not let points of one space pass for another's", () => {
    const frame = createSamFrame({ width: 512, height: 512 });
    const points = frame.transformPoints(patchPoints(Float32Array.of(1, 1)));
    // @ts-expect-error points already in SAM's input must not be scaled twice
    const twice = frame.transformPoints(points);
    expect([...twice.coordinates]).toEqual([4, 4]);
  });
});
