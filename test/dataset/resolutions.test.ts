import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { picture } from "../../scripts/fixtures/pictures.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff, short, Type } from "../../scripts/fixtures/tiff-writer.js";
import {
  checkOneMagnification,
  checkSameMagnification,
  prepareDataset,
  prepareSlides,
} from "../../src/dataset/index.js";
import { writeMaskPng } from "../../src/imaging/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { errorOf, recordingReporter, temporaryFolder, writeText } from "./fixtures.js";
import { pinkOf } from "./slide-pixels.js";
import { slideWorkplace } from "./slide-workplace.js";

vi.setConfig({ testTimeout: 60_000 });

/** Slides by name with the microns per pixel that they tell, and a preparation of them at their own level 0. */
function workplace(slides: Readonly<Record<string, number | null>>) {
  const names = Object.keys(slides);
  return slideWorkplace(
    names.map((name) => `${name}.svs`),
    names.map((name) => `${name}.geojson`),
    async (path) => {
      const mpp = slides[path.replace(/.*\/|\.svs$/g, "")] ?? null;
      return memorySlide(path, 256, 192, pinkOf(path), {
        micronsPerPixel: mpp === null ? null : { x: mpp, y: mpp },
      });
    },
  );
}

describe("slides that are read as they were scanned", () => {
  it("are refused together from a factor of 1.5, with both numbers, unless that is meant", async () => {
    const { options, reporter, description } = await workplace({ a: 0.25, b: 0.5 });
    const refused = await errorOf(prepareSlides(options));
    expect(refused).toMatch(/^\[usage\] b\.svs: has 0\.5 µm per pixel, a\.svs 0\.25 \(a factor of 2/);
    expect(refused).toMatch(/`mpp: 0\.5`.*`overwrite: true`.*`anyResolution: true`/);
    const { warnings, hash } = await prepareSlides({ ...options, anyResolution: true });
    expect(warnings).toEqual([
      expect.stringMatching(/^b\.svs has 0\.5 µm per pixel, a\.svs 0\.25: a factor of 2/),
    ]);
    expect(reporter.warnings).toContain(warnings[0]);
    expect(await description()).toMatchObject({ hash, warnings });
    const resampled = await prepareSlides({ ...options, patchSize: 32, mpp: 0.5, overwrite: true });
    expect(resampled.warnings).toEqual([]);
  });

  it("are told below that, unless scanners of one make differ so, and so are those that tell none", async () => {
    const near = await workplace({ a: 0.2265, b: 0.2432 });
    expect((await prepareSlides(near.options)).warnings).toEqual([]);
    const far = await workplace({ a: 0.25, b: 0.33, c: null });
    expect((await prepareSlides(far.options)).warnings).toEqual([
      expect.stringMatching(/^b\.svs has 0\.33 µm per pixel, a\.svs 0\.25: a factor of 1\.3/),
      expect.stringMatching(/^c\.svs: no microns per pixel, and others have 0\.25/),
    ]);
    expect((await prepareSlides((await workplace({ a: null, b: null })).options)).warnings).toEqual([]);
  });

  it("go on with what was done before the one that differs", async () => {
    const { options, folder } = await workplace({ a: 0.25, b: 0.5 });
    await errorOf(prepareSlides(options));
    const state = JSON.parse(await readFile(join(folder, "dataset.partial", "state.json"), "utf8"));
    expect(state.slides).toMatchObject({ a: { state: "examined" }, b: { state: "examined" } });
  });
});

describe("a table of resolutions", () => {
  it("that says another magnification than the file counts, and both are told", async () => {
    const { folder, options } = await workplace({ a: 0.25, b: 0.25 });
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, "slide,mpp\na,0.5\n");
    const wanted = { ...options, mppTable, mpp: 0.5, patchSize: 32 };
    const reporter = recordingReporter();
    const { skipped } = await prepareSlides({ ...wanted, reporter });
    expect(skipped).toEqual([]);
    expect(reporter.warnings).toContainEqual(
      expect.stringMatching(/a\.svs: the file tells 0\.25 µm per pixel, the table 0\.5; the table's is used/),
    );
  });
});

describe("images", () => {
  const tagged = (mpp: number) => {
    const rational = [Math.round(10_000 / mpp), 1];
    // Another picture for each, since the same under two names would be told, too.
    const { width, height, data } = picture(128, 128);
    const image = { width, height, data: data.map((value) => (value * mpp) & 255) };
    return buildTiff([
      deflatePage(image, 64, [
        { tag: 282, type: Type.Rational, values: rational },
        { tag: 283, type: Type.Rational, values: rational },
        short(296, 3),
      ]),
    ]);
  };

  it("whose tags tell another magnification than each other are refused; a given `mpp` counts, and both are told", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "images"));
    const data = new Uint8Array(128 * 128).map((_, pixel) => (pixel % 128 < 40 ? 1 : 0));
    for (const [name, mpp] of [
      ["a", 0.25],
      ["b", 0.5],
    ] as const) {
      await writeFile(join(folder, "images", `${name}.tif`), tagged(mpp));
      await writeMaskPng(join(folder, "masks", `${name}.png`), { width: 128, height: 128, data });
    }
    const options = {
      inputs: [join(folder, "images")],
      masks: join(folder, "masks"),
      out: join(folder, "dataset"),
      patchSize: 32,
      split: [1, 0, 0],
      positiveRange: [0.1, 1],
      inputKind: "images",
    } as const;
    expect(await errorOf(prepareDataset(options))).toMatch(/b\.tif: has 0\.5 µm per pixel, a\.tif 0\.25/);
    const given = await prepareDataset({ ...options, mpp: 0.25, out: join(folder, "given") });
    expect(given.warnings).toEqual([expect.stringMatching(/b\.tif has 0\.5 µm per pixel, `mpp` 0\.25/)]);
    const { warnings } = await prepareDataset({ ...options, anyResolution: true });
    expect(warnings).toEqual([expect.stringMatching(/b\.tif has 0\.5 µm per pixel, a\.tif 0\.25/)]);
  });
});

