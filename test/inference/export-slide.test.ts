import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "csv-parse/sync";
import { describe, expect, it } from "vitest";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { RandomStream } from "../../src/common/index.js";
import { maximumDiameter } from "../../src/geometry/index.js";
import { type Mask, readRgbImage } from "../../src/imaging/index.js";
import {
  annotationsOfFoci,
  exportSlideResults,
  type Focus,
  RESEARCH_USE,
  rasterOf,
  readSummaryJson,
  SLIDE_RESULT_FILES,
  sizeClassOf,
  summariseFoci,
  traceFoci,
  writeFociAsapXml,
  writeFociGeoJson,
  writeSlideOverlay,
  writeSummaryCsv,
} from "../../src/inference/export/index.js";
import { openSlide } from "../../src/slides/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { blobMask, differenceOf, maskOf } from "./outline-fixtures.js";

const files = temporaryDirectory();
const micronsPerPixel = { x: 0.25, y: 0.25 };
const identity = { run: "run-1", slide: "slide-1" };
const mask255 = (mask: Mask): Mask => ({ ...mask, data: mask.data.map((value) => 255 * value) });

const gridOf = ({ width, height }: Mask, downsample: number) => ({
  origin: { space: "level-0", x: 0, y: 0 } as const,
  pixelSize: { x: downsample, y: downsample },
  width,
  height,
});

describe("foci as annotations", () => {
  const mask = mask255(blobMask(new RandomStream(11, "round trip"), 150, 130, 7));
  const raster = rasterOf(mask, 4, 64);
  const writers = [
    ["GeoJSON", "foci.geojson", writeFociGeoJson],
    ["ASAP XML", "foci.xml", writeFociAsapXml],
  ] as const;

  it.each(writers)("come back from %s as the very mask when not simplified", async (_, name, write) => {
    const foci = await traceFoci(raster, { micronsPerPixel, tolerance: 0 });
    const path = files.path(`exact-${name}`);
    await write(path, foci, { identity });
    const back = TumourRegion.of(await readAnnotations(path)).rasterise(gridOf(mask, 4));
    expect(differenceOf(mask255(back), mask)).toMatchObject({ differing: 0, beyondBoundary: 0 });
  });

  it.each(writers)(
    "come back from %s within one pixel of the boundary when simplified",
    async (_, name, write) => {
      for (const downsample of [1, 4, 4.0003]) {
        const foci = await traceFoci(rasterOf(mask, downsample, 64), { micronsPerPixel });
        const path = files.path(`simple-${name}`);
        await write(path, foci, { identity });
        const back = TumourRegion.of(await readAnnotations(path)).rasterise(gridOf(mask, downsample));
        const { differing, beyondBoundary } = differenceOf(mask, mask255(back));
        expect(beyondBoundary).toBe(0);
        expect(differing).toBeLessThan(0.02 * mask.data.length);
      }
    },
  );

  it("are classified objects of QuPath with the same identifiers every time", async () => {
    const foci = await traceFoci(raster, { micronsPerPixel, probability: raster });
    await writeFociGeoJson(files.path("a.geojson"), foci, { identity });
    await writeFociGeoJson(files.path("b.geojson"), foci, { identity });
    const text = await readFile(files.path("a.geojson"), "utf8");
    expect(await readFile(files.path("b.geojson"), "utf8")).toBe(text);
    const { type, features } = JSON.parse(text);
    expect(type).toBe("FeatureCollection");
    expect(features).toHaveLength(foci.length);
    expect(features[0]).toMatchObject({
      type: "Feature",
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      properties: {
        objectType: "annotation",
        name: "Focus 1",
        classification: { name: "Tumor", color: [200, 0, 0] },
        measurements: { "Area µm^2": foci[0]?.areaMicrons, "Mean tumor probability": 1 },
      },
    });
    const others = annotationsOfFoci(foci, { identity: { ...identity, run: "run-2" } });
    const identifiers = [...features.map(({ id }: { id: string }) => id), ...others.map(({ id }) => id)];
    expect(new Set(identifiers).size).toBe(2 * foci.length);
  });

  it("measure in pixels without a resolution", async () => {
    const [focus] = annotationsOfFoci(await traceFoci(raster, { micronsPerPixel: null }), { identity });
    expect(Object.keys(focus?.measurements ?? {})).toEqual(["Area px^2", "Max diameter px"]);
  });
});

