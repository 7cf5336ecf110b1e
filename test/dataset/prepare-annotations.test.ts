import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { openDataset, type PrepareSlidesOptions, prepareSlides } from "../../src/dataset/index.js";
import type { PixelSource } from "../../src/slides/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { recordingReporter, temporaryFolder, writeText } from "./fixtures.js";

vi.setConfig({ testTimeout: 60_000 });

/** A rectangle as GeoJSON has it. */
function ring(left: number, top: number, right: number, bottom: number): number[][] {
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
    [left, top],
  ];
}

function geoJson(geometries: readonly unknown[], properties: object = {}): string {
  const features = geometries.map((geometry) => ({
    ...{ type: "Feature", geometry },
    properties: { classification: { name: "Tumor" }, ...properties },
  }));
  return JSON.stringify({ type: "FeatureCollection", features });
}

const polygon = (...rings: unknown[]) => ({ type: "Polygon", coordinates: rings });

/** Prepares slides of 256 × 192 pixels in patches of 64, with these annotations by name; nothing is tissue alone. */
async function prepared(
  files: Readonly<Record<string, string>>,
  { bounds, ...changes }: Partial<PrepareSlidesOptions> & Pick<PixelSource, "bounds"> = {},
) {
  const folder = await temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    await writeText(join(folder, "slides", `${name}.svs`), name);
    await writeText(join(folder, "annotations", `${name}.geojson`), text);
  }
  const reporter = recordingReporter();
  const result = await prepareSlides({
    ...{ inputs: [join(folder, "slides")], annotations: join(folder, "annotations") },
    ...{ out: join(folder, "dataset"), patchSize: 64, tissue: "all", split: [1, 0, 0], reporter },
    openSlide: async (path) => ({ ...memorySlide(path, 256, 192, () => [200, 90, 150]), bounds }),
    positiveRange: [0.1, 1],
    ...changes,
  });
  const description = JSON.parse(await readFile(join(result.root, "dataset.json"), "utf8"));
  const { patches } = await openDataset(result.root);
  const labels = new Map(patches.map(({ id, label }) => [id, label]));
  return { result, labels, description, warnings: reporter.warnings, folder };
}

