import { expect, it } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { cutImage, cutMask, drawCut } from "../../src/training/random-cut.js";

const patch = { width: 60, height: 40 };
const stream = (name: string) => new RandomStream(0, name);

/** Left half dark, right half light, in three channels or one. */
function halves(channels: number) {
  const data = new Uint8Array(patch.width * patch.height * channels);
  for (let index = 0; index < data.length; index++) {
    data[index] = Math.floor(index / channels) % patch.width < patch.width / 2 ? 0 : 255;
  }
  return { ...patch, data };
}

it("without jitter a cut is the pixels of a part", () => {
  const cut = drawCut(patch, { size: 32, scaleJitter: 0 }, stream("plain"));
  expect(cut.side).toBe(32);
  const image = halves(3);
  const { width, height, data } = cutImage(image, cut);
  expect([width, height]).toEqual([32, 32]);
  for (let y = 0; y < 32; y++) {
    const start = ((cut.top + y) * patch.width + cut.left) * 3;
    expect(data.subarray(y * 96, (y + 1) * 96)).toEqual(image.data.subarray(start, start + 96));
  }
});

it("with jitter parts are smaller and larger, inside the patch, and in one size in the end", () => {
  const drawn = stream("jitter");
  const sides = Array.from({ length: 200 }, () => {
    const cut = drawCut(patch, { size: 32, scaleJitter: 0.25 }, drawn);
    expect(cut.left).toBeGreaterThanOrEqual(0);
    expect(cut.left + cut.side).toBeLessThanOrEqual(patch.width);
    expect(cut.top + cut.side).toBeLessThanOrEqual(patch.height);
    expect(cutMask(halves(1), cut).data).toHaveLength(32 * 32);
    return cut.side;
  });
  expect(Math.min(...sides)).toBe(26);
  // 32 / 0.75 is more than the patch is high.
  expect(Math.max(...sides)).toBe(40);
});

it("image and mask of a jittered cut lie on each other", () => {
  const drawn = stream("together");
  for (let time = 0; time < 50; time++) {
    const cut = drawCut(patch, { size: 32, scaleJitter: 0.25 }, drawn);
    const image = cutImage(halves(3), cut);
    cutMask(halves(1), cut).data.forEach((value, pixel) => {
      const shown = image.data[pixel * 3] ?? 0;
      // At the edge the image is a mixture.
      if (shown === 0 || shown === 255) expect(value).toBe(shown);
    });
  }
});
