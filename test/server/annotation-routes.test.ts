import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { beforeEach, describe, expect, it } from "vitest";
import { areaOf, parseAnnotations } from "../../src/annotations/index.js";
import { silentReporter } from "../../src/common/index.js";
import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationSave,
  AnnotationState,
  FoundObjects,
  ProblemBody,
} from "../../src/contract/index.js";
import { areaSize, crossingsOf } from "../../src/geometry/index.js";
import { annotationRoutes } from "../../src/server/annotations/index.js";
import { createServerContext, type ServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { memorySlide } from "../support/memory-slide.js";
import { longestTurn, processorStopwatch } from "../support/processor-time.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { areaFrom, objectOf, square, uuid } from "./annotation-fixtures.js";

const files = temporaryDirectory();
let context: ServerContext;
let app: Hono;
let slide: string;
let server: AbortController;

function start(stateDirectory: string): void {
  server = new AbortController();
  const openSlides = new OpenSlides({ open: async (path) => memorySlide(path, 640, 480, () => [0, 0, 0]) });
  context = createServerContext({
    stateDirectory,
    signal: server.signal,
    reporter: silentReporter,
    openSlides,
  });
  slide = context.workspace.addSlide(join(stateDirectory, "Case 1.tif")).id;
  app = new Hono();
  app.onError((thrown) => problemResponse(thrown));
  app.route("/api", annotationRoutes(context));
}

beforeEach(async () => {
  start(await files.folder());
});

async function json<Body>(answer: Response): Promise<Body> {
  const body: unknown = await answer.json();
  return body as Body;
}

function problemIn(answer: Response): Promise<ProblemBody> {
  return json(answer);
}

function get(path: string): Promise<Response> {
  return Promise.resolve(app.request(`/api/slides/${slide}/annotations${path}`));
}

function post(path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify(body) };
  return Promise.resolve(app.request(`/api/slides/${slide}/annotations${path}`, request));
}

async function state(): Promise<AnnotationState> {
  return json(await get(""));
}

async function edit(revision: number, title: string, ...changes: AnnotationChange[]): Promise<Response> {
  return post("", { revision, title, changes });
}

async function upload(path: string, body: string): Promise<AnnotationImport> {
  const answer = await app.request(`/api/slides/${slide}/annotations/${path}`, { method: "POST", body });
  expect(answer.status).toBe(200);
  return json(answer);
}

const add = (number: number, changes = {}): AnnotationChange => ({
  type: "add",
  object: objectOf(number, changes),
});