it("skips slides whose only tumour marks were left out, or lie off the slide, and names them", async () => {
  const { result, description } = await prepared({
    good: geoJson([polygon(ring(0, 0, 100, 192))]),
    line: geoJson([{ type: "LineString", coordinates: ring(0, 0, 100, 192) }]),
    dots: geoJson([{ type: "MultiPoint", coordinates: [[10, 10]] }]),
    off: geoJson([polygon(ring(55_000, 0, 56_000, 100))]),
    empty: geoJson([polygon()]),
  });
  expect(description.sources.map(({ slide }: { slide: string }) => slide)).toEqual(["good.svs"]);
  const reasons = Object.fromEntries(
    result.skipped.map(({ file, reason }) => [file.replace(/.*\//, ""), reason]),
  );
  expect(Object.keys(reasons).sort()).toEqual(["dots.svs", "empty.svs", "line.svs", "off.svs"]);
  for (const name of ["dots", "empty", "line"]) {
    expect(reasons[`${name}.svs`]).toMatch(
      /no tumour outline that can be used .*cannot be taken for free of tumour/,
    );
  }
  expect(reasons["off.svs"]).toMatch(/x 55000 to 56000 and y 0 to 100, the slide has 256 × 192 pixels/);
});

it("goes on beside marks that were left out: they are told, and patches there are not labelled", async () => {
  const line = { type: "LineString", coordinates: ring(200, 10, 250, 60) };
  const { labels, description, warnings } = await prepared({
    a: geoJson([polygon(ring(0, 0, 64, 192)), polygon(), line, polygon(ring(-30, 0, 20, 64))]),
  });
  // Without the line, x 192, y 0 would be free of tumour.
  expect(labels.has("a_x192_y0")).toBe(false);
  expect([labels.get("a_x192_y64"), labels.get("a_x128_y0"), labels.get("a_x0_y128")]).toEqual([0, 0, 1]);
  expect(labels.size).toBe(11);
  expect(description.discarded.notKnown).toBe(1);
  expect(description.sources[0].warnings).toEqual([
    "features[1].geometry.coordinates: an empty geometry has no area; it is left out",
    "features[2].geometry: a line has no area; it is left out",
    expect.stringMatching(/1 of 2 outlines reach beyond the slide.*x -30 to 64/),
    expect.stringMatching(
      /^1 mark of the group "Tumor" \(a line\) without area; patches there are not labelled/,
    ),
  ]);
  for (const warning of description.sources[0].warnings) {
    expect(warnings.some((told) => told.includes(warning) && told.includes("a.svs"))).toBe(true);
  }
});

it("counts QuPath's coordinates from the corner of what was scanned, unless told otherwise", async () => {
  const bounds = { left: 64, top: 64, right: 256, bottom: 192 };
  const text = geoJson([polygon(ring(0, 0, 64, 64))], { objectType: "annotation" });
  const positives = async (changes: Partial<PrepareSlidesOptions>) => {
    const { labels, description } = await prepared({ a: text }, { bounds, ...changes });
    expect(description.settings.annotationOrigin).toBe(changes.annotationOrigin ?? null);
    return [...labels].filter(([, label]) => label === 1).map(([id]) => id);
  };
  expect(await positives({})).toEqual(["a_x64_y64"]);
  expect(await positives({ annotationOrigin: "bounds" })).toEqual(["a_x64_y64"]);
  expect(await positives({ annotationOrigin: "slide" })).toEqual(["a_x0_y0"]);
});

it("asks where coordinates begin when the file does not tell and it matters", async () => {
  const bounds = { left: 64, top: 64, right: 256, bottom: 192 };
  const known = geoJson([polygon(ring(0, 0, 64, 64))], { objectType: "annotation" });
  const { result } = await prepared({ known, other: geoJson([polygon(ring(0, 0, 64, 64))]) }, { bounds });
  expect(result.skipped).toHaveLength(1);
  expect(result.skipped[0]?.reason).toMatch(
    /does not tell where its coordinates begin.*`annotationOrigin: bounds`/,
  );
});

it("leaves a slide out when all of the outlined tumour lies where no patch has tissue", async () => {
  const outline = polygon(ring(0, 0, 60, 60));
  // Tissue on the right alone: the outline is of another scan, or another scale.
  const colour = (x: number) => (x < 128 ? ([245, 245, 245] as const) : ([200, 90, 150] as const));
  const { description } = await prepared(
    { a: geoJson([outline]), b: geoJson([polygon(ring(128, 0, 256, 64))]) },
    { tissue: 40, openSlide: async (path) => memorySlide(path, 256, 192, colour) },
  );
  expect(description.skipped).toEqual([
    {
      file: "a.svs",
      reason: expect.stringMatching(/^tumour is outlined, and none of the 6 patches with tissue has any/),
    },
  ]);
  expect(description.sources.map(({ warnings }: { warnings: string[] }) => warnings)).toEqual([[]]);
});

it("tells the share of the outlined tumour on glass", async () => {
  const colour = (x: number) => (x < 128 ? ([245, 245, 245] as const) : ([200, 90, 150] as const));
  const { description } = await prepared(
    { a: geoJson([polygon(ring(0, 0, 192, 64))]), b: geoJson([polygon(ring(64, 0, 256, 64))]) },
    { tissue: 40, openSlide: async (path) => memorySlide(path, 256, 192, colour) },
  );
  expect(description.sources.map(({ warnings }: { warnings: string[] }) => warnings)).toEqual([
    [
      expect.stringMatching(
        /^67 % of the outlined tumour lies where no tissue was found; do the annotations/,
      ),
    ],
    [],
  ]);
});

it("records what every group was taken as, and names groups that were given a meaning and are nowhere", async () => {
  const of = (name: string) => ({ classification: { name } });
  const features = [
    { ...JSON.parse(geoJson([polygon(ring(0, 0, 100, 192))])).features[0] },
    { ...JSON.parse(geoJson([polygon(ring(110, 0, 140, 64))], of("Ignore*"))).features[0] },
    { ...JSON.parse(geoJson([polygon(ring(150, 0, 170, 64))], of("Tumor, in situ"))).features[0] },
  ];
  const file = JSON.stringify({ type: "FeatureCollection", features });
  const groups = { ignored: ["tumor, IN SITU", "Necrosis"], exclusion: ["Ignore*"] };
  const { description, warnings } = await prepared({ a: file }, { groups });
  expect(description.sources[0].groups).toEqual({
    "Ignore*": "exclusion",
    Tumor: "tumour",
    "Tumor, in situ": "ignored",
  });
  const told =
    "`groups.ignored` names a group that nothing is drawn in: Necrosis; check how they are spelt, the annotations have Ignore*, Tumor, Tumor, in situ.";
  expect(warnings).toContain(told);
  expect(description.warnings).toEqual([told]);
});