describe("figures of foci", () => {
  it("find the largest diameter of a ring as comparing all pairs does", () => {
    const random = new RandomStream(2, "feret");
    for (let round = 0; round < 50; round++) {
      const ring = Array.from({ length: 2 * (1 + random.integer(40)) }, () => random.integer(60));
      let largest = 0;
      for (let a = 0; a < ring.length; a += 2) {
        for (let b = 0; b < a; b += 2) {
          const [dx, dy] = [(ring[a] ?? 0) - (ring[b] ?? 0), (ring[a + 1] ?? 0) - (ring[b + 1] ?? 0)];
          largest = Math.max(largest, Math.hypot(2 * dx, dy));
        }
      }
      expect(maximumDiameter(ring, { x: 2, y: 1 })).toBeCloseTo(largest, 9);
    }
  });

  it.each([
    [0.1, "isolated tumour cells"],
    [200, "isolated tumour cells"],
    [200.1, "micrometastasis"],
    [2000, "micrometastasis"],
    [2000.1, "macrometastasis"],
  ])("class a focus of %d microns as %s", (diameter, expected) => {
    expect(sizeClassOf(diameter)).toBe(expected);
  });

  it("add up to a summary, which the files give back", async () => {
    // At 100 microns a pixel: a long thin macrometastasis, a wide micrometastasis, a single pixel.
    const thin = maskOf([
      "1".repeat(25),
      "0".repeat(25),
      `${"1".repeat(8)}${"0".repeat(17)}`,
      ...Array.from({ length: 7 }, () => `${"1".repeat(8)}${"0".repeat(16)}0`),
      `${"0".repeat(24)}1`,
    ]);
    const raster = rasterOf(mask255(thin), 10, 16);
    const microns = { x: 10, y: 10 };
    const input = { mask: raster, micronsPerPixel: microns, level0TissueArea: 200 * 100, identity };
    const foci = await traceFoci(raster, { micronsPerPixel: microns });
    const summary = summariseFoci(foci, input);
    expect(summary).toMatchObject({
      notice: RESEARCH_USE,
      tumour: { level0Pixels: 9000, squareMillimetres: expect.closeTo(0.9, 12) },
      tissue: { level0Pixels: 20_000, squareMillimetres: expect.closeTo(2, 12) },
      tumourToTissue: 0.45,
      foci: { count: 3, isolatedTumourCells: 1, micrometastases: 1, macrometastases: 1 },
      largestFocus: {
        diameterMillimetres: expect.closeTo(2.5, 12),
        squareMillimetres: expect.closeTo(0.25, 12),
        sizeClass: "macrometastasis",
      },
    });
    const unknown = summariseFoci(await traceFoci(raster, { micronsPerPixel: null }), {
      ...input,
      micronsPerPixel: null,
      level0TissueArea: null,
    });
    expect(unknown).toMatchObject({
      tumour: { level0Pixels: 9000, squareMillimetres: null },
      tumourToTissue: null,
      foci: { count: 3, macrometastases: null },
      largestFocus: { diameterMillimetres: null, sizeClass: null, diameterLevel0Pixels: 250 },
    });
    await writeSummaryCsv(files.path("summary.csv"), [summary, unknown]);
    const rows = parse(await readFile(files.path("summary.csv")), { columns: true });
    expect(rows).toMatchObject([
      { slide: "slide-1", foci: "3", largest_size_class: "macrometastasis", notice: RESEARCH_USE },
      { tumour_mm2: "", micrometastases: "", tumour_level0_pixels: "9000" },
    ]);
  });

  it("hold no cell that a spreadsheet would compute", async () => {
    const mask = rasterOf(maskOf(["0"]), 10, 16);
    const named = (slide: string, run: string) =>
      summariseFoci([], { mask, micronsPerPixel, level0TissueArea: 0, identity: { slide, run } });
    const dangerous = named('=HYPERLINK("http://a.example","b").svs', "@run");
    await writeSummaryCsv(files.path("formulas.csv"), [
      dangerous,
      named("-1+2.svs", "+3"),
      named("a=b.svs", "run-1"),
    ]);
    const rows = parse(await readFile(files.path("formulas.csv")), { columns: true });
    expect(rows).toMatchObject([
      { slide: `'=HYPERLINK("http://a.example","b").svs`, run: "'@run", tumour_mm2: "0" },
      { slide: "'-1+2.svs", run: "'+3" },
      { slide: "a=b.svs", run: "run-1" },
    ]);
  });

  it("leave specks out of outlines and figures, count them, and keep them in the mask", async () => {
    // At half a micron a pixel: 20 x 20 pixels are 100 square microns, and 17 x 17 less than 80.
    const data = new Uint8Array(64 * 64);
    const draw = (left: number, top: number, side: number): void => {
      for (let y = top; y < top + side; y++) data.fill(255, y * 64 + left, y * 64 + left + side);
    };
    draw(2, 2, 20);
    draw(40, 2, 17);
    draw(2, 40, 1);
    const input = {
      mask: rasterOf({ width: 64, height: 64, data }, 1, 64),
      ...{ probability: null, activation: null, level0TissueArea: null, identity },
      micronsPerPixel: { x: 0.5, y: 0.5 },
    };
    const source = memorySlide("slide", 64, 64, () => [200, 100, 150]);
    const folder = await files.folder();
    const { summary, foci } = await exportSlideResults(source, input, folder, { minimumArea: 80 });
    expect(foci).toHaveLength(1);
    expect(summary).toMatchObject({
      tumour: { level0Pixels: 400 },
      foci: { count: 1, isolatedTumourCells: 1, leftOut: { count: 2, level0Pixels: 290, minimumArea: 80 } },
    });
    expect(await readSummaryJson(join(folder, SLIDE_RESULT_FILES.summary))).toEqual(summary);
    for (const name of [SLIDE_RESULT_FILES.geojson, SLIDE_RESULT_FILES.asapXml]) {
      const { annotations } = await readAnnotations(join(folder, name));
      expect(annotations).toHaveLength(1);
    }
    const mask = await openSlide(join(folder, SLIDE_RESULT_FILES.mask));
    const origin = { space: "level-0", x: 0, y: 0 } as const;
    const pixels = await mask.readRegion({ origin, level: 0, width: 64, height: 64 });
    await mask.close();
    expect(pixels.data.filter((value, at) => at % 3 === 0 && value === 255)).toHaveLength(690);
  });

  it("say so when there is no focus and no tissue", () => {
    const none: readonly Focus[] = [];
    const mask = rasterOf(maskOf(["0"]), 10, 16);
    const input = { mask, micronsPerPixel, level0TissueArea: 0, identity };
    expect(summariseFoci(none, input)).toMatchObject({
      tumour: { level0Pixels: 0, squareMillimetres: 0 },
      tumourToTissue: null,
      foci: { count: 0, isolatedTumourCells: 0 },
      largestFocus: null,
    });
  });
});

