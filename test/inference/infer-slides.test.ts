import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { RandomStream, silentReporter } from "../../src/common/index.js";
import { generateTissueImage, patchResolution } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import {
  type InferSlidesOptions,
  inferSlides,
  recogniseInputs,
  type SegmentationSettings,
  type SlideResult,
} from "../../src/inference/index.js";
import { lockResults, requireFreeOutput, storedResult } from "../../src/inference/output.js";
import { claimedPaths } from "../../src/inference/slides/infer-slides.js";
import { patchIdentity, planSlide } from "../../src/inference/slides/plan-slide.js";
import { readStoredSlide } from "../../src/inference/slides/stored-slide.js";
import { resolutionOfPatches } from "../../src/inference/trained-resolution.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { errorOf, recordingReporter, temporaryFolder, writeText } from "../dataset/fixtures.js";
import { type MemorySlide, memorySlide } from "../support/memory-slide.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { hashesOf } from "../training/fixtures.js";

let base = "";
let run = "";

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "epsam-infer-slides-"));
  run = join(base, "run");
  await makeTinyRun(run);
}, 120_000);
afterAll(() => rm(base, { recursive: true }));

/** A tiled pyramid; `mpp` is null for one that does not tell its resolution. */
async function writeSlide(path: string, { width, height, data }: RgbImage, mpp: number | null = 0.5) {
  await mkdir(join(path, ".."), { recursive: true });
  const resolution = mpp === null ? {} : { xres: 1000 / mpp, yres: 1000 / mpp };
  await sharp(data, { raw: { width, height, channels: 3 } })
    .tiff({ tile: true, tileWidth: 64, tileHeight: 64, pyramid: true, compression: "deflate", ...resolution })
    .toFile(path);
}

function tissue(width: number, height: number): RgbImage {
  return generateTissueImage(new RandomStream(0, "slide"), { width, height, tumourNests: 1 }).image;
}

/** A call whose gate no patch passes, so that SAM is not needed. */
function closed(folder: string, changes: Partial<InferSlidesOptions> = {}): InferSlidesOptions {
  return {
    run,
    inputs: [join(folder, "slides")],
    out: join(folder, "out"),
    gate: 1,
    patchMpp: 0.5,
    tissue: "all",
    device: device("cpu", 1),
    reporter: silentReporter,
    ...changes,
  };
}

/** An annotation of one rectangle, left, top, right, bottom. */
function rectangle(left: number, top: number, right: number, bottom: number): string {
  const ring = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
    [left, top],
  ];
  const geometry = { type: "Polygon", coordinates: [ring] };
  const properties = { objectType: "annotation", classification: { name: "Tumor" } };
  return JSON.stringify({ type: "FeatureCollection", features: [{ type: "Feature", geometry, properties }] });
}

describeWithShared("a real slide", ["data/slides/bcss1008.tif"], () => {
  it("is segmented into files that agree with each other, and resumed without change", async () => {
    const folder = await temporaryFolder();
    const source = await openSlide(sharedPath("data", "slides", "bcss1008.tif"));
    const origin = { space: "level-0", x: 1000, y: 1000 } as const;
    const crop = await source.readRegion({ origin, level: 0, width: 220, height: 128 });
    await source.close();
    await writeSlide(join(folder, "slides", "crop.tif"), crop, 0.25);
    await mkdir(join(folder, "annotations"));
    await writeFile(join(folder, "annotations", "crop.geojson"), rectangle(0, 0, 110, 128));
    const options = closed(folder, { gate: 0, overlap: 0.25, annotations: join(folder, "annotations") });
    const { slides, skipped } = await inferSlides(options);
    expect(skipped).toEqual([]);
    const [slide] = slides;
    if (slide === undefined) throw new Error("no result");
    expect(slide.result.settings.reading).toEqual({ level: 1, pixelSize: 2, mpp: 0.5 });
    expect(slide.result.patches).toEqual({
      lattice: 2,
      tissue: 2,
      belowGate: 0,
      noActivation: 0,
      segmented: 2,
    });

    const mask = await openSlide(join(folder, "out", "crop", "mask.tif"));
    expect([mask.levels[0]?.width, mask.levels[0]?.height, mask.micronsPerPixel?.x]).toEqual([110, 64, 0.5]);
    const start = { space: "level-0", x: 0, y: 0 } as const;
    const { data } = await mask.readRegion({ origin: start, level: 0, width: 110, height: 64 });
    await mask.close();
    const outlines = await readAnnotations(join(folder, "out", "crop", "tumour.geojson"));
    const drawn = TumourRegion.of(outlines).rasterise({
      origin: start,
      pixelSize: { x: 2, y: 2 },
      width: 110,
      height: 64,
    });
    const different = drawn.data.filter((value, pixel) => value !== (data[pixel * 3] === 255 ? 1 : 0));
    const foreground = drawn.data.filter((value) => value === 1).length;
    // Outlines are simplified to half a pixel.
    expect(different.length).toBeLessThan(0.05 * drawn.data.length);
    const { agreement } = slide.result;
    if (agreement === null) throw new Error("nothing was compared");
    const { tp, fp, fn, tn } = agreement.outlines.confusion;
    expect([tp + fp, tp + fn, tp + fp + fn + tn]).toEqual([foreground, 55 * 64, 110 * 64]);
    expect(agreement.gate).toEqual({ tumourPatches: 1, passed: 1, recall: 1 });

    const files = await hashesOf(join(folder, "out"));
    expect(Object.keys(files).sort()).toEqual([
      "crop/activation.tif",
      "crop/inference.json",
      "crop/mask.tif",
      "crop/overlay.png",
      "crop/probability.tif",
      "crop/summary.json",
      "crop/tumour.geojson",
      "crop/tumour.xml",
      "summary.csv",
    ]);
    expect((await inferSlides({ ...options, resume: true })).resumed).toBe(1);
    expect(await hashesOf(join(folder, "out"))).toEqual(files);
    expect(await errorOf(inferSlides(options))).toMatch(
      /^\[usage\].*out\/crop: exists already.*`resume: true`/,
    );
  }, 600_000);
});