describe("editing", () => {
  it("saves an edit, tells everybody, and counts it", async () => {
    const told: unknown[] = [];
    context.events.subscribe((event) => told.push(event));
    expect(await state()).toEqual({ revision: 0, objects: [], undo: null, redo: null });
    // Looking leaves no trace.
    expect(await readdir(context.stateDirectory)).toEqual([]);
    const answer = await edit(0, "Draw Tumor", add(1));
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({
      ...{ since: 0, revision: 1, undo: "Draw Tumor", redo: null },
      ...{ added: [{ object: objectOf(1), below: null }], updated: [], removed: [] },
    });
    expect(await state()).toEqual({ revision: 1, objects: [objectOf(1)], undo: "Draw Tumor", redo: null });
    expect(told).toEqual([{ event: "annotations", data: { slide, revision: 1 } }]);
    expect(await context.facts.annotationCount(slide)).toMatchObject({ all: 1 });
  });

  it("judges objects without their outlines, as one step that survives a restart", async () => {
    await edit(0, "Draw", add(1), add(2), add(3));
    const changes = [
      { type: "judge", id: uuid(1), review: "rejected" },
      { type: "judge", id: uuid(2), classification: null },
      { type: "judge", id: uuid(3), review: "unreviewed", classification: "Stroma" },
    ];
    const answer = await post("", { revision: 1, title: "Judge 3 objects", changes });
    const judged = [
      objectOf(1, { review: "rejected" }),
      objectOf(2, { classification: null }),
      objectOf(3, { review: "unreviewed", classification: "Stroma" }),
    ];
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ revision: 2, updated: judged, added: [], removed: [] });
    server.abort();
    start(context.stateDirectory);
    while ((await get("")).status === 503) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await state()).objects).toEqual(judged);
    await post("/undo", { revision: 2 });
    expect((await state()).objects).toEqual([objectOf(1), objectOf(2), objectOf(3)]);
    for (const wrong of [
      [{ type: "judge", id: uuid(9), review: "accepted" }],
      [...changes.slice(0, 1), { type: "remove", id: uuid(1) }],
      [{ type: "judge", id: uuid(1), review: "fine" }],
    ]) {
      expect((await post("", { revision: 3, title: "Judge", changes: wrong })).status).toBe(400);
    }
    expect((await state()).revision).toBe(3);
  });

  it("undoes and redoes over a restart of the server", async () => {
    await edit(0, "Draw", add(1));
    await edit(1, "Reject", { type: "update", object: objectOf(1, { review: "rejected" }) });
    const undone: AnnotationSave = await json(await post("/undo", { revision: 2 }));
    expect(undone).toMatchObject({ revision: 3, undo: "Draw", redo: "Reject", updated: [objectOf(1)] });
    server.abort();
    start(context.stateDirectory);
    while ((await get("")).status === 503) await new Promise((resolve) => setTimeout(resolve, 10));
    const answer = await post("/redo", { revision: 3 });
    expect([answer.status, await answer.clone().text()]).toEqual([200, expect.any(String)]);
    const redone: AnnotationSave = await json(answer);
    expect(redone.updated[0]?.review).toBe("rejected");
    const nothing = await post("/redo", { revision: 4 });
    expect(nothing.status).toBe(400);
    expect((await problemIn(nothing)).problem.what).toBe("there is nothing to redo");
  });

  it("answers with what a save changed, however much is there", async () => {
    const many = Array.from({ length: 5000 }, (_, number) => add(number));
    expect((await edit(0, "Draw", ...many)).status).toBe(200);
    const whole = (await (await get("")).text()).length;
    const answers = [
      await edit(1, "Reject", { type: "update", object: objectOf(7, { review: "rejected" }) }),
      await edit(2, "Delete", { type: "remove", id: uuid(2500) }),
      await post("/undo", { revision: 3 }),
      await post("/redo", { revision: 4 }),
    ];
    const texts = await Promise.all(answers.map((one) => one.text()));
    expect(whole).toBeGreaterThan(1_000_000);
    for (const text of texts) expect(text.length).toBeLessThan(1000);
    // What comes back comes back to its place.
    expect(JSON.parse(texts[2] ?? "")).toMatchObject({
      ...{ since: 3, revision: 4, removed: [] },
      added: [{ object: objectOf(2500), below: uuid(2501) }],
    });
    expect(JSON.parse(texts[3] ?? "")).toMatchObject({ added: [], removed: [uuid(2500)], redo: null });
  });

  it("shows the second of two clients what the first has saved, and changes nothing", async () => {
    const [first, second] = await Promise.all([edit(0, "Draw A", add(1)), edit(0, "Draw B", add(2))]);
    expect([first.status, second.status]).toEqual([200, 409]);
    const conflict: AnnotationConflict = await json(second);
    expect(conflict.problem.tag).toBe("conflict");
    expect(conflict.since).toEqual(["Draw A"]);
    expect(conflict.current).toEqual(await state());
    expect((await edit(conflict.current.revision, "Draw B", add(2))).status).toBe(200);
    expect((await post("/undo", { revision: 1 })).status).toBe(409);
    expect((await state()).objects.map(({ id }) => id)).toEqual([uuid(1), uuid(2)]);
  });

  it("keeps the order of twenty edits made at once on whatever is current", async () => {
    const draw = async (number: number): Promise<void> => {
      for (;;) {
        const { revision } = await state();
        if ((await edit(revision, `Draw ${number}`, add(number))).status === 200) return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, (_, number) => draw(number + 1)));
    const { revision, objects } = await state();
    expect(revision).toBe(20);
    expect(new Set(objects.map(({ id }) => id)).size).toBe(20);
  });

  it("lets one server at a time save", async () => {
    await edit(0, "Draw", add(1));
    const { stateDirectory } = context;
    start(stateDirectory);
    const refused = await get("");
    expect(refused.status).toBe(503);
    expect((await problemIn(refused)).problem.what).toContain("is saving annotations in this directory");
  });

  const open = areaFrom(square(0, 0, 5).slice(0, 4));
  it.each<[string, unknown, number, string]>([
    ["a ring that is not closed", [add(1, { area: open })], 400, "must be closed"],
    [
      "a position that is no number",
      [{ type: "add", object: { ...objectOf(1), area: { type: "MultiPolygon", coordinates: [[[null]]] } } }],
      400,
      "",
    ],
    ["an absurd coordinate", [add(1, { area: areaFrom(square(0, 0, 2 ** 27)) })], 400, "Too big"],
    ["an id that is no UUID", [add(1, { id: "../../etc/passwd" })], 400, "Invalid UUID"],
    ["an unknown member", [add(1, { colour: "red" })], 400, "Unrecognized key"],
    ["no change at all", [], 400, "Too small"],
    ["an unknown review state", [add(1, { review: "perhaps" })], 400, "Invalid option"],
    ["a name with a line feed", [add(1, { name: "two\nlines" })], 400, "control characters"],
    [
      "no area",
      [
        add(1, {
          area: areaFrom([
            [0, 0],
            [1, 1],
            [2, 2],
            [0, 0],
          ]),
        }),
      ],
      422,
      "",
    ],
  ])("refuses %s", async (_, changes, status, why) => {
    const answer = await post("", { revision: 0, title: "Draw", changes });
    expect(answer.status).toBe(status);
    const { problem } = await problemIn(answer);
    expect(String(problem.why)).toContain(why);
    expect(await state()).toMatchObject({ revision: 0, objects: [] });
  });

  it("answers for a slide that is not there, and for a damaged journal without touching it", async () => {
    expect((await app.request("/api/slides/nowhere/annotations")).status).toBe(404);
    const folder = join(context.stateDirectory, "annotations");
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, `${slide}.journal`), "0000000000000000 {}\n");
    const answer = await get("");
    expect(answer.status).toBe(422);
    expect((await problemIn(answer)).problem.what).toContain("is damaged");
    expect((await edit(0, "Draw", add(1))).status).toBe(422);
    expect(await context.facts.annotationCount(slide)).toEqual({ all: 0, unreviewed: 0 });
  });
});

