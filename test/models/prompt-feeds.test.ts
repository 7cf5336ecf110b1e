import { describe, expect, it } from "vitest";
import type { FloatMap } from "../../src/imaging/index.js";
import { createSamFrame, decoderInputs, patchPoints, promptFeeds } from "../../src/models/index.js";

const points = patchPoints(Float32Array.of(3, 5));
const map = (width: number, height: number, value: (x: number, y: number) => number): FloatMap => ({
  width,
  height,
  data: Float32Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width))),
});

describe("mask prompts", () => {
  it("keep their place: a map as large as SAM's logits is taken as it is", () => {
    const logits = map(256, 256, (x, y) => x - 2 * y);
    const frame = createSamFrame({ width: 512, height: 512 });
    expect(frame.transformMaskPrompt(logits, -10)).toEqual(logits.data);
  });

  it("fill the part of the input that the patch fills, padding lies outside", () => {
    const prompt = createSamFrame({ width: 400, height: 200 }).transformMaskPrompt(
      map(8, 4, () => 3),
      -10,
    );
    expect(new Set(prompt.subarray(0, 128 * 256))).toEqual(new Set([3]));
    expect(new Set(prompt.subarray(128 * 256))).toEqual(new Set([-10]));
  });

  it("lie where the points lie", () => {
    const size = { width: 320, height: 256 };
    const frame = createSamFrame(size);
    const [x, y] = [200, 96];
    const prompt = frame.transformMaskPrompt(
      map(size.width, size.height, (column, row) =>
        Math.abs(column - x) < 4 && Math.abs(row - y) < 4 ? 5 : -5,
      ),
      -10,
    );
    const moved = frame.transformPoints(patchPoints(Float32Array.of(x, y))).coordinates;
    const [column = 0, row = 0] = moved.map((coordinate) => Math.floor(coordinate / 4));
    expect(prompt[row * 256 + column]).toBeGreaterThan(0);
    expect(prompt.reduce((sum, logit) => sum + (logit > 0 ? 1 : 0), 0)).toBeLessThan(60);
  });
});

describe("the decoder's feeds", () => {
  const frame = createSamFrame({ width: 256, height: 256 });

  it("have a mask only where the graph takes one", () => {
    const prompt = { points, mask: map(4, 4, () => 1) };
    const without = promptFeeds([prompt], frame, { points: 2 });
    expect(Object.keys(without)).toEqual([decoderInputs.coordinates, decoderInputs.labels]);
    const feeds = promptFeeds([prompt, prompt], frame, { points: 2, maskPrompt: true });
    expect(feeds[decoderInputs.maskPrompt]?.shape).toEqual([2, 1, 256, 256]);
    expect(feeds[decoderInputs.labels]?.data).toEqual(Float32Array.of(1, -1, 1, -1));
  });

  it("are refused when a mask is needed and missing", () => {
    const options = { points: 1, maskPrompt: true };
    expect(() => promptFeeds([{ points }], frame, options)).toThrow(
      /patch 1 of the batch has no mask prompt/,
    );
  });
});
