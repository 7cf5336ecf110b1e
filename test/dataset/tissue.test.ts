import { describe, expect, it, vi } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { findTissue, type TissueMask } from "../../src/dataset/index.js";
import { closeMask, hsvSaturation, maskAbove, medianFilter, otsuThreshold } from "../../src/imaging/index.js";
import { openSlide } from "../../src/slides/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";

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

  it.each([
    ["blue ground beyond the glass", [150, 150, 190]],
    ["a pure colour that a scanner fills with", [255, 0, 255]],
  ] as const)("leaves out %s", async (_, colour) => {
    const beyond = (x: number, y: number) => (x > 3400 ? colour : sections(x, y));
    const mask = await findTissue(memorySlide("a", 5000, 2500, beyond), "otsu");
    expect(mask.fraction({ left: 3500, top: 0, right: 5000, bottom: 2500 })).toBe(0);
    expect(mask.fraction({ left: 1200, top: 900, right: 1800, bottom: 1500 })).toBe(1);
  });

  it("tells of pale tissue beside strongly stained one, where it is much of what is there", async () => {
    const slide = (isPale: (x: number) => boolean) =>
      memorySlide("a", 5000, 4500, (x, y) => {
        const colour = sections(x, y);
        return colour === PINK && isPale(x) ? [236, 205, 225] : colour;
      });
    const { warnings } = await findTissue(
      slide((x) => x < 2500),
      "otsu",
    );
    expect(warnings).toEqual([expect.stringMatching(/has pale tissue.*6\d % .*pass `tissue: 20`/)]);
    expect(
      (
        await findTissue(
          slide((x) => x > 2500),
          "otsu",
        )
      ).warnings,
    ).toEqual([]);
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

  it("says what it leaves out where there is no glass to tell from tissue", async () => {
    const regions = (glassFrom: number) =>
      memorySlide("a", 4000, 3000, (x) => {
        if (x >= glassFrom) return GLASS;
        return x < 1000 ? [215, 160, 195] : [150, 70, 150];
      });
    const { warnings, share } = await findTissue(regions(4000), "otsu");
    expect(share).toBeCloseTo(0.75, 1);
    expect(warnings).toEqual([expect.stringMatching(/hardly any glass.*: 25 % of the slide.*`tissue: all`/)]);
    expect((await findTissue(regions(3500), "otsu")).warnings).toEqual([]);
  });

  it("counts the cells whose centres a box holds, or the one it lies in", async () => {
    const left = (x: number) => (x < 1600 ? PINK : GLASS);
    const mask = await findTissue(memorySlide("a", 3200, 1600, left), "otsu");
    expect(mask.fraction({ left: 1088, top: 320, right: 2112, bottom: 1344 })).toBeCloseTo(0.5, 6);
    expect(mask.fraction({ left: 100, top: 100, right: 103, bottom: 103 })).toBe(1);
    expect(mask.fraction({ left: 3190, top: 1590, right: 3300, bottom: 1700 })).toBe(0);
  });
});

