import { describe, expect, it } from "vitest";
import { fromFloat16, RandomStream, toFloat16 } from "../../src/common/index.js";

const allHalves = Uint16Array.from({ length: 65536 }, (_, bits) => bits);

/** Positions where the halves differ; comparing 30,000 of them with `toEqual` takes a second. */
function differences(halves: Uint16Array, expected: Uint16Array): number[] {
  expect(halves).toHaveLength(expected.length);
  return [...halves.keys()].filter((i) => halves[i] !== expected[i]);
}

describe("half precision", () => {
  it("keeps every one of the 65,536 halves", () => {
    const values = fromFloat16(allHalves);
    const back = toFloat16(values);
    const wrong = allHalves.filter((bits) => {
      const notANumber = (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;
      return notANumber
        ? !Number.isNaN(values[bits]) || (back[bits] ?? 0) % 0x8000 <= 0x7c00
        : back[bits] !== bits;
    });
    expect([...wrong]).toEqual([]);
  });

  it("has the standard's landmark values", () => {
    const values = fromFloat16(
      Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0400, 0x0001, 0x7c00, 0xfc00, 0x3555),
    );
    const third = 0.333251953125;
    expect([...values]).toEqual([1, -2, 65504, 2 ** -14, 2 ** -24, Infinity, -Infinity, third]);
    expect(Object.is(fromFloat16(Uint16Array.of(0x8000))[0], -0)).toBe(true);
  });

  it("rounds the middle between any two neighbours to even, and everything beside it to the nearer one", () => {
    const finite = allHalves.filter((bits) => bits < 0x7bff);
    const values = fromFloat16(allHalves);
    const middles = Float32Array.from(finite, (bits) => ((values[bits] ?? 0) + (values[bits + 1] ?? 0)) / 2);
    // 2⁻²⁰ of the value is far less than half a step of a half and more than one of a float.
    const below = middles.map((middle) => middle * (1 - 2 ** -20));
    const above = middles.map((middle) => middle * (1 + 2 ** -20));
    const even = finite.map((bits) => bits + (bits % 2));
    expect(differences(toFloat16(middles), even)).toEqual([]);
    expect(differences(toFloat16(below), finite)).toEqual([]);
    const next = finite.map((bits) => bits + 1);
    expect(differences(toFloat16(above), next)).toEqual([]);
    const negative = even.map((bits) => 0x8000 + bits);
    expect(differences(toFloat16(middles.map((middle) => -middle)), negative)).toEqual([]);
  });

  it("overflows to infinity from 65520 on and underflows to zero up to 2⁻²⁵", () => {
    const bits = toFloat16(
      Float32Array.of(65519.99, 65520, 1e30, -1e30, 2 ** -25, 2 ** -25 * 1.001, -(2 ** -26)),
    );
    expect([...bits]).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00, 0, 1, 0x8000]);
  });

  it("errs by at most 2⁻¹¹ of the value, and reads a part of a buffer", () => {
    const random = new RandomStream(0);
    const values = Float32Array.from({ length: 1001 }, () => 10 * random.normal()).subarray(1);
    const rounded = fromFloat16(toFloat16(values));
    const tooFar = values.filter(
      (value, i) => Math.abs((rounded[i] ?? 0) - value) > Math.abs(value) * 2 ** -11 + 2 ** -25,
    );
    expect([...tooFar]).toEqual([]);
  });
});
