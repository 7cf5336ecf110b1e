import { describe, expect, it } from "vitest";
import type { FloatMap, RgbImage } from "../../src/imaging/index.js";
import { type SegmentedTile, segmentImage, type TileSegmenter } from "../../src/inference/index.js";

const TILE = 32;

function constantMap(side: number, value: number): FloatMap {
  return { width: side, height: side, data: new Float32Array(side * side).fill(value) };
}

function farthestFrom(expected: number, { data }: FloatMap): number {
  return data.reduce((most, value) => Math.max(most, Math.abs(value - expected)), 0);
}

function blank(width: number, height: number, level = 200): RgbImage {
  return { width, height, data: new Uint8Array(width * height * 3).fill(level) };
}

/** A segmenter that answers every tile by a function and keeps the names it was given. */
function madeUp(answer: (tile: RgbImage, x: number) => SegmentedTile) {
  const names: (readonly (string | number)[])[] = [];
  const segmenter: TileSegmenter = {
    tileSize: TILE,
    segmentTile: async (tile, ...name) => {
      names.push(name);
      return answer(tile, Number(name[1]));
    },
  };
  return { segmenter, names };
}

function segmented(tumour: number, probability = 1): SegmentedTile {
  return {
    probability,
    outcome: "segmented",
    activation: constantMap(2, 0.5),
    tumour: constantMap(TILE, tumour),
    estimatedIou: 0.9,
  };
}

const belowGate: SegmentedTile = {
  probability: 0.25,
  outcome: "below-gate",
  activation: constantMap(2, 0.5),
};

describe("segmenting an image", () => {
  it.each([
    [101, 67],
    [TILE, TILE],
    [5, 90],
    [1, 1],
  ])("shows no seam: constant tiles stay constant at %ix%i", async (width, height) => {
    const { segmenter } = madeUp(() => segmented(0.7, 0.8));
    const result = await segmentImage(segmenter, blank(width, height), { name: "a" });
    expect(result.probability.data).toHaveLength(width * height);
    expect(farthestFrom(0.7, result.probability)).toBeLessThan(1e-6);
    expect(farthestFrom(0.8 * 0.5, result.activation)).toBeLessThan(1e-6);
    expect(result.tumourPixels).toBe(width * height);
    expect(result.mask).toEqual({ width, height, data: new Uint8Array(width * height).fill(1) });
  });

  it("counts exactly one half as background", async () => {
    const { segmenter } = madeUp(() => segmented(0.5));
    const result = await segmentImage(segmenter, blank(TILE, TILE), { name: "a" });
    expect(result.tumourPixels).toBe(0);
  });

  it("gives a tile below the gate no tumour and blends towards its neighbours", async () => {
    const { segmenter } = madeUp((_, x) => (x === 0 ? belowGate : segmented(1)));
    const { probability, tiles, mask } = await segmentImage(segmenter, blank(48, TILE), { name: "a" });
    expect(tiles).toEqual([
      { x: 0, y: 0, probability: 0.25, outcome: "below-gate", estimatedIou: null },
      { x: 16, y: 0, probability: 1, outcome: "segmented", estimatedIou: 0.9 },
    ]);
    const row = probability.data.subarray(0, 48);
    expect(row[0]).toBe(0);
    expect(row[47]).toBe(1);
    for (let x = 1; x < 48; x++) expect((row[x] ?? 0) - (row[x - 1] ?? 0)).toBeGreaterThanOrEqual(0);
    expect(mask.data.subarray(0, 48).indexOf(1)).toBe(24);
  });

  it("leaves a tile without activation empty", async () => {
    const { segmenter } = madeUp(() => ({ ...belowGate, probability: 1, outcome: "no-activation" }));
    const result = await segmentImage(segmenter, blank(TILE, TILE), { name: "a" });
    expect(result.tumourPixels).toBe(0);
    expect(result.tiles[0]?.outcome).toBe("no-activation");
  });

  it("names tiles after the image and their corner, and reports each", async () => {
    const { segmenter, names } = madeUp(() => belowGate);
    const reported: number[][] = [];
    await segmentImage(segmenter, blank(64, 40), {
      name: "slide-7",
      overlap: 0,
      onTile: (done, total) => reported.push([done, total]),
    });
    expect(names).toEqual([
      ["slide-7", 0, 0],
      ["slide-7", 32, 0],
      ["slide-7", 0, 8],
      ["slide-7", 32, 8],
    ]);
    expect(reported).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
  });

  it("cuts what the tile covers", async () => {
    const image = blank(48, TILE);
    for (let y = 0; y < TILE; y++) image.data[(y * 48 + 20) * 3] = 9;
    const seen: number[] = [];
    const { segmenter } = madeUp((tile) => {
      seen.push(tile.data.findIndex((value, index) => index % 3 === 0 && value === 9) / 3);
      return belowGate;
    });
    await segmentImage(segmenter, image, { name: "a" });
    expect(seen).toEqual([20, 4]);
  });

  it("stops between tiles when aborted", async () => {
    const controller = new AbortController();
    const { segmenter, names } = madeUp(() => {
      controller.abort();
      return belowGate;
    });
    const work = segmentImage(segmenter, blank(100, 100), { name: "a", signal: controller.signal });
    await expect(work).rejects.toBe(controller.signal.reason);
    expect(names).toHaveLength(1);
  });
});
