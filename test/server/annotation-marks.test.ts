import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { beforeEach, describe, expect, it } from "vitest";
import {
  annotationFolder,
  journalPath,
  readAnnotations,
  writeCorrectionFiles,
} from "../../src/annotations/index.js";
import { hashBytes, silentReporter } from "../../src/common/index.js";
import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationObject,
  AnnotationState,
  Mark,
} from "../../src/contract/index.js";
import { annotationRoutes } from "../../src/server/annotations/index.js";
import { createServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { areaFrom, objectOf, square, uuid } from "./annotation-fixtures.js";

const files = temporaryDirectory();
let stateDirectory: string;
let path: string;
let slide: string;
let app: Hono;

/** A server with one slide of pixels of 0.5 × 0.25 µm, or of none that it tells. */
async function start(micronsPerPixel: { readonly x: number; readonly y: number } | null): Promise<void> {
  stateDirectory = await files.folder();
  path = join(stateDirectory, "case.tif");
  await writeFile(path, "slide");
  const openSlides = new OpenSlides({
    open: async (file) => memorySlide(file, 40, 40, () => [0, 0, 0], { micronsPerPixel }),
  });
  const { signal } = new AbortController();
  const context = createServerContext({ stateDirectory, signal, reporter: silentReporter, openSlides });
  slide = context.workspace.addSlide(path).id;
  app = new Hono();
  app.onError((thrown) => problemResponse(thrown));
  app.route("/api", annotationRoutes(context));
}

beforeEach(() => start({ x: 0.5, y: 0.25 }));

const none = { type: "MultiPolygon", coordinates: [] } as const;
const marked = (number: number, mark: Mark, changes: Partial<AnnotationObject> = {}): AnnotationObject => ({
  ...objectOf(number),
  ...{ area: none, mark },
  ...changes,
});
const line: Mark = {
  type: "LineString",
  coordinates: [
    [0, 0],
    [6, 16],
  ],
};
const points: Mark = {
  type: "MultiPoint",
  coordinates: [
    [3, 4],
    [30.25, 36],
  ],
};

async function asked(method: string, to: string, body?: string): Promise<Response> {
  const url = `/api/slides/${slide}/annotations${to}`;
  const headers = { "content-type": "application/json" };
  return app.request(url, body === undefined ? { method } : { method, headers, body });
}

async function edit(revision: number, objects: readonly AnnotationObject[], author?: string) {
  const changes = objects.map((object): AnnotationChange => ({ type: "add", object }));
  return asked("POST", "", JSON.stringify({ revision, title: "Draw", author, changes }));
}

const state = async () => (await (await asked("GET", "")).json()) as AnnotationState;
const exported = async (format: string) => (await asked("GET", `/export?format=${format}`)).text();
async function imported(revision: number, text: string, author = ""): Promise<AnnotationImport> {
  const query = author === "" ? "" : `&author=${author}`;
  const answer = await asked("POST", `/import?revision=${revision}${query}`, text);
  expect(answer.status).toBe(200);
  return (await answer.json()) as AnnotationImport;
}

describe("lines and points", () => {
  const drawn = [
    marked(1, line, { classification: "Measurement*" }),
    objectOf(2, { classification: "Measurement*", area: areaFrom(square(0, 0, 40)) }),
    marked(3, points, { classification: "Mitosis" }),
    marked(4, line, { classification: null }),
  ];

  it("are exported with what they measure, and are the same when they are brought in again", async () => {
    expect((await edit(0, drawn)).status).toBe(200);
    const text = await exported("geojson");
    const { features } = JSON.parse(text);
    expect(features.map(({ geometry }: { geometry: { type: string } }) => geometry.type)).toEqual([
      "LineString",
      "Polygon",
      "MultiPoint",
      "LineString",
    ]);
    // 6 pixels of 0.5 µm and 16 of 0.25 µm.
    expect(features[0].properties).toMatchObject({
      classification: { name: "Measurement*" },
      measurements: { "Length µm": 5 },
    });
    expect(features[1].properties.measurements).toEqual({ "Area µm^2": 200, "Perimeter µm": 60 });
    expect(features[2].properties.measurements).toBeUndefined();
    expect(features[3].properties.measurements).toBeUndefined();
    const again = await imported(1, text);
    expect(again).toMatchObject({ added: 0, warnings: ["4 were there already"] });
    expect((await state()).objects).toEqual(drawn);
    await start({ x: 0.5, y: 0.25 });
    const elsewhere = await imported(0, text);
    expect(elsewhere.added).toBe(4);
    expect((await state()).objects.map(({ mark, area }) => mark ?? area)).toEqual(
      drawn.map(({ mark, area }) => mark ?? area),
    );
  });

  it("are measured in pixels where the slide tells no resolution", async () => {
    await start(null);
    await edit(0, drawn);
    const { features } = JSON.parse(await exported("geojson"));
    expect(features[0].properties.measurements).toEqual({ "Length px": Math.hypot(6, 16) });
    expect(features[1].properties.measurements).toEqual({ "Area px^2": 1600, "Perimeter px": 160 });
  });

  it("of one feature come in as an object each, and once only", async () => {
    const collection = {
      type: "Feature",
      id: uuid(9),
      geometry: {
        type: "GeometryCollection",
        geometries: [
          { type: "Polygon", coordinates: [square(0, 0, 20)] },
          { type: "MultiLineString", coordinates: [line.coordinates, line.coordinates] },
          points,
        ],
      },
      properties: { objectType: "annotation", classification: { name: "Tumor" } },
    };
    const first = await imported(0, JSON.stringify(collection));
    expect(first).toMatchObject({ added: 4, warnings: [] });
    expect((await state()).objects.map(({ mark }) => mark?.type)).toEqual([
      undefined,
      "LineString",
      "LineString",
      "MultiPoint",
    ]);
    expect(await imported(1, JSON.stringify(collection))).toMatchObject({ added: 0 });
  });

  it("are refused without length, beside an area, and without either", async () => {
    const still: Mark = {
      type: "LineString",
      coordinates: [
        [5, 5],
        [5, 5],
      ],
    };
    for (const [object, status, what] of [
      [marked(1, still), 422, /has a line without length/],
      [{ ...objectOf(1), mark: line }, 400, /either an area or a mark/],
      [{ ...objectOf(1), area: none }, 400, /either an area or a mark/],
    ] as const) {
      const answer = await edit(0, [object]);
      expect(answer.status).toBe(status);
      expect(JSON.stringify(await answer.json())).toMatch(what);
    }
    expect((await state()).revision).toBe(0);
  });

  it("are marks without area to training, and measurements nothing at all", async () => {
    await edit(0, [objectOf(5, { area: areaFrom(square(100, 100, 50)) }), ...drawn]);
    const { folder } = await writeCorrectionFiles(stateDirectory);
    const { annotations } = await readAnnotations(join(folder, "case.geojson"));
    expect(annotations.map(({ group }) => group)).toEqual(["Tumor", "Mitosis", null]);
    expect(annotations.map(({ polygons }) => polygons.length)).toEqual([1, 0, 0]);
    await start(null);
    await edit(0, drawn.slice(0, 2));
    await expect(writeCorrectionFiles(stateDirectory)).rejects.toThrow(/holds no corrections/);
  });
});

describe("comments", () => {
  const comment = "Looks odd:\n“necrosis”?";

  it("are QuPath's description, there and back", async () => {
    await edit(0, [objectOf(1, { comment })]);
    const text = await exported("geojson");
    const [{ properties }] = JSON.parse(text).features;
    expect(properties.metadata).toEqual({
      Review: "accepted",
      Origin: "drawn",
      ANNOTATION_DESCRIPTION: comment,
    });
    expect((await imported(1, text)).warnings).toEqual(["1 were there already"]);
    const changed = text.replace("Looks odd", "Looks good");
    expect((await imported(1, changed)).save.updated[0]?.comment).toBe(comment.replace("odd", "good"));
    const without = text.replace(/,"ANNOTATION_DESCRIPTION":"(?:[^"\\]|\\.)*"/, "");
    expect((await imported(2, without)).save.updated[0]?.comment).toBeUndefined();
  });

  it("stay where a program has not kept what it knows nothing of, and are cut where they are endless", async () => {
    await edit(0, [objectOf(1, { comment, author: "Anna" })]);
    const bare = (await exported("geojson"))
      .replace(/,"metadata":\{.*?\}/, "")
      .replace("Object 1", "Renamed");
    const kept = (await imported(1, bare, "Bert")).save.updated[0];
    expect(kept).toMatchObject({ name: "Renamed", comment, author: "Anna" });
    const long = (await exported("geojson")).replace("Looks odd", "x".repeat(3000));
    const { save, warnings } = await imported(2, long);
    expect(save.updated[0]?.comment).toHaveLength(2000);
    expect(warnings.at(-1)).toBe("1 comments are longer than 2000 characters and were cut there");
  });
});

