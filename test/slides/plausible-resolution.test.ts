import { expect, it } from "vitest";
import { plausibleResolution } from "../../src/slides/plausible-resolution.js";

function judged(microns: number, objectivePower: number | null = null, y = microns) {
  return plausibleResolution({ micronsPerPixel: { x: microns, y }, objectivePower });
}

it.each([
  ["Aperio's MPP in nanometres", 499],
  ["72 dots per inch", 352.8],
  ["a pixel of no size", 1e-6],
])("%s are no resolution of a scan", (_, microns) => {
  const { micronsPerPixel, warnings } = judged(microns);
  expect(micronsPerPixel).toBeNull();
  expect(warnings).toEqual([expect.stringMatching(/which no scan has; they are not used/)]);
});

it.each([
  [0.25, 40],
  [0.5, 20],
  [0.499, null],
  [0.2, 60],
  [0.2325, 40],
  [0.455, 20],
  [0.65, 20],
  [10, null],
])("%d µm per pixel at %s× is one", (microns, power) => {
  expect(judged(microns, power)).toEqual({ micronsPerPixel: { x: microns, y: microns }, warnings: [] });
});

it("an objective that contradicts is told with both numbers, as are pixels that are not square", () => {
  expect(judged(5, 20)).toEqual({
    micronsPerPixel: { x: 5, y: 5 },
    warnings: [
      expect.stringMatching(/5\.000 microns per pixel and an objective of 20×, which has about 0\.5/),
    ],
  });
  for (const [microns, power, usual] of [
    [0.5, 40, 0.25],
    [0.25, 20, 0.5],
    [1, 20, 0.5],
  ] as const) {
    expect(judged(microns, power).warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^it claims ${microns.toPrecision(4)} .* ${power}×, which has about ${usual};`),
      ),
    ]);
  }
  expect(judged(0.25, 40, 0.5).warnings).toEqual([expect.stringMatching(/0\.2500 × 0\.5000 microns/)]);
});
