import { describe, expect, it } from "vitest";
import type { FloatMap, GreyImage } from "../../src/imaging/index.js";
import {
  averageLevels,
  averageScales,
  normaliseLevels,
  quantiseActivations,
} from "../../src/method/index.js";

const row = (...values: number[]): FloatMap => ({
  width: values.length,
  height: 1,
  data: Float32Array.from(values),
});
const levels = (...values: number[]): GreyImage => ({
  width: values.length,
  height: 1,
  data: Uint8Array.from(values),
});

describe("quantising an activation map", () => {
  it("cuts negative values, stretches to 0..255 and cuts fractions", () => {
    expect([...quantiseActivations(row(-5, 0, 1, 2, 4)).data]).toEqual([0, 0, 63, 127, 255]);
  });

  it("stretches from the smallest value when all are positive", () => {
    expect([...quantiseActivations(row(2, 3, 4)).data]).toEqual([0, 127, 255]);
  });

  it.each([
    ["all negative", row(-3, -1, -2)],
    ["all zero", row(0, 0, 0)],
    ["constant", row(7, 7, 7)],
  ])("%s: all zero instead of a division by zero", (_, map) => {
    expect([...quantiseActivations(map).data]).toEqual([0, 0, 0]);
  });
});

describe("averaging", () => {
  it("cuts the mean to whole levels", () => {
    expect([
      ...averageLevels([levels(0, 255, 1), levels(1, 255, 1), levels(0, 255, 1), levels(0, 254, 2)]).data,
    ]).toEqual([0, 254, 1]);
  });

  it("brings other scales to the size of the first", async () => {
    const first: GreyImage = { width: 2, height: 2, data: Uint8Array.of(10, 10, 10, 10) };
    const second: GreyImage = { width: 4, height: 4, data: new Uint8Array(16).fill(30) };
    expect(await averageScales([first, second])).toEqual({ ...first, data: Uint8Array.of(20, 20, 20, 20) });
  });

  it("one scale alone stays as it is", async () => {
    const only = levels(1, 2, 3);
    expect(await averageScales([only])).toBe(only);
  });
});

describe("normalising levels", () => {
  it("goes from 0 to 1", () => {
    expect([...normaliseLevels(levels(10, 60, 110)).data]).toEqual([0, 0.5, 1]);
  });

  it("is all zero without contrast", () => {
    expect([...normaliseLevels(levels(9, 9)).data]).toEqual([0, 0]);
  });
});