describe("authors", () => {
  it("are kept with each edit, and told of with a conflict", async () => {
    await edit(0, [objectOf(1, { author: "Anna" })], "Anna");
    await asked("POST", "/undo", JSON.stringify({ revision: 1, author: "Bert" }));
    await asked("POST", "/redo", JSON.stringify({ revision: 2 }));
    const answer = await edit(0, [objectOf(2)], "Carl");
    expect(answer.status).toBe(409);
    const { since } = (await answer.json()) as AnnotationConflict;
    expect(since).toEqual(["Draw (Anna)", "Undo: Draw (Bert)", "Redo: Draw"]);
    const lines = (await readFile(journalPath(annotationFolder(stateDirectory), slide), "utf8")).split("\n");
    const authors = lines.slice(1, -1).map((text) => JSON.parse(text.slice(17)).author);
    expect(authors).toEqual(["Anna", "Bert", undefined]);
    expect((await state()).objects[0]?.author).toBe("Anna");
  });

  it("of a file are those that it names, else whoever brings it in", async () => {
    await edit(0, [objectOf(1, { author: "Anna" }), objectOf(2)]);
    const text = await exported("geojson");
    expect(JSON.parse(text).features[0].properties.metadata.Author).toBe("Anna");
    await start(null);
    const { save } = await imported(0, text, "Bert");
    expect(save.added.map(({ object }) => object.author)).toEqual(["Anna", "Bert"]);
  });
});

it("opens what an earlier version has saved, and goes on from it", async () => {
  const lineOf = (value: object) => {
    const text = JSON.stringify(value);
    return `${hashBytes(text).slice(0, 16)} ${text}\n`;
  };
  const object = objectOf(1);
  const history = { revision: 0, objects: [], nextOrder: 0, undo: [], redo: [], titles: [] };
  const journal = [
    { type: "snapshot", format: 1, slide: { id: slide, name: "case.tif", path }, history },
    ...[
      {
        type: "edit",
        revision: 1,
        at: "2026-01-01T00:00:00.000Z",
        title: "Draw",
        changes: [{ type: "add", object }],
      },
    ],
  ];
  await mkdir(annotationFolder(stateDirectory), { recursive: true });
  await writeFile(journalPath(annotationFolder(stateDirectory), slide), journal.map(lineOf).join(""));
  expect(await state()).toEqual({ revision: 1, objects: [object], undo: "Draw", redo: null });
  expect((await edit(1, [marked(2, line, { author: "Anna" })], "Anna")).status).toBe(200);
  expect((await state()).objects).toHaveLength(2);
});