describe("pixels that a file lacks", () => {
  it("are counted after the reading, on the screen and in inference.json", async () => {
    const folder = await temporaryFolder();
    await writeText(join(folder, "slides", "sparse.tif"), "");
    const reporter = recordingReporter();
    const openSparse = async (path: string): Promise<PixelSource> => ({
      ...memorySlide(path, 256, 128, () => [200, 100, 150], { micronsPerPixel: { x: 0.5, y: 0.5 } }),
      coverage: async ({ origin }) => (origin.x < 64 ? "missing" : origin.x < 128 ? "finer" : "stored"),
    });
    const options = closed(folder, { overlap: 0, openSlide: openSparse, reporter });
    const { slides } = await inferSlides(options);
    const result = slides[0]?.result;
    if (result === undefined) throw new Error("no result");
    const { tissue } = result.patches;
    expect(result.warnings).toEqual([
      expect.stringContaining(
        `of ${tissue} patches with tissue have pixels that the file lacks, taken as white`,
      ),
      expect.stringContaining(`of ${tissue} patches with tissue are drawn in part from a finer level`),
    ]);
    expect(reporter.warnings).toEqual(result.warnings.map((warning) => `${result.file}: ${warning}.`));
  });
});

describe("inference on slides", () => {
  it("leaves out what is broken or tells no resolution, names it and goes on", async () => {
    const folder = await temporaryFolder();
    const [good, silent] = [join(folder, "slides", "good.tif"), join(folder, "slides", "silent.tif")];
    await writeSlide(good, tissue(100, 80));
    await writeSlide(silent, tissue(100, 80), null);
    const torn = join(folder, "slides", "torn.tif");
    await writeFile(torn, (await readFile(good)).subarray(0, 300));
    const reporter = recordingReporter();
    const { slides, skipped } = await inferSlides(closed(folder, { reporter }));
    expect(slides.map(({ name }) => name)).toEqual(["good"]);
    expect(slides[0]?.summary.tumour).toEqual({ level0Pixels: 0, squareMillimetres: 0 });
    expect(skipped.map(({ file }) => file)).toEqual([silent, torn]);
    expect(skipped[0]?.reason).toMatch(/does not tell its microns per pixel.*`mpp`/);
    expect(reporter.warnings.length).toBeGreaterThanOrEqual(2);
    const table = await readFile(join(folder, "out", "summary.csv"), "utf8");
    expect(table.trim().split("\n")).toHaveLength(2);
    await expect(stat(join(folder, "out", "good", "work"))).rejects.toThrow("ENOENT");

    const told = await inferSlides(closed(folder, { inputs: [silent], mpp: 0.25, overwrite: true }));
    expect(told.slides[0]?.result.settings.micronsPerPixel).toEqual({ x: 0.25, y: 0.25 });
    expect(told.slides[0]?.result.settings.reading.pixelSize).toBe(2);
  }, 300_000);

  it("reads slides as the run's dataset tells, and asks when that is gone", async () => {
    const folder = await temporaryFolder();
    await writeSlide(join(folder, "slides", "a.tif"), tissue(80, 70));
    const message = await errorOf(inferSlides(closed(folder, { patchMpp: undefined })));
    expect(message).toMatch(/^\[usage\].*resolution of the run's patches is not known.*`patchMpp`/);
  });

  it("leaves out a slide without tissue, of which it cannot say that it is free of tumour", async () => {
    const folder = await temporaryFolder();
    await writeSlide(join(folder, "slides", "good.tif"), tissue(512, 512));
    const grey = { width: 512, height: 512, data: new Uint8Array(512 * 512 * 3).fill(150) };
    await writeSlide(join(folder, "slides", "grey.tif"), grey);
    const { slides, skipped } = await inferSlides(closed(folder, { tissue: "otsu", overlap: 0 }));
    expect(slides.map(({ name }) => name)).toEqual(["good"]);
    expect(skipped.map(({ file }) => file)).toEqual([join(folder, "slides", "grey.tif")]);
    expect(skipped[0]?.reason).toMatch(
      /^has no tissue with a saturation above 8 of 255.*`tissue: 4`, or `tissue: all`/,
    );
  }, 300_000);

  it("refuses a folder without slides", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "slides"));
    expect(await errorOf(inferSlides(closed(folder)))).toMatch(/^\[usage\].*holds no slides/);
  });
});