describe("files", () => {
  it("exports what is not rejected with ids, classes and review state, and reads it back unchanged", async () => {
    const hole = areaFrom(square(0, 0, 20), square(5, 5, 4));
    await edit(
      0,
      "Draw",
      add(1, { area: hole, review: "unreviewed", origin: "result" }),
      add(2, { review: "rejected" }),
      add(3, { classification: null, name: "" }),
    );
    const answer = await get("/export?format=geojson");
    expect(answer.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''Case%201.geojson");
    const text = await answer.text();
    const { features } = JSON.parse(text);
    expect(features.map(({ id }: { id: string }) => id)).toEqual([uuid(1), uuid(3)]);
    expect(features[0]).toMatchObject({
      geometry: { type: "Polygon", coordinates: hole.coordinates[0] },
      properties: {
        name: "Object 1",
        classification: { name: "Tumor" },
        metadata: { Review: "unreviewed", Origin: "result" },
      },
    });
    const same = await upload("import?revision=1", text);
    expect(same).toMatchObject({ added: 0, save: { since: 1, revision: 1, updated: [] } });
    expect(same.warnings).toEqual(["2 were there already"]);
    start(await files.folder());
    const { added, save } = await upload("import?revision=0", text);
    expect(added).toBe(2);
    expect(save.added[0]?.object).toEqual(
      objectOf(1, { area: hole, review: "unreviewed", origin: "imported" }),
    );
  });

  it("updates objects that were edited in another program, as one step", async () => {
    await edit(0, "Draw", add(1), add(2));
    const text = await (await get("/export?format=geojson")).text();
    const changed = JSON.parse(text);
    changed.features[1].properties.classification.name = "Necrosis";
    const { save, added, warnings } = await upload("import?revision=1", JSON.stringify(changed));
    expect(added).toBe(0);
    expect(warnings).toEqual(["1 took the place of annotations with the same id", "1 were there already"]);
    expect(save.updated).toEqual([objectOf(2, { classification: "Necrosis" })]);
    expect(save).toMatchObject({ revision: 2, undo: "Import annotations", added: [], removed: [] });
  });

  it("exports ASAP XML with holes as exclusions", async () => {
    await edit(0, "Draw", add(1, { area: areaFrom(square(0, 0, 20), square(5, 5, 4)) }));
    const answer = await get("/export?format=asap-xml");
    expect(answer.headers.get("content-type")).toBe("application/xml");
    const { annotations } = parseAnnotations("export.xml", await answer.text());
    expect(annotations.map(({ group, polygons }) => [group, polygons[0]?.outer.coordinates.length])).toEqual([
      ["Tumor", 8],
      ["Exclusion", 8],
    ]);
    expect((await get("/export?format=svg")).status).toBe(400);
  });

  it("imports ASAP XML and Camelyon16 JSON, and says what has neither area nor length", async () => {
    const camelyon = {
      positive: [
        {
          name: "a",
          vertices: [
            [0, 0],
            [9, 0],
            [9, 9],
          ],
        },
      ],
      negative: [],
    };
    const first = await upload("import?revision=0", JSON.stringify(camelyon));
    expect(first.save.added[0]?.object).toMatchObject({
      name: "a",
      classification: "Tumor",
      review: "accepted",
      origin: "imported",
      area: {
        coordinates: [
          [
            [
              [0, 0],
              [9, 0],
              [9, 9],
              [0, 0],
            ],
          ],
        ],
      },
    });
    const xml = `<ASAP_Annotations><Annotations>
      <Annotation Name="dot" Type="Dot" PartOfGroup="Tumor"><Coordinates><Coordinate Order="0" X="1" Y="1"/></Coordinates></Annotation>
      <Annotation Name="box" Type="Rectangle" PartOfGroup="normal"><Coordinates><Coordinate Order="0" X="1" Y="1"/><Coordinate Order="1" X="5" Y="1"/><Coordinate Order="2" X="5" Y="5"/><Coordinate Order="3" X="1" Y="5"/></Coordinates></Annotation>
      <Annotation Name="no dot" Type="PointSet" PartOfGroup="Tumor"><Coordinates></Coordinates></Annotation>
      <Annotation Name="ruler" Type="Measurement" PartOfGroup="None"><Coordinates><Coordinate Order="0" X="1" Y="1"/><Coordinate Order="1" X="5" Y="4"/></Coordinates></Annotation>
    </Annotations></ASAP_Annotations>`;
    const second = await upload("import?revision=1", xml);
    expect(second.save.added.map(({ object }) => object)).toMatchObject([
      { name: "dot", classification: "Tumor", mark: { type: "MultiPoint", coordinates: [[1, 1]] } },
      { name: "box", classification: "normal" },
      {
        name: "ruler",
        classification: "Measurement*",
        mark: {
          type: "LineString",
          coordinates: [
            [1, 1],
            [5, 4],
          ],
        },
      },
    ]);
    expect(second.warnings.at(-1)).toBe("1 have neither area nor length and are left out");
  });

  it("takes outlines apart that cross themselves, and leaves out scribbles by name", async () => {
    const feature = (name: string, ring: readonly (readonly number[])[]) => ({
      ...{ type: "Feature", geometry: { type: "Polygon", coordinates: [[...ring, ring[0]]] } },
      properties: { objectType: "annotation", name, classification: { name: "Tumor" } },
    });
    const scribble = Array.from({ length: 400 }, (_, at) => [(at * 7919) % 613, (at * 104_729) % 587]);
    const features = [
      feature("bow-tie", [
        [0, 0],
        [10, 10],
        [10, 0],
        [0, 10],
      ]),
      feature("eight", [
        [20, 0],
        [25, 5],
        [30, 10],
        [30, 0],
        [25, 5],
        [20, 10],
      ]),
      feature("curl", [
        [0, 40],
        [60, 40],
        [60, 100],
        [30, 100],
        [30, 60],
        [50, 60],
        [50, 80],
        [20, 80],
        [20, 100],
        [0, 100],
      ]),
      feature("plain", [
        [400, 20],
        [410, 20],
        [410, 30],
        [400, 30],
      ]),
      feature("scribble", scribble),
    ];
    const { added, save, warnings } = await upload(
      "import?revision=0",
      JSON.stringify({ type: "FeatureCollection", features }),
    );
    expect(added).toBe(4);
    const areas = Object.fromEntries(save.added.map(({ object: { name, area } }) => [name, areaSize(area)]));
    expect(areas).toEqual({ "bow-tie": 50, eight: 50, curl: 60 * 60 - 10 * 20, plain: 100 });
    for (const { object } of save.added) {
      for (const ring of object.area.coordinates.flat()) expect(crossingsOf(ring, 1), object.name).toBe(0);
    }
    expect(warnings).toEqual([
      "3 outlines cross themselves and were taken apart where they do (“bow-tie”, “eight”, “curl”)",
      "1 outlines cross themselves so that nobody can say what they mean, and are left out (“scribble”)",
    ]);
  });

  it("reads, saves and answers a large file without keeping others waiting", async () => {
    const ring = (at: number, corners: number) =>
      Array.from({ length: corners + 1 }, (_, step) => {
        const angle = (2 * Math.PI * (step % corners)) / corners;
        return [250 + at / 10 + 200 * Math.cos(angle), 240 + 150 * Math.sin(angle)];
      });
    const features = Array.from({ length: 100 }, (_, at) => ({
      ...{ type: "Feature", geometry: { type: "Polygon", coordinates: [ring(at, 4000)] } },
      properties: { objectType: "annotation", name: `${at}`, note: "x".repeat(50_000) },
    }));
    const body = JSON.stringify({ type: "FeatureCollection", features });
    expect(body.length).toBeGreaterThan(15 * 2 ** 20);
    // Read or written in one go, it would hold everything up for as long as this takes.
    const processorTime = processorStopwatch();
    JSON.stringify(parseAnnotations("the file", body).annotations.map(({ polygons }) => areaOf(polygons)));
    const inOneGo = processorTime();
    const [cutOff, refusing] = await longestTurn(async () =>
      app.request(`/api/slides/${slide}/annotations/import?revision=0`, {
        method: "POST",
        body: body.replace(/\]\}$/, ',{"type":"Feature","geometry":7}]}'),
      }),
    );
    expect(cutOff.status).toBe(422);
    expect((await problemIn(cutOff)).problem.where).toBe("the file, features[100].geometry");
    const [answered, importing] = await longestTurn(async () => {
      const answer = await app.request(`/api/slides/${slide}/annotations/import?revision=0`, {
        method: "POST",
        body,
      });
      return (await answer.text()).length;
    });
    const [whole, loading] = await longestTurn(async () => (await get("")).text());
    expect(answered).toBeGreaterThan(10 * 2 ** 20);
    const { objects } = JSON.parse(whole) as AnnotationState;
    expect(objects.map(({ name }) => name)).toEqual(features.map(({ properties }) => properties.name));
    expect(objects[99]?.area.coordinates[0]?.[0]).toEqual(ring(99, 4000));
    expect({ refusing, importing, loading, inOneGo }).toSatisfy(
      () => Math.max(refusing, importing, loading) < inOneGo / 2,
    );
    server.abort();
    start(context.stateDirectory);
    while ((await get("")).status === 503) await new Promise((resolve) => setTimeout(resolve, 10));
    expect((await (await get("")).text()) === whole).toBe(true);
  }, 180_000);

  it("refuses files that are nothing of the kind, and keeps to the revision", async () => {
    const request = (body: string | Uint8Array<ArrayBuffer>, revision = 0) =>
      app.request(`/api/slides/${slide}/annotations/import?revision=${revision}`, { method: "POST", body });
    expect((await request("hello")).status).toBe(422);
    expect((await request(Uint8Array.of(0xff, 0xfe, 0x00))).status).toBe(422);
    expect((await request("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")).status).toBe(422);
    expect((await request('{"positive":[],"negative":[]}', 7)).status).toBe(409);
    expect(await context.facts.annotationCount(slide)).toEqual({ all: 0, unreviewed: 0 });
  });
});

