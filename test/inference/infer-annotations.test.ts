import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { placeOnSlide, readAnnotations } from "../../src/annotations/index.js";
import { RandomStream } from "../../src/common/index.js";
import { generateTissueImage } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { type InferSlidesOptions, inferSlides } from "../../src/inference/index.js";
import { imageSource, type PixelSource } from "../../src/slides/index.js";
import { recordingReporter, temporaryFolder, writeText } from "../dataset/fixtures.js";
import { makeTinyRun } from "../support/tiny-run.js";

const [WIDTH, HEIGHT] = [120, 100];
const bounds = { left: 40, top: 30, right: 120, bottom: 100 };
let base = "";

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "epsam-infer-annotations-"));
  await makeTinyRun(join(base, "run"));
}, 120_000);
afterAll(() => rm(base, { recursive: true }));

const polygon = (left: number, top: number, right: number, bottom: number) => ({
  type: "Polygon",
  coordinates: [
    [
      [left, top],
      [right, top],
      [right, bottom],
      [left, bottom],
      [left, top],
    ],
  ],
});

function geoJson(...geometries: readonly unknown[]): string {
  const properties = { objectType: "annotation", classification: { name: "Tumor" } };
  const features = geometries.map((geometry) => ({ type: "Feature", geometry, properties }));
  return JSON.stringify({ type: "FeatureCollection", features });
}

/** Segments a made slide for each annotation file, by name. */
async function segmented(files: Readonly<Record<string, string>>, changes: Partial<InferSlidesOptions> = {}) {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await writeText(join(folder, "slides", `${name}.svs`), name);
    await writeText(join(folder, "annotations", `${name}.geojson`), text);
  }
  const reporter = recordingReporter();
  const { image } = generateTissueImage(new RandomStream(0, "slide"), {
    ...{ width: WIDTH, height: HEIGHT, tumourNests: 1 },
  });
  const result = await inferSlides({
    ...{ run: join(base, "run"), inputs: [join(folder, "slides")], out: join(folder, "out"), gate: 1 },
    ...{ patchMpp: 0.5, mpp: 0.5, tissue: "all", device: device("cpu", 1), reporter },
    annotations: join(folder, "annotations"),
    openSlide: async (path): Promise<PixelSource> => ({ ...imageSource(path, image), bounds }),
    ...changes,
  });
  return { ...result, folder, warnings: reporter.warnings };
}

it("says what of an annotation was left out, and leaves out slides whose tumour is not known", async () => {
  const line = {
    type: "LineString",
    coordinates: [
      [5, 5],
      [30, 30],
    ],
  };
  const { slides, skipped, folder, warnings } = await segmented({
    good: geoJson(polygon(0, 0, 50, 50), line, polygon(60, 50, 500, 200)),
    line: geoJson(line),
    off: geoJson(polygon(5000, 0, 6000, 50)),
  });
  expect(slides.map(({ name }) => name)).toEqual(["good"]);
  expect(skipped.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/no tumour outline that can be used/),
    expect.stringMatching(/no outline that lies on the slide \(they reach from x 5040 to 6040/),
  ]);
  const record = JSON.parse(await readFile(join(folder, "out", "good", "inference.json"), "utf8"));
  expect(record.warnings).toEqual([
    "features[1].geometry: a line has no area; it is left out",
    expect.stringMatching(
      /^1 of 2 outlines reach beyond the slide.*x 40 to 540 and y 30 to 230, the slide has 120 × 100/,
    ),
    expect.stringMatching(/^1 mark of the group "Tumor" \(a line\) without area; the agreement counts them/),
  ]);
  for (const warning of record.warnings) {
    expect(warnings.some((told) => told.includes(warning) && told.includes("good.svs"))).toBe(true);
  }
  // Nothing was found: what is missed is the annotated area on the slide, counted from the corner of the bounds.
  expect(record.agreement.mask.confusion.fn).toBe(50 * 50 + 20 * 20);
}, 120_000);

it("writes GeoJSON as QuPath counts and ASAP's XML as ASAP does; both read back are the same", async () => {
  const truth = { a: geoJson(polygon(0, 0, 90, 60)) };
  const { slides, folder } = await segmented(truth, { gate: 0, overlap: 0 });
  const [slide] = slides;
  expect(slide?.result.settings.outlines.geoJsonOrigin).toEqual({ x: 40, y: 30 });
  const levels = [{ width: WIDTH, height: HEIGHT, downsample: 1, tileSize: null }];
  const outlines = async (from: string, file: string) => {
    const set = await readAnnotations(join(from, "out", "a", file));
    const placed = placeOnSlide(set, { levels, bounds });
    expect(placed.warnings).toEqual([]);
    return placed.annotations.flatMap(({ polygons }) => polygons).map(({ outer }) => [...outer.coordinates]);
  };
  const found = await outlines(folder, "tumour.geojson");
  expect(found.length).toBeGreaterThan(0);
  expect(await outlines(folder, "tumour.xml")).toEqual(expect.arrayContaining(found));
  const [first] = JSON.parse(await readFile(join(folder, "out", "a", "tumour.geojson"), "utf8")).features;
  const [x, y] = first.geometry.coordinates[0][0];
  expect([x + 40, y + 30]).toEqual(found[0]?.slice(0, 2));
  const agreement = slide?.result.agreement;
  expect(agreement?.outlines.dice).toBeGreaterThan((agreement?.mask.dice ?? 1) - 0.02);
  expect(agreement?.mask.dice).toBeGreaterThan(0);

  const whole = await segmented(truth, { gate: 0, overlap: 0, annotationOrigin: "slide" });
  expect(await outlines(whole.folder, "tumour.geojson")).toEqual(found);
  const plain = JSON.parse(await readFile(join(whole.folder, "out", "a", "tumour.geojson"), "utf8"));
  expect(plain.features[0].geometry.coordinates[0][0]).toEqual(found[0]?.slice(0, 2));
  const annotated = [slide, whole.slides[0]].map((one) => {
    const { tp = 0, fn = 0 } = one?.result.agreement?.mask.confusion ?? {};
    return tp + fn;
  });
  expect(annotated).toEqual([80 * 60, 90 * 60]);
}, 300_000);