describe("what is no tissue though it has colour", () => {
  type Rgb = readonly [number, number, number];
  const SIDE = 4096;
  const size = { left: 0, top: 0, right: SIDE, bottom: SIDE };
  const random = new RandomStream(5, "tissue");
  const noise = Array.from({ length: 4093 }, () => random.integer(7) - 3);
  const noisy = (colour: Rgb, x: number, y: number, strength = 1): Rgb => {
    const at = (channel: number): number =>
      Math.min(
        255,
        Math.max(0, (colour[channel] ?? 0) + strength * (noise[(x + 61 * y + 977 * channel) % 4093] ?? 0)),
      );
    return [at(0), at(1), at(2)];
  };
  const glass = (x: number, y: number): Rgb => noisy([242, 240, 243], x >> 4, y >> 4);
  /** Tissue with nuclei: its colour changes from cell to cell. */
  const tissue = (colour: Rgb, x: number, y: number): Rgb => noisy(colour, x >> 4, y >> 4, 8);
  const ink = (colour: Rgb, x: number, y: number): Rgb => noisy(colour, x >> 4, y >> 4, 4);
  const PALE: Rgb = [232, 205, 222];
  const isSection = (x: number, y: number): boolean => Math.hypot(x - 2900, y - 2048) < 900;
  const section = { left: 2500, top: 1600, right: 3300, bottom: 2500 };
  const field = { left: 0, top: 0, right: 1536, bottom: SIDE };

  /** A section on glass, beside something in the left of the slide. */
  const beside = (colour: Rgb, other: (x: number, y: number) => Rgb) =>
    memorySlide("a", SIDE, SIDE, (x, y) => {
      if (x < 1536) return other(x, y);
      return isSection(x, y) ? tissue(colour, x, y) : glass(x, y);
    });
  const expected = (Math.PI * 900 ** 2) / SIDE ** 2;

  it.each<[string, Rgb]>([
    ["black with a tint", [5, 2, 7]],
    ["black", [0, 0, 0]],
    ["white", [255, 255, 255]],
    ["grey", [128, 128, 128]],
    ["dark blue", [10, 20, 60]],
    ["navy", [30, 40, 110]],
    ["dark brown", [60, 35, 20]],
    ["brown", [110, 75, 45]],
    ["dark red", [60, 5, 10]],
    ["yellow", [255, 220, 80]],
    ["cream", [240, 225, 185]],
  ])(
    "leaves out a border of %s with a sensor's noise, and finds strong and pale tissue beside it",
    async (_, colour) => {
      for (const stain of [PINK, PALE]) {
        const border = (x: number, y: number): Rgb => noisy(colour, x >> 4, y >> 4);
        const mask = await findTissue(beside(stain, border), "otsu");
        expect(mask.fraction(field)).toBe(0);
        expect(mask.fraction(section)).toBe(1);
        expect(mask.share).toBeCloseTo(expected, 2);
        expect(mask.warnings).toEqual([]);
        // A saturation of one's own says nothing of noise.
        const told = await findTissue(beside(stain, border), 16);
        expect(told.fraction(field)).toBe(0);
      }
    },
  );

  it.each<[string, Rgb]>([
    ["green", [20, 150, 95]],
    ["light green", [130, 215, 170]],
    ["blue", [50, 70, 170]],
    ["black", [40, 38, 45]],
  ])("leaves out marks of a %s pen, and finds pale tissue beside them", async (name, colour) => {
    const isMark = (x: number, y: number): boolean => Math.abs(Math.hypot(x - 700, y - 2048) - 450) < 130;
    const slide = beside(PALE, (x, y) => (isMark(x, y) ? ink(colour, x, y) : glass(x, y)));
    const mask = await findTissue(slide, "otsu");
    expect(mask.fraction(field)).toBe(0);
    expect(mask.fraction(section)).toBe(1);
    const isInk = name !== "black";
    expect(mask.warnings).toEqual(
      isInk
        ? [
            expect.stringMatching(
              /^\d+ % of what is coloured is green or blue as the ink of pens.*`tissue: \d+`/,
            ),
          ]
        : [],
    );
    if (!isInk) return;
    // The way back that the warning names.
    const threshold = Number(/`tissue: (\d+)`/.exec(mask.warnings[0] ?? "")?.[1]);
    expect(
      (await findTissue(slide, threshold)).fraction({ left: 220, top: 1950, right: 280, bottom: 2100 }),
    ).toBe(1);
  });

  it.each<[string, Rgb]>([
    ["red", [205, 35, 45]],
    ["purple", [110, 35, 150]],
    ["pink", [225, 20, 130]],
  ])("leaves out marks of a %s pen, which are even, and finds pale tissue beside them", async (_, colour) => {
    const isMark = (x: number, y: number): boolean => Math.abs(Math.hypot(x - 700, y - 2048) - 450) < 130;
    const slide = beside(PALE, (x, y) => (isMark(x, y) ? noisy(colour, x >> 4, y >> 4, 2) : glass(x, y)));
    const mask = await findTissue(slide, "otsu");
    expect(mask.fraction(field)).toBe(0);
    expect(mask.fraction(section)).toBe(1);
    expect(mask.warnings).toEqual([
      expect.stringMatching(/^\d\d % of what is coloured is strongly red or purple.*`tissue: \d+`/),
    ]);
    const threshold = Number(/`tissue: (\d+)`/.exec(mask.warnings[0] ?? "")?.[1]);
    const onMark = { left: 220, top: 1950, right: 280, bottom: 2100 };
    expect((await findTissue(slide, threshold)).fraction(onMark)).toBe(1);
  });

  it("takes red ink for blood, and does not lose pale tissue to it", async () => {
    const slide = beside(PALE, (x, y) => (y < 1000 ? ink([205, 35, 45], x, y) : glass(x, y)));
    const mask = await findTissue(slide, "otsu");
    expect(mask.fraction(section)).toBe(1);
    expect(mask.fraction({ left: 0, top: 1200, right: 1400, bottom: SIDE })).toBe(0);
  });

  it.each<[string, Rgb]>([
    ["dense nuclei", [95, 55, 125]],
    ["blood", [175, 45, 60]],
    ["DAB", [105, 65, 40]],
    ["melanin", [90, 60, 45]],
    ["blued counterstain", [120, 130, 175]],
  ])("keeps %s", async (_, colour) => {
    const slide = memorySlide("a", SIDE, SIDE, (x, y) =>
      isSection(x, y) ? tissue(Math.hypot(x - 2900, y - 2048) < 400 ? colour : PINK, x, y) : glass(x, y),
    );
    const mask = await findTissue(slide, "otsu");
    expect(mask.fraction(section)).toBe(1);
    expect(mask.fraction(size)).toBeCloseTo(expected, 2);
    expect(mask.warnings).toEqual([]);
  });

  it("is the same in bands", async () => {
    const slide = beside(PINK, (x, y) => noisy([110, 75, 45], x >> 4, y >> 4));
    const banded = await findTissue(slide, "otsu", { bandCells: 256 * 50 });
    expect(Buffer.compare(cells(banded), cells(await findTissue(slide, "otsu")))).toBe(0);
  });
});

describeWithShared("a scanned slide with marks of pens", ["data/slides/small_dicom.dcm"], () => {
  it("has no tissue where green ink is on glass or blue ink on tissue, and tissue beside", async () => {
    const slide = await openSlide(sharedPath("data", "slides", "small_dicom.dcm"));
    const mask = await findTissue(slide, "otsu");
    await slide.close();
    expect(mask.fraction({ left: 1985, top: 270, right: 2035, bottom: 300 })).toBe(0);
    expect(mask.fraction({ left: 760, top: 72, right: 1100, bottom: 140 })).toBe(0);
    expect(mask.fraction({ left: 0, top: 440, right: 150, bottom: 500 })).toBe(0);
    expect(mask.fraction({ left: 1000, top: 540, right: 1060, bottom: 600 })).toBe(0);
    expect(mask.fraction({ left: 720, top: 300, right: 1200, bottom: 460 })).toBe(1);
    expect(mask.fraction({ left: 2250, top: 900, right: 2600, bottom: 1200 })).toBe(1);
    expect(mask.fraction({ left: 1300, top: 1050, right: 1600, bottom: 1300 })).toBe(1);
    expect(mask.share).toBeCloseTo(0.451, 2);
    expect(mask.warnings).toEqual([expect.stringContaining("17 % of what is coloured")]);
  });
});