describe("the least focus", () => {
  const model = {
    ...{ version: "0.1.0", seed: 0, configHash: "c", stage: "preliminary", gate: 0.5, tileSize: 64 },
    weights: { classifier: "w" },
  } as const;

  it("is a cell by default, none where microns are not known, which is said, and what is given", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "a.svs");
    await writeText(path, "a");
    const pink = () => [220, 120, 180] as const;
    const known = memorySlide(path, 256, 256, pink, { micronsPerPixel: { x: 0.5, y: 0.5 } });
    const unknown = memorySlide(path, 256, 256, pink);
    const leastOf = async (source: MemorySlide, options: Parameters<typeof planSlide>[3]) => {
      const { settings, warnings } = await planSlide(source, { level: 0 }, model, options);
      return [settings.outlines.minimumArea, warnings];
    };
    expect(await leastOf(known, {})).toEqual([80, []]);
    expect(await leastOf(known, { minimumArea: 0 })).toEqual([0, []]);
    expect(await leastOf(unknown, {})).toEqual([
      0,
      [expect.stringMatching(/foci of any size.*`mpp`.*`minimumArea`/)],
    ]);
    expect(await leastOf(unknown, { mpp: 0.25 })).toEqual([80, []]);
    expect(await leastOf(unknown, { minimumArea: 300 })).toEqual([300, []]);
  });
});

describe("a slide's result that is there already", () => {
  const settings: SegmentationSettings = {
    slide: { name: "a.tif", bytes: 1, modified: "2026-01-01T00:00:00.000Z" },
    model: {
      version: "0.1.0",
      seed: 0,
      configHash: "c",
      stage: "preliminary",
      gate: 0.5,
      tileSize: 64,
      weights: { classifier: "w" },
    },
    micronsPerPixel: { x: 0.25, y: 0.25 },
    reading: { level: 0, pixelSize: 2, mpp: 0.5 },
    overlap: 0.5,
    tissue: "otsu",
    outlines: { tolerance: null, minimumArea: 0 },
  };
  const patches = { lattice: 1, tissue: 1, belowGate: 1, noActivation: 0, segmented: 0 };
  const result: SlideResult = {
    formatVersion: 1,
    file: "a.tif",
    width: 10,
    height: 10,
    settings,
    patches,
    agreement: null,
    warnings: [],
  };

  const resultFile = (folder: string) => join(folder, "inference.json");
  const stored = (
    folder: string,
    wanted: SegmentationSettings,
    rule: { resume?: boolean; overwrite?: boolean },
  ) => storedResult(resultFile(folder), readStoredSlide, wanted, rule);
  const writeResult = (folder: string) => writeText(resultFile(folder), JSON.stringify(result));

  it("is kept when it comes from the same model, slide and settings, and only then", async () => {
    const folder = await temporaryFolder();
    await writeResult(folder);
    const resume = { resume: true };
    expect(await stored(folder, settings, resume)).toEqual(result);
    expect(await stored(folder, settings, {})).toBeNull();
    const others: Partial<SegmentationSettings> = {
      slide: { ...settings.slide, bytes: 2 },
      model: { ...settings.model, gate: 0.25 },
      overlap: 0.25,
      tissue: "all",
      outlines: { tolerance: 1, minimumArea: 0 },
    };
    for (const [key, value] of Object.entries(others)) {
      const changed = { ...settings, [key]: value };
      const message = await errorOf(stored(folder, changed, resume));
      expect(message).toMatch(
        new RegExp(`inference\\.json: is not a result of this call.*its ${key} differs`),
      );
      expect(await stored(folder, changed, { ...resume, overwrite: true })).toBeNull();
    }
    await writeFile(join(folder, "inference.json"), "{torn");
    expect(await errorOf(stored(folder, settings, resume))).toContain("its format differs");
  });

  it("lets a call go on with its patches when only the outlines change", () => {
    const outlines = { tolerance: 3, minimumArea: 100 };
    expect(patchIdentity({ ...settings, outlines })).toBe(patchIdentity(settings));
    expect(patchIdentity({ ...settings, overlap: 0.25 })).not.toBe(patchIdentity(settings));
  });

  it("is not replaced by a new call, and a stranger's folder never", async () => {
    const folder = await temporaryFolder();
    await writeResult(join(folder, "a"));
    await mkdir(join(folder, "b"));
    expect(await errorOf(requireFreeOutput(claimedPaths(folder, ["a"]), {}))).toMatch(
      /^\[usage\].*a: exists already.*`resume: true`/,
    );
    await requireFreeOutput(claimedPaths(folder, ["a", "c"]), { resume: true });
    expect(await errorOf(requireFreeOutput(claimedPaths(folder, ["b"]), { resume: true }))).toContain(
      "b: exists already",
    );
    await requireFreeOutput(claimedPaths(folder, ["b"]), { overwrite: true });
  });

  it("is not written by two at a time", async () => {
    const folder = join(await temporaryFolder(), "a");
    const lock = await lockResults(folder);
    const message = await errorOf(lockResults(folder));
    expect(message).toMatch(/^\[usage\].*a: process \d+ on .* is segmenting into this directory/);
    await lock.release();
    await (await lockResults(folder)).release();
  });
});

