import { expect, it } from "vitest";
import { isPlain, type Look, lookText, plainLook } from "../../../src/web/looking/look.js";
import { amountWeights, pixelChange, toneTable } from "../../../src/web/looking/look-pixels.js";

const shown = (pixel: readonly [number, number, number], look: Partial<Look>) => {
  const pixels = Uint8ClampedArray.of(...pixel, 200);
  pixelChange({ ...plainLook, ...look })(pixels);
  expect(pixels[3]).toBe(200);
  return [...pixels.subarray(0, 3)];
};

it("the plain look changes nothing", () => {
  expect([...toneTable(plainLook)]).toEqual(Array.from({ length: 256 }, (_, value) => value));
  expect(isPlain(plainLook)).toBe(true);
  expect(lookText(plainLook)).toBe("");
});

it("brightness adds, contrast stretches about the middle, gamma is an exponent", () => {
  expect(shown([100, 0, 255], { brightness: 0.2 })).toEqual([151, 51, 255]);
  expect(shown([100, 0, 255], { contrast: 0.5 })).toEqual([72, 0, 255]);
  expect(shown([100, 0, 255], { contrast: -0.5 })).toEqual([114, 64, 191]);
  // Below 1 brightens.
  expect(shown([64, 0, 255], { gamma: 0.5 })).toEqual([128, 0, 255]);
  expect(lookText({ brightness: -0.1, contrast: 0.2, gamma: 1.5, stain: "eosin" })).toBe(
    "eosin alone, brightness −10 %, contrast +20 %, gamma 1.5",
  );
});

/** Light through so much of each dye, by their densities as published. */
function stained(haematoxylin: number, eosin: number): [number, number, number] {
  const unit = (dye: readonly number[]) => dye.map((value) => value / Math.hypot(...dye));
  const [h, e] = [unit([0.65, 0.7, 0.29]), unit([0.07, 0.99, 0.11])];
  const value = (channel: number) =>
    Math.round(255 * 10 ** -(haematoxylin * (h[channel] ?? 0) + eosin * (e[channel] ?? 0)));
  return [value(0), value(1), value(2)];
}

it.each([
  [0, 0],
  [0.3, 0.4],
  [0.9, 0.1],
  [0.05, 0.6],
])("haematoxylin %d and eosin %d are shown apart as each alone would look", (haematoxylin, eosin) => {
  const both = stained(haematoxylin, eosin);
  const near = (found: readonly number[], expected: readonly number[]) => {
    for (const [channel, value] of expected.entries())
      expect(Math.abs((found[channel] ?? 0) - value)).toBeLessThan(4);
  };
  near(shown(both, { stain: "haematoxylin" }), stained(haematoxylin, 0));
  near(shown(both, { stain: "eosin" }), stained(0, eosin));
});

it("the amounts are those of the inverse matrix: 1 of a dye alone, 0 of the other", () => {
  const unit = (dye: readonly number[]) => dye.map((value) => value / Math.hypot(...dye));
  const amount = (weights: readonly number[], dye: readonly number[]) =>
    weights.reduce((sum, weight, channel) => sum + weight * (dye[channel] ?? 0), 0);
  const [h, e] = [unit([0.65, 0.7, 0.29]), unit([0.07, 0.99, 0.11])];
  expect(amount(amountWeights("haematoxylin"), h)).toBeCloseTo(1, 12);
  expect(amount(amountWeights("haematoxylin"), e)).toBeCloseTo(0, 12);
  expect(amount(amountWeights("eosin"), e)).toBeCloseTo(1, 12);
  expect(amount(amountWeights("eosin"), h)).toBeCloseTo(0, 12);
});

it("white stays white and black does not overflow", () => {
  expect(shown([255, 255, 255], { stain: "haematoxylin" })).toEqual([255, 255, 255]);
  expect(shown([0, 0, 0], { stain: "eosin" }).every((value) => value >= 0 && value <= 255)).toBe(true);
});