describe("results of a run", () => {
  it("are brought in as unreviewed objects, once", async () => {
    await writeFile(join(context.stateDirectory, "Case 1.tif"), "pixels");
    expect((await post("/results?revision=0", {})).status).toBe(404);
    expect(await json(await get("/results"))).toEqual({ origin: null, found: [] });
    const root = await files.folder();
    await mkdir(join(root, "Case 1"));
    const feature = (number: number) => ({
      type: "Feature",
      id: uuid(number),
      geometry: { type: "Polygon", coordinates: [square(number, 0, 5)] },
      properties: {
        ...{ name: `Focus ${number}`, classification: { name: "Tumor" } },
        measurements:
          number === 1 ? { "Mean tumor probability": 0.75, "Area µm^2": 6, "Max diameter µm": 3 } : {},
      },
    });
    const file = join(root, "Case 1", "tumour.geojson");
    await writeFile(file, JSON.stringify({ type: "FeatureCollection", features: [feature(1), feature(2)] }));
    const settings = { slide: { name: "Case 1.tif", bytes: 6 }, model: { stage: "round-1" } };
    const record = { formatVersion: 1, width: 640, height: 480, settings };
    await writeFile(join(root, "Case 1", "inference.json"), JSON.stringify(record));
    context.workspace.addResults(root);
    const shown: FoundObjects = await json(await get("/results"));
    expect(shown.origin).toMatch(/, round-1$/);
    expect(shown.found.map(({ object, ...measured }) => [object.id, object.review, measured])).toEqual([
      [uuid(1), "unreviewed", { probability: 0.75, size: { area: 6, diameter: 3, inMicrons: true } }],
      [uuid(2), "unreviewed", { probability: null, size: null }],
    ]);
    expect((await state()).revision).toBe(0);
    const first = await upload("results?revision=0", "");
    expect(first.save.added.map(({ object }) => object)).toEqual(shown.found.map(({ object }) => object));
    expect(first.added).toBe(2);
    expect(first.save.added[0]?.object).toMatchObject({
      review: "unreviewed",
      origin: "result",
      name: "Focus 1",
    });
    await edit(1, "Accept", { type: "update", object: objectOf(1, { origin: "result" }) });
    const second = await upload("results?revision=2", "");
    expect(second).toMatchObject({ added: 0, save: { revision: 2, updated: [] } });
    expect((await state()).objects[0]?.review).toBe("accepted");
  });
});
