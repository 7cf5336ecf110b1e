import { expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { jitterStains } from "../../src/dataset/index.js";

const stream = () => new RandomStream(0, "stain jitter");
const purple = { width: 2, height: 1, data: Uint8Array.of(150, 80, 160, 255, 255, 255) };

it("without any range is the image itself", () => {
  expect(jitterStains(purple, { stainScale: 0, stainShift: 0 }, stream())).toBe(purple);
});

it("scales each stain's density: white stays white, and the same draw gives the same colours", () => {
  const [first, second] = [1, 2].map(() =>
    jitterStains(purple, { stainScale: 0.2, stainShift: 0 }, stream()),
  );
  expect(first).toEqual(second);
  expect([...(first?.data.subarray(3) ?? [])]).toEqual([255, 255, 255]);
  expect(first?.data.subarray(0, 3)).not.toEqual(purple.data.subarray(0, 3));
});

it("changes densities as unmixing, scaling and mixing do one after the other", () => {
  const jittered = jitterStains(purple, { stainScale: 0.2, stainShift: 0.05 }, stream());
  const draws = stream();
  const factors = [0, 1, 2].map(() => draws.uniform(0.8, 1.2));
  const shifts = [0, 1, 2].map(() => draws.uniform(-0.05, 0.05));
  const stains = [
    [0.65, 0.7, 0.29],
    [0.07, 0.99, 0.11],
    [0.27, 0.57, 0.78],
  ].map((stain) => stain.map((value) => value / Math.hypot(...stain)));
  const densities = [150, 80, 160].map((value) => -Math.log((value + 1) / 256));
  const found = solved(stains, densities).map(
    (amount, stain) => amount * (factors[stain] ?? 0) + (shifts[stain] ?? 0),
  );
  for (let colour = 0; colour < 3; colour++) {
    const density = found.reduce((sum, amount, stain) => sum + amount * (stains[stain]?.[colour] ?? 0), 0);
    expect(jittered.data[colour]).toBe(Math.round(256 * Math.exp(-density) - 1));
  }
});

/** How much of each stain gives these densities, by Cramer's rule. */
function solved(stains: readonly (readonly number[])[], densities: readonly number[]): number[] {
  const determinant = (m: readonly (readonly number[])[]): number => {
    const [a = [], b = [], c = []] = m;
    const at = (row: readonly number[], index: number) => row[index] ?? 0;
    return (
      at(a, 0) * (at(b, 1) * at(c, 2) - at(b, 2) * at(c, 1)) -
      at(a, 1) * (at(b, 0) * at(c, 2) - at(b, 2) * at(c, 0)) +
      at(a, 2) * (at(b, 0) * at(c, 1) - at(b, 1) * at(c, 0))
    );
  };
  return stains.map((_, index) => {
    const replaced = stains.map((stain, at) => (at === index ? densities : stain));
    return determinant(replaced) / determinant(stains);
  });
}
