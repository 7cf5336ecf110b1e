import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { expect, it } from "vitest";
import { type CoordinateOrigin, parseAnnotations } from "../../src/annotations/index.js";
import { silentReporter } from "../../src/common/index.js";
import type { AnnotationImport, AnnotationState, ProblemBody } from "../../src/contract/index.js";
import { annotationRoutes } from "../../src/server/annotations/index.js";
import { createServerContext } from "../../src/server/context.js";
import { SlideLayers } from "../../src/server/layers/slide-layers.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { findResults } from "../../src/server/results/find-results.js";
import { readSlideResults } from "../../src/server/results/slide-results.js";
import { addAnnotationFolder } from "../../src/server/workspace/recognise.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { areaFrom, objectOf, square, uuid } from "./annotation-fixtures.js";

const files = temporaryDirectory();
const bounds = { left: 100, top: 50, right: 600, bottom: 450 };

/** A workspace of one slide of 640 × 480 pixels, of which the scanner took a part. */
async function workplace({
  isWhole = false,
  annotationOrigin,
}: {
  isWhole?: boolean;
  annotationOrigin?: CoordinateOrigin;
} = {}) {
  const folder = await files.folder();
  const openSlides = new OpenSlides({
    open: async (path) => ({
      ...memorySlide(path, 640, 480, () => [0, 0, 0]),
      bounds: isWhole ? undefined : bounds,
    }),
  });
  const { signal } = new AbortController();
  const context = createServerContext({
    ...{
      stateDirectory: join(folder, "state"),
      signal,
      reporter: silentReporter,
      openSlides,
      annotationOrigin,
    },
  });
  await writeFile(join(folder, "a.mrxs"), "pixels");
  const slide = context.workspace.addSlide(join(folder, "a.mrxs"));
  const app = new Hono();
  app.onError((thrown) => problemResponse(thrown));
  app.route("/api", annotationRoutes(context));
  const at = (path: string) => `/api/slides/${slide.id}/annotations${path}`;
  return {
    ...{ context, folder, slide },
    get: async (path: string): Promise<Response> => app.request(at(path)),
    post: async (path: string, body: string): Promise<Response> =>
      app.request(at(path), { method: "POST", body, headers: { "content-type": "application/json" } }),
  };
}

async function bodyOf<Body>(answer: Response): Promise<Body> {
  const body: unknown = await answer.json();
  return body as Body;
}

const feature = (
  number: number,
  ring: readonly (readonly number[])[],
  properties: object = { objectType: "annotation" },
) => ({
  ...{ type: "Feature", id: uuid(number), geometry: { type: "Polygon", coordinates: [ring] } },
  properties: { classification: { name: "Tumor" }, ...properties },
});
const collection = (...features: unknown[]) => JSON.stringify({ type: "FeatureCollection", features });

it("imports and exports QuPath's coordinates from the corner of what was scanned, ASAP's from the slide's", async () => {
  const { get, post } = await workplace();
  const imported = await post("/import?revision=0", collection(feature(1, square(10, 20, 30))));
  expect(imported.status).toBe(200);
  const { objects } = await bodyOf<AnnotationState>(await get(""));
  expect(objects[0]?.area).toEqual(areaFrom(square(110, 70, 30)));
  const geoJson = await (await get("/export?format=geojson")).text();
  expect(JSON.parse(geoJson).features[0].geometry.coordinates).toEqual([square(10, 20, 30)]);
  const again = await bodyOf<AnnotationImport>(await post("/import?revision=1", geoJson));
  expect(again).toMatchObject({ added: 0, warnings: ["1 were there already"] });
  const xml = parseAnnotations("a.xml", await (await get("/export?format=asap-xml")).text());
  expect([...(xml.annotations[0]?.polygons[0]?.outer.coordinates.subarray(0, 2) ?? [])]).toEqual([110, 70]);
});

it("counts from the slide's corner when told so, and says so in the file", async () => {
  const told = await workplace({ annotationOrigin: "slide" });
  await told.post("/import?revision=0", collection(feature(1, square(110, 70, 30))));
  const text = await (await told.get("/export?format=geojson")).text();
  expect(JSON.parse(text).features[0].geometry.coordinates).toEqual([square(110, 70, 30)]);
  // Whoever is not told reads it right all the same.
  const other = await workplace();
  await other.post("/import?revision=0", text);
  expect((await bodyOf<AnnotationState>(await other.get(""))).objects[0]?.area).toEqual(
    areaFrom(square(110, 70, 30)),
  );
});

it("refuses to guess where coordinates of another program begin", async () => {
  const { post } = await workplace();
  const answer = await post("/import?revision=0", collection(feature(1, square(0, 0, 9), {})));
  expect(answer.status).toBe(422);
  expect((await bodyOf<ProblemBody>(answer)).problem.what).toMatch(
    /does not tell where its coordinates begin/,
  );
});