describe("data that are compared", () => {
  const patches = (of: string, mpp: number | null, level = 0) => ({
    of,
    resolution: { mpp: mpp === null ? null : { finest: mpp, median: mpp, coarsest: mpp }, level },
  });
  const rule = { action: "Do." };

  it("are of one magnification, told where they differ, and refused from a factor of 1.5", () => {
    expect(checkSameMagnification(patches("a", 0.5), patches("b", 0.52), rule)).toEqual([]);
    expect(checkSameMagnification(patches("a", 0.5), patches("b", 0.4), rule)).toEqual([
      "b has 0.4 µm per pixel, a 0.5: a factor of 1.3 in the size of cells",
    ]);
    expect(() => checkSameMagnification(patches("a", 0.5), patches("b", 0.25), rule)).toThrow(
      /b: has 0\.25 µm per pixel, a 0\.5 .*Do\. Pass `anyResolution: true`/,
    );
    const several = { of: "a", resolution: { mpp: { finest: 0.25, median: 0.25, coarsest: 0.5 }, level: 0 } };
    expect(() => checkOneMagnification(several, rule)).toThrow(/the coarsest patch of a: has 0\.5/);
  });

  it("may not tell, which is said", () => {
    expect(checkSameMagnification(patches("a", 0.5), patches("b", null), rule)).toEqual([
      expect.stringMatching(/^b has no microns per pixel, a has 0\.5/),
    ]);
    expect(checkSameMagnification(patches("a", null), patches("b", null), rule)).toEqual([]);
    expect(checkSameMagnification(patches("a", null, 1), patches("b", null), rule)).toEqual([
      expect.stringMatching(/^b was read at level 0, a at level 1/),
    ]);
  });
});
