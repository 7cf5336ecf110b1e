import { describe, expect, it } from "vitest";
import {
  applyDihedral,
  DIHEDRAL_VARIANTS,
  dihedralPoint,
  inverseDihedral,
  invertDihedral,
} from "../../src/imaging/index.js";
import { rotate } from "../support/rotation.js";
import { noiseImage, noiseMap, noiseMask } from "./made-up.js";

const variants = Array.from({ length: DIHEDRAL_VARIANTS }, (_, variant) => variant);

describe("flips and right-angle rotations", () => {
  // [[1, 2, 3], [4, 5, 6]] and what numpy.rot90 makes of it, mirrored first from variant 4.
  const map = { width: 3, height: 2, data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  it.each([
    [0, 3, [1, 2, 3, 4, 5, 6]],
    [1, 2, [3, 6, 2, 5, 1, 4]],
    [2, 3, [6, 5, 4, 3, 2, 1]],
    [3, 2, [4, 1, 5, 2, 6, 3]],
    [4, 3, [3, 2, 1, 6, 5, 4]],
    [5, 2, [1, 4, 2, 5, 3, 6]],
    [6, 3, [4, 5, 6, 1, 2, 3]],
    [7, 2, [6, 3, 5, 2, 4, 1]],
  ])("variant %d", (variant, width, expected) => {
    const turned = applyDihedral(map, variant);
    expect(turned.width).toBe(width);
    expect([...turned.data]).toEqual(expected);
  });

  it.each(variants)("variant %d is undone by its inverse, for images, masks and maps", (variant) => {
    for (const image of [noiseImage(7, 4), noiseMask(5, 9)]) {
      expect(invertDihedral(applyDihedral(image, variant), variant)).toEqual(image);
      expect(applyDihedral(applyDihedral(image, variant), inverseDihedral(variant))).toEqual(image);
    }
    const real = noiseMap(6, 5);
    expect(invertDihedral(applyDihedral(real, variant), variant)).toEqual(real);
  });

  it.each(variants)("variant %d moves points with their pixels", (variant) => {
    const mask = { width: 6, height: 4, data: new Uint8Array(24) };
    mask.data[1 * 6 + 4] = 1;
    const turned = applyDihedral(mask, variant);
    const point = dihedralPoint({ x: 4, y: 1 }, mask, variant);
    expect(turned.data[point.y * turned.width + point.x]).toBe(1);
  });

  it.each([-1, 8, 0.5])("refuses variant %d", (variant) => {
    expect(() => applyDihedral(map, variant)).toThrow(/no flip or rotation/);
  });
});

describe("free rotation", () => {
  const image = noiseImage(21, 21);

  it.each([
    [0, 0],
    [90, 1],
    [180, 2],
    [-90, 3],
    [270, 3],
  ])("by %d degrees equals the right-angle rotation", (degrees, variant) => {
    const expected = applyDihedral(image, variant);
    expect(rotate(image, degrees, { sampling: "nearest", border: "constant" })).toEqual(expected);
    expect(rotate(image, degrees, { sampling: "bilinear", border: "reflect" })).toEqual(expected);
  });

  it("keeps masks binary and fills corners as asked", () => {
    const full = { width: 20, height: 20, data: new Uint8Array(400).fill(1) };
    const cut = rotate(full, 45, { sampling: "nearest", border: "constant" });
    expect(new Set(cut.data)).toEqual(new Set([0, 1]));
    expect(cut.data[0]).toBe(0);
    expect(cut.data[10 * 20 + 10]).toBe(1);
    const filled = rotate(full, 45, { sampling: "nearest", border: "constant", fill: 1 });
    expect(filled).toEqual(full);
    expect(rotate(full, 45, { sampling: "nearest", border: "reflect" })).toEqual(full);
  });

  it("keeps a constant map constant and a smooth map close", () => {
    const flat = { width: 11, height: 8, data: new Float32Array(88).fill(0.75) };
    for (const value of rotate(flat, 33, { sampling: "bilinear", border: "reflect" }).data) {
      expect(value).toBeCloseTo(0.75, 6);
    }
    const size = 41;
    const ramp = {
      width: size,
      height: size,
      data: Float32Array.from({ length: size ** 2 }, (_, i) => i % size),
    };
    const turned = rotate(ramp, 30, { sampling: "bilinear", border: "reflect" });
    // Ten pixels right of the centre, turned counterclockwise: the source lies at 10·cos 30° beside the centre.
    expect(turned.data[20 * size + 30]).toBeCloseTo(20 + 10 * Math.cos(Math.PI / 6), 4);
  });

  it("turns counterclockwise", () => {
    const dot = { width: 9, height: 9, data: new Uint8Array(81) };
    dot.data[4 * 9 + 8] = 1;
    const turned = rotate(dot, 90, { sampling: "nearest", border: "constant" });
    expect(turned.data[0 * 9 + 4]).toBe(1);
  });
});
