import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GroupRoles, readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { type GeneratedSlides, writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import { generatePatients, type SyntheticOptions } from "../../src/dataset/index.js";
import { openSlide } from "../../src/slides/index.js";
import { hashesOf, makeFolder } from "../training/fixtures.js";

const tissue: SyntheticOptions = { count: 2, size: 600, seed: 3, imagesPerPatient: 1, micronsPerPixel: 0.5 };
let folder: string;
let written: GeneratedSlides;

beforeAll(async () => {
  folder = await makeFolder();
  const options = { ...tissue, micronsPerPixel: 0.5, reporter: silentReporter };
  written = await writeGeneratedSlides(join(folder, "one"), options);
  await writeGeneratedSlides(join(folder, "two"), options);
});

afterAll(() => rm(folder, { recursive: true }));

describe("generated slides", () => {
  it("are pyramids that tell their resolution and look like the tissue", async () => {
    const [expected] = [...generatePatients(tissue)];
    const slide = await openSlide(join(written.slides, "patient-01-image-01.tif"));
    expect(slide.levels.map(({ width }) => width)).toEqual([600, 300, 150]);
    expect(slide.micronsPerPixel?.x).toBeCloseTo(0.5, 6);
    const origin = { space: "level-0" as const, x: 0, y: 0 };
    const { data } = await slide.readRegion({ origin, level: 0, width: 600, height: 600 });
    const difference = data.reduce(
      (sum, value, i) => sum + Math.abs(value - (expected?.image.data[i] ?? 0)),
      0,
    );
    expect(difference / data.length).toBeLessThan(5);
    await slide.close();
  });

  it("have outlines that hold the tumour's pixels", async () => {
    const [, expected] = [...generatePatients(tissue)];
    const set = await readAnnotations(join(written.annotations, "patient-02-image-01.xml"));
    const region = TumourRegion.of(set, new GroupRoles());
    const origin = { space: "level-0" as const, x: 0, y: 0 };
    const { data } = region.rasterise({ origin, pixelSize: { x: 1, y: 1 }, width: 600, height: 600 });
    const wrong = data.reduce((sum, value, i) => sum + (value === expected?.mask.data[i] ? 0 : 1), 0);
    expect(wrong).toBe(0);
    expect(data).toContain(1);
  });

  it("are the same bytes for the same seed, and name their patients", async () => {
    expect(await hashesOf(join(folder, "one"))).toEqual(await hashesOf(join(folder, "two")));
    expect(await readFile(written.patients, "utf8")).toBe(
      "slide,patient\npatient-01-image-01,patient-01\npatient-02-image-01,patient-02\n",
    );
  });
});