describe("writeSlideOverlay", () => {
  const slide = memorySlide("slide", 4000, 2000, () => [200, 100, 150]);

  it("shows tumour where it is, single pixels too", async () => {
    const width = 1000;
    const data = new Uint8Array(width * 500);
    for (let y = 100; y < 200; y++) data.fill(255, y * width + 600, y * width + 800);
    data[400 * width + 50] = 255;
    const path = files.path("overlay.png");
    await writeSlideOverlay(path, slide, rasterOf({ width, height: 500, data }, 4, 256), { size: 400 });
    const image = await readRgbImage(path);
    expect([image.width, image.height]).toEqual([400, 200]);
    const at = (x: number, y: number): number[] => [
      ...image.data.subarray(3 * (y * 400 + x), 3 * (y * 400 + x) + 3),
    ];
    expect(at(10, 10)).toEqual([200, 100, 150]);
    expect(at(280, 60)).toEqual([140, 147, 124]);
    expect(at(240, 60)).toEqual([0, 255, 64]);
    expect(at(238, 60)).toEqual([200, 100, 150]);
    expect(at(20, 160)).toEqual([0, 255, 64]);
  });
});

describe("exportSlideResults", () => {
  const slide = memorySlide("slide", 1200, 900, () => [220, 180, 200], { micronsPerPixel });

  it("writes everything, the summary last", async () => {
    const mask = rasterOf(mask255(blobMask(new RandomStream(4, "export"), 300, 225, 5)), 4, 64);
    const input = {
      mask,
      probability: mask,
      activation: null,
      micronsPerPixel,
      level0TissueArea: 500_000,
      identity,
    };
    const seen: string[] = [];
    const folder = files.path("slide-1");
    const result = await exportSlideResults(slide, input, folder, { onFile: (name) => seen.push(name) });
    const { activation: _, ...names } = SLIDE_RESULT_FILES;
    expect(result.files).toEqual(Object.values(names));
    expect(seen).toEqual(result.files);
    expect(await readSummaryJson(`${folder}/summary.json`)).toEqual(result.summary);
    expect(result.summary.foci.count).toBe(result.foci.length);
    const tiff = await openSlide(`${folder}/mask.tif`);
    expect(tiff.levels[0]).toMatchObject({ width: 300, height: 225 });
    expect(tiff.micronsPerPixel?.x).toBeCloseTo(1, 8);
    await tiff.close();
    expect(await readSummaryJson(`${folder}/tumour.geojson`)).toBeUndefined();
  });

  it("stops when aborted", async () => {
    const mask = rasterOf(mask255(maskOf(["11"])), 4, 16);
    const input = {
      mask,
      probability: null,
      activation: null,
      micronsPerPixel,
      level0TissueArea: null,
      identity,
    };
    const options = { signal: AbortSignal.abort() };
    await expect(exportSlideResults(slide, input, files.path("aborted"), options)).rejects.toThrow("aborted");
  });
});
