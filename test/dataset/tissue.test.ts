import { describe, expect, it, vi } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { findTissue, type TissueMask } from "../../src/dataset/index.js";
import { closeMask, hsvSaturation, maskAbove, medianFilter, otsuThreshold } from "../../src/imaging/index.js";
import { memorySlide } from "../support/memory-slide.js";

vi.setConfig({ testTimeout: 180_000 });

const GLASS = [244, 243, 245] as const;
const PINK = [220, 120, 180] as const;

/** Two discs of tissue on glass, with speckles and holes. */
function sections(x: number, y: number): readonly [number, number, number] {
  const random = Math.abs(Math.sin((x >> 4) * 12.9898 + (y >> 4) * 78.233) * 43758.5453) % 1;
  const isTissue = Math.hypot(x - 1500, y - 1250) < 900 || Math.hypot(x - 3750, y - 3500) < 600;
  if (isTissue) return random < 0.1 ? GLASS : PINK;
  return random < 0.0004 ? PINK : GLASS;
}

/** Every cell of a mask, row by row. */
function cells(mask: TissueMask): Uint8Array {
  const size = mask.cellSize;
  return Uint8Array.from({ length: mask.width * mask.height }, (_, cell) => {
    const [left, top] = [(cell % mask.width) * size, Math.floor(cell / mask.width) * size];
    return mask.fraction({ left, top, right: left + size, bottom: top + size });
  });
}

describe("findTissue", () => {
  it("is saturation above Otsu's threshold, closed and smoothed", async () => {
    const slide = memorySlide("a", 5000, 4500, sections);
    const mask = await findTissue(slide, "otsu");
    expect(mask).toMatchObject({ width: 312, height: 281, cellSize: 16 });
    const origin = { space: "level-0", x: 0, y: 0 } as const;
    const saturation = hsvSaturation(await slide.readRegion({ origin, level: 2, width: 312, height: 281 }));
    const above = maskAbove(saturation, otsuThreshold(saturation));
    const expected = medianFilter(closeMask(above, 7, 2), 15);
    expect(Buffer.compare(cells(mask), expected.data)).toBe(0);
    expect(mask.share).toBeCloseTo((Math.PI * (900 ** 2 + 600 ** 2)) / 22.5e6, 2);
  });

  it("gives the same in bands, and reads no more than a block at a time", async () => {
    const slide = memorySlide("a", 5000, 4500, sections);
    const whole = await findTissue(slide, "otsu");
    const reading = memorySlide("a", 5000, 4500, sections);
    const progress: number[] = [];
    const onProgress = (done: number, total: number) => progress.push(done / total);
    const banded = await findTissue(reading, "otsu", { bandCells: 312 * 60, onProgress });
    expect(Buffer.compare(cells(banded), cells(whole))).toBe(0);
    expect(reading.largestRead()).toBeLessThanOrEqual(2048 ** 2);
    expect(progress.at(-1)).toBe(1);
    const fixed = await findTissue(slide, 40, { bandCells: 312 * 60 });
    expect(Buffer.compare(cells(fixed), cells(await findTissue(slide, 40)))).toBe(0);
  });

  it("averages a finer level when there is none near 16", async () => {
    const near = await findTissue(memorySlide("a", 3000, 2500, sections), "otsu");
    const fine = memorySlide("a", 3000, 2500, sections, { downsamples: [1, 4, 64] });
    const averaged = await findTissue(fine, "otsu");
    expect(averaged.cellSize).toBe(16);
    expect(Math.abs(averaged.share - near.share)).toBeLessThan(0.02);
  });

  it("finds none on an empty slide, whose noise Otsu would split", async () => {
    const random = new RandomStream(3, "glass");
    const noise = Array.from({ length: 997 }, () => 240 + random.integer(5));
    const glass = (x: number, y: number) => [245, noise[(x + 31 * y) % 997] ?? 245, 245] as const;
    expect((await findTissue(memorySlide("a", 4000, 3000, glass), "otsu")).share).toBe(0);
    expect(
      (
        await findTissue(
          memorySlide("a", 4000, 3000, () => [255, 255, 255]),
          "otsu",
        )
      ).share,
    ).toBe(0);
  });

  it("counts the cells whose centres a box holds, or the one it lies in", async () => {
    const left = (x: number) => (x < 1600 ? PINK : GLASS);
    const mask = await findTissue(memorySlide("a", 3200, 1600, left), "otsu");
    expect(mask.fraction({ left: 1088, top: 320, right: 2112, bottom: 1344 })).toBeCloseTo(0.5, 6);
    expect(mask.fraction({ left: 100, top: 100, right: 103, bottom: 103 })).toBe(1);
    expect(mask.fraction({ left: 3190, top: 1590, right: 3300, bottom: 1700 })).toBe(0);
  });
});
