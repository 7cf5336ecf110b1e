import { expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import type { GreyImage } from "../../src/imaging/index.js";
import { rasterOf, traceFoci } from "../../src/inference/index.js";
import { focusCounts, pixelCounts } from "../../src/server/thresholds/threshold-counts.js";

/** A grey picture of few levels, so that areas join and part at each. */
function randomImage(width: number, height: number, seed: string): GreyImage {
  const random = new RandomStream(5, seed);
  const data = Uint8Array.from({ length: width * height }, () => 60 * random.integer(5));
  return { width, height, data };
}

it.each([
  [1, 1],
  [1, 40],
  [40, 1],
  [37, 23],
])(
  "areas of a picture of %i × %i are as many as outlines of it, at each threshold",
  async (width, height) => {
    for (const minimum of [1, 2, 5]) {
      const image = randomImage(width, height, `${width} ${minimum}`);
      const counts = await focusCounts(image, minimum);
      for (const threshold of [1, 60, 61, 120, 180, 240, 241, 255]) {
        const options = { micronsPerPixel: null, threshold, minimumArea: minimum };
        expect(counts[threshold]).toBe((await traceFoci(rasterOf(image), options)).length);
      }
    }
  },
);

it("pixels are counted from each threshold on, in a part of the picture too", () => {
  const image = { width: 2, height: 2, data: Uint8Array.of(0, 10, 10, 255) };
  const counts = pixelCounts(image);
  expect([counts.length, counts[0], counts[1], counts[10], counts[11], counts[255]]).toEqual([
    256, 4, 3, 3, 1, 1,
  ]);
  expect(pixelCounts(image, Uint8Array.of(1, 1, 0, 0))[10]).toBe(1);
});

it("a picture without anything has no area but the whole", async () => {
  const counts = await focusCounts({ width: 3, height: 3, data: new Uint8Array(9) }, 1);
  expect(counts).toEqual([1, ...Array<number>(255).fill(0)]);
});