describe("the resolution that slides are read at", () => {
  const rows = (...mpps: (number | null)[]) => mpps.map((mpp) => ({ mpp, level: 1 }));

  it("is that of the run's patches", () => {
    expect(resolutionOfPatches(patchResolution(rows(0.5, null, 0.5)), "data")).toEqual({
      resolution: { mpp: 0.5 },
      note: null,
    });
    const { resolution, note } = resolutionOfPatches(patchResolution(rows(0.51, 0.5, 0.49)), "data");
    expect(resolution).toEqual({ mpp: 0.5 });
    expect(note).toContain("0.49 to 0.51 µm per pixel: 0.5 is used");
  });

  it("is the patches' level when they have none, which is said", () => {
    const { resolution, note } = resolutionOfPatches(patchResolution(rows(null, null)), "data");
    expect(resolution).toEqual({ level: 1 });
    expect(note).toContain("no microns per pixel: slides are read at level 1");
  });

  it("is asked for when the patches have several", () => {
    const several = patchResolution(rows(0.25, 0.5));
    expect(() => resolutionOfPatches(several, "data")).toThrow(
      /several magnifications.*0\.25 to 0\.5.*`patchMpp`/,
    );
  });
});

describe("slides and images", () => {
  it("are told apart by extension, and TIFF files by their tiles", async () => {
    const folder = await temporaryFolder();
    await writeSlide(join(folder, "slides", "a.tif"), tissue(80, 70));
    await mkdir(join(folder, "images"));
    const { width, height, data } = tissue(40, 40);
    const picture = sharp(data, { raw: { width, height, channels: 3 } });
    await picture
      .clone()
      .tiff({ tile: false })
      .toFile(join(folder, "images", "plain.tif"));
    await picture
      .clone()
      .png()
      .toFile(join(folder, "images", "b.png"));
    const recognised = (...names: string[]) => recogniseInputs(names.map((name) => join(folder, name)));
    const kinds = async (...names: string[]) => (await recognised(...names)).kind;
    expect(await kinds("slides", "slides/a.tif")).toBe("slides");
    expect(await kinds("images", "images/plain.tif", "images/b.png")).toBe("images");
    expect(await errorOf(kinds("slides/a.tif", "images/b.png"))).toMatch(/^\[usage\].*is a slide and .*`as`/);
    await picture
      .clone()
      .png()
      .toFile(join(folder, "slides", "overview.png"));
    expect(await kinds("slides")).toBe("slides");
    await picture
      .clone()
      .tiff({ tile: false })
      .toFile(join(folder, "slides", "z.tif"));
    const z = join(folder, "slides", "z.tif");
    expect(await recognised("slides")).toEqual({ kind: "slides", leaveOut: [z] });
    expect(await recognised("slides/z.tif", "slides/a.tif")).toEqual({ kind: "slides", leaveOut: [z] });
    expect(await errorOf(recognised("slides", "images"))).toMatch(/a\.tif is a slide and .*images.* is not/);
    await picture
      .clone()
      .tiff({ tile: false })
      .toFile(join(folder, "slides", "a_mask.tif"));
    await rm(join(folder, "slides", "z.tif"));
    expect(await kinds("slides")).toBe("slides");
    expect(await errorOf(kinds("nothing"))).toContain("does not exist");
  });
});