it("refuses an import of another slide, and tells with numbers what lies off this one", async () => {
  const { get, post } = await workplace({ isWhole: true });
  const off = await post("/import?revision=0", collection(feature(1, square(55_000, 0, 100))));
  expect(off.status).toBe(422);
  expect((await bodyOf<ProblemBody>(off)).problem).toMatchObject({
    what: "has no outline that lies on the slide",
    why: "they reach from x 55000 to 55100 and y 0 to 100, the slide has 640 × 480 pixels",
  });
  const line = {
    type: "Feature",
    geometry: { type: "LineString", coordinates: square(0, 0, 5) },
    properties: {},
  };
  const text = collection(
    feature(1, square(0, 0, 9)),
    feature(2, square(900, 0, 9)),
    feature(3, square(600, 0, 80)),
    line,
  );
  const { added, warnings } = await bodyOf<AnnotationImport>(await post("/import?revision=0", text));
  // The line comes in as a line.
  expect(added).toBe(3);
  expect(warnings).toEqual([
    expect.stringMatching(/^1 of 3 outlines lie off the slide and are left out/),
    expect.stringMatching(/^1 of 3 outlines reach beyond the slide/),
  ]);
  const { objects } = await bodyOf<AnnotationState>(await get(""));
  expect(objects.slice(0, 2).map(({ id }) => id)).toEqual([uuid(1), uuid(3)]);
  expect(objects[2]?.mark).toEqual({ type: "LineString", coordinates: square(0, 0, 5) });
});

it("brings foci in where their record says that they begin", async () => {
  const { context, folder, slide, get, post } = await workplace();
  const results = join(folder, "results");
  await mkdir(join(results, "a"), { recursive: true });
  const write = async (outlines: object): Promise<void> => {
    const settings = { slide: { name: "a.mrxs", bytes: 6 }, model: { stage: "round-1" }, outlines };
    const record = { formatVersion: 1, width: 640, height: 480, settings };
    await writeFile(join(results, "a", "inference.json"), JSON.stringify(record));
  };
  await writeFile(join(results, "a", "tumour.geojson"), collection(feature(1, square(10, 20, 30))));
  await write({ tolerance: null, minimumArea: 0, geoJsonOrigin: { x: 100, y: 50 } });
  context.workspace.addResults(results);
  expect((await post("/results?revision=0", "")).status).toBe(200);
  expect((await bodyOf<AnnotationState>(await get(""))).objects[0]?.area).toEqual(
    areaFrom(square(110, 70, 30)),
  );
  const boxOf = async () => {
    const [newest] = await findResults(context.workspace, slide, { width: 640, height: 480 });
    return newest === undefined ? undefined : (await readSlideResults(newest, null)).foci[0]?.box;
  };
  expect(await boxOf()).toEqual({ x: 110, y: 70, width: 30, height: 30 });
  // Results of versions that did not know of bounds.
  await write({ tolerance: null, minimumArea: 0 });
  expect(await boxOf()).toEqual({ x: 10, y: 20, width: 30, height: 30 });
});

it("tells of a slide what of its ground truth was left out, and shows none where tumour is not known", async () => {
  const { context, folder, slide } = await workplace();
  await mkdir(join(folder, "truth"));
  const path = join(folder, "truth", "a.geojson");
  const line = { geometry: { type: "LineString", coordinates: square(0, 0, 5) } };
  await writeFile(path, collection(feature(1, square(0, 0, 100)), { ...feature(2, []), ...line }));
  await addAnnotationFolder(context.workspace, join(folder, "truth"));
  const { signal } = new AbortController();
  const found = await new SlideLayers(context).find(slide, signal);
  expect(found.warnings).toEqual([
    "a.geojson: features[1].geometry: a line has no area; it is left out",
    'a.geojson: 1 mark of the group "Tumor" (a line) without area; not part of the ground truth',
  ]);
  const truth = found.layers.find(({ entry }) => entry.kind === "ground-truth");
  const tile = await truth?.readTile(0, 0, 0, signal);
  const columns = [99, 100, 199, 200].map((x) => tile?.data[60 * (tile?.width ?? 0) + x]);
  expect(columns).toEqual([0, 255, 255, 0]);

  await writeFile(path, collection({ ...feature(2, []), ...line }));
  const without = await new SlideLayers(context).find(slide, signal);
  expect(without.layers.map(({ entry }) => entry.kind)).toEqual(["tissue-mask"]);
  expect(without.warnings).toEqual([expect.stringMatching(/no tumour outline that can be used/)]);
});

it("leaves GeoJSON of slides without bounds as it was", async () => {
  const { get, post } = await workplace({ isWhole: true });
  const body = JSON.stringify({
    revision: 0,
    title: "Draw",
    changes: [{ type: "add", object: objectOf(1) }],
  });
  expect((await post("", body)).status).toBe(200);
  const text = await (await get("/export?format=geojson")).text();
  expect(text).not.toContain("coordinateOrigin");
});
