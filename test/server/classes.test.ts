import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Hono } from "hono";
import { beforeEach, describe, expect, it } from "vitest";
import { annotationFolder, journalPath, writeCorrectionFiles } from "../../src/annotations/index.js";
import { silentReporter } from "../../src/common/index.js";
import type {
  AnnotationChange,
  AnnotationObject,
  AnnotationState,
  ClassEntry,
} from "../../src/contract/index.js";
import { annotationRoutes } from "../../src/server/annotations/index.js";
import { createServerContext, type ServerContext } from "../../src/server/context.js";
import { OpenSlides } from "../../src/server/open-slides.js";
import { problemResponse } from "../../src/server/problem.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { areaFrom, objectOf, square } from "./annotation-fixtures.js";

const files = temporaryDirectory();
let context: ServerContext;
let app: Hono;
let slides: string[];

beforeEach(async () => {
  const stateDirectory = await files.folder();
  const openSlides = new OpenSlides({ open: async (path) => memorySlide(path, 640, 480, () => [0, 0, 0]) });
  const { signal } = new AbortController();
  context = createServerContext({ stateDirectory, signal, reporter: silentReporter, openSlides });
  slides = await Promise.all(
    ["one", "two", "three"].map(async (name) => {
      const path = join(stateDirectory, `${name}.tif`);
      await writeFile(path, "slide");
      return context.workspace.addSlide(path).id;
    }),
  );
  app = new Hono();
  app.onError((thrown) => problemResponse(thrown));
  app.route("/api", annotationRoutes(context));
});

async function send(method: string, path: string, body: unknown): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return app.request(`/api/${path}`, { method, headers, body: JSON.stringify(body) });
}

const choose = (body: object) => send("PUT", "classes", body);
const rename = (from: string, to: string, author?: string) =>
  send("POST", "classes/rename", { from, to, author });
const classes = async () => (await (await app.request("/api/classes")).json()) as ClassEntry[];
const entry = async (name: string) => (await classes()).find((one) => one.name === name);
const state = async (slide: string | undefined) =>
  (await (await app.request(`/api/slides/${slide}/annotations`)).json()) as AnnotationState;
const namesOn = async (slide: string | undefined) =>
  (await state(slide)).objects.map(({ classification }) => classification);
async function draw(slide: string | undefined, ...objects: readonly AnnotationObject[]): Promise<void> {
  const changes = objects.map((object): AnnotationChange => ({ type: "add", object }));
  const body = { revision: 0, title: "Draw", changes };
  expect((await send("POST", `slides/${slide}/annotations`, body)).status).toBe(200);
}
const whyNot = async (answer: Response): Promise<string> => {
  expect(answer.status).toBe(400);
  return JSON.stringify(await answer.json());
};

describe("the look of classes", () => {
  it("is kept beside their meaning, each chosen by itself", async () => {
    await choose({ name: "Nest", meaning: "tumour" });
    await choose({ name: "Nest", colour: "#112233" });
    await choose({ name: "nest", key: 4 });
    const kept = { name: "Nest", meaning: "tumour", isFixed: false, colour: "#112233", key: 4 };
    expect(await entry("Nest")).toEqual(kept);
    await choose({ name: "Tumor", colour: "#00ff00", key: 4 });
    expect(await entry("Tumor")).toMatchObject({ isFixed: true, colour: "#00ff00", key: 4 });
    // A key chooses one class.
    expect(await entry("Nest")).toEqual({ ...kept, key: null });
    expect(await whyNot(await choose({ name: "Tumor", meaning: "exclusion" }))).toMatch(
      /means the same everywhere/,
    );
    expect(await whyNot(await choose({ name: "Unheard", colour: "#112233" }))).toMatch(/has no meaning yet/);
    expect((await choose({ name: "Nest", colour: "red" })).status).toBe(400);
    expect((await choose({ name: "Nest", key: 10 })).status).toBe(400);
  });

  it("is in exported files, and in no file of an earlier version, which still opens", async () => {
    const folder = annotationFolder(context.stateDirectory);
    await mkdir(folder, { recursive: true });
    const earlier = { format: 1, classes: [{ name: "Nest", meaning: "tumour" }] };
    await writeFile(join(folder, "classes.json"), JSON.stringify(earlier));
    expect(await entry("Nest")).toEqual({ name: "Nest", meaning: "tumour", isFixed: false });
    await choose({ name: "Tumor", colour: "#010203" });
    await draw(slides[0], objectOf(1), objectOf(2, { classification: "Nest" }));
    const answer = await app.request(`/api/slides/${slides[0]}/annotations/export?format=geojson`);
    const { features } = JSON.parse(await answer.text());
    const shown = features.map(({ properties }: { properties: object }) => properties);
    expect(shown).toMatchObject([
      { classification: { name: "Tumor", color: [1, 2, 3] } },
      { classification: { name: "Nest" } },
    ]);
    expect(JSON.parse(await readFile(join(folder, "classes.json"), "utf8")).classes).toEqual(earlier.classes);
  });
});

describe("a class that is not wanted any longer", () => {
  const remove = (name: string) => send("POST", "classes/remove", { name });

  it("goes with its look, unless annotations have it or it is everybody's", async () => {
    await choose({ name: "Nest", meaning: "tumour", colour: "#112233" });
    await choose({ name: "Fat", meaning: "exclusion" });
    await draw(slides[1], objectOf(1, { classification: "NEST" }), objectOf(2));
    expect(await whyNot(await remove("Nest"))).toMatch(/annotations have it: 1 on two\.tif/);
    expect(await entry("Nest")).toBeDefined();
    const left = (await (await remove("fat")).json()) as ClassEntry[];
    expect(left).toEqual(await classes());
    expect(await entry("Fat")).toBeUndefined();
    expect(await whyNot(await remove("Fat"))).toMatch(/is not there/);
    expect(await whyNot(await remove("Tumor"))).toMatch(/cannot be removed/);
    await rename("Nest", "Tumor");
    expect((await remove("Nest")).status).toBe(400);
    expect(await namesOn(slides[1])).toEqual(["Tumor", "Tumor"]);
  });
});

describe("another name for a class", () => {
  it("changes the annotations of every slide, and each can take it back", async () => {
    await choose({ name: "Nest", meaning: "tumour", colour: "#112233" });
    await draw(
      slides[0],
      objectOf(1, { classification: "Nest" }),
      objectOf(2),
      objectOf(3, { classification: "NEST" }),
    );
    await draw(slides[1], objectOf(4, { classification: "Nest", review: "rejected" }));
    await draw(slides[2], objectOf(5));
    const answer = await rename("Nest", "Island", "Anna");
    expect(await answer.json()).toEqual({ slides: 2, objects: 3 });
    expect(await namesOn(slides[0])).toEqual(["Island", "Tumor", "Island"]);
    expect(await namesOn(slides[1])).toEqual(["Island"]);
    expect((await state(slides[2])).revision).toBe(1);
    expect(await entry("Nest")).toBeUndefined();
    expect(await entry("Island")).toMatchObject({ meaning: "tumour", colour: "#112233" });
    const undone = await send("POST", `slides/${slides[0]}/annotations/undo`, {
      revision: 2,
      author: "Bert",
    });
    expect(undone.status).toBe(200);
    expect(await namesOn(slides[0])).toEqual(["Nest", "Tumor", "NEST"]);
    expect(await namesOn(slides[1])).toEqual(["Island"]);
    // Again finds what is left, and the name that is there already means the same.
    await choose({ name: "Nest", meaning: "tumour" });
    expect(await (await rename("Nest", "Island")).json()).toEqual({ slides: 1, objects: 2 });
  });

  it("keeps what it means to training, that of tumour too", async () => {
    await draw(slides[0], objectOf(1, { area: areaFrom(square(0, 0, 50)) }));
    expect((await rename("Tumor", "Carcinoma")).status).toBe(200);
    expect(await entry("Carcinoma")).toEqual({ name: "Carcinoma", meaning: "tumour", isFixed: false });
    const { folder } = await writeCorrectionFiles(context.stateDirectory);
    expect(await readFile(join(folder, "one.geojson"), "utf8")).toContain('"classification":{"name":"Tumor"');
    expect(await context.facts.classesWithoutMeaning(slides[0] ?? "")).toEqual([]);
  });

  it("may differ in case alone, and is refused where it would mean something else", async () => {
    await choose({ name: "nest", meaning: "tumour" });
    await choose({ name: "Stroma", meaning: "exclusion" });
    await draw(
      slides[0],
      objectOf(1, { classification: "nest" }),
      objectOf(2, { classification: "Foreign" }),
    );
    expect(await (await rename("nest", "Nest")).json()).toEqual({ slides: 1, objects: 1 });
    expect((await classes()).filter(({ name }) => /nest/i.test(name))).toMatchObject([{ name: "Nest" }]);
    expect(await whyNot(await rename("Nest", "Stroma"))).toMatch(/is there already and means/);
    expect(await whyNot(await rename("Nest", "Region*"))).toMatch(/means something of its own/);
    expect(await whyNot(await rename("Measurement*", "Length"))).toMatch(/means something of its own/);
    // Of a class of which nobody knows the meaning, that stays open.
    expect(await (await rename("Foreign", "Strange")).json()).toEqual({ slides: 1, objects: 1 });
    expect(await context.facts.classesWithoutMeaning(slides[0] ?? "")).toEqual(["Strange"]);
  });

  it("changes nothing where a slide's annotations cannot be read", async () => {
    await choose({ name: "Nest", meaning: "tumour" });
    await draw(slides[0], objectOf(1, { classification: "Nest" }));
    await draw(slides[1], objectOf(2, { classification: "Nest" }));
    const path = journalPath(annotationFolder(context.stateDirectory), slides[1] ?? "");
    await writeFile(path, (await readFile(path, "utf8")).replace("Nest", "Best"));
    expect((await rename("Nest", "Island")).status).toBe(422);
    expect(await namesOn(slides[0])).toEqual(["Nest"]);
  });
});

describe("the colours of an imported file", () => {
  const feature = (name: string, color: readonly number[]) => ({
    type: "Feature",
    geometry: areaFrom(square(10, 10, 20)),
    properties: { objectType: "annotation", classification: { name, color } },
  });
  const bring = async (...features: readonly object[]) => {
    const body = JSON.stringify({ type: "FeatureCollection", features });
    const { revision } = await state(slides[0]);
    const path = `/api/slides/${slides[0]}/annotations/import?revision=${revision}`;
    expect((await app.request(path, { method: "POST", body })).status).toBe(200);
  };
  const exported = async (name: string) => {
    const answer = await app.request(`/api/slides/${slides[0]}/annotations/export?format=geojson`);
    const { features } = (await answer.json()) as { features: readonly ReturnType<typeof feature>[] };
    return features.map(({ properties }) => properties.classification).find((one) => one.name === name);
  };

  it("are those of classes that are new, and go back into exported files", async () => {
    await choose({ name: "Nest", meaning: "tumour" });
    await bring(
      feature("Stroma", [150, 200, 150]),
      feature("Nest", [1, 2, 3]),
      feature("Tumor", [200, 0, 0]),
    );
    expect(await entry("Stroma")).toEqual({
      name: "Stroma",
      meaning: null,
      isFixed: false,
      colour: "#96c896",
    });
    expect(await entry("Nest")).toEqual({ name: "Nest", meaning: "tumour", isFixed: false });
    expect((await entry("Tumor"))?.colour).toBeUndefined();
    expect(await exported("Stroma")).toEqual({ name: "Stroma", color: [150, 200, 150] });
    // A colour that is known stays, whatever another file says.
    await bring(feature("stroma", [0, 0, 0]));
    expect((await entry("Stroma"))?.colour).toBe("#96c896");
    expect(await whyNot(await choose({ name: "Stroma", key: 5 }))).toMatch(/has no meaning yet/);
    await rename("Stroma", "Fibrosis");
    expect(await entry("Fibrosis")).toMatchObject({ meaning: null, colour: "#96c896" });
    await choose({ name: "Fibrosis", meaning: "exclusion" });
    expect(await entry("Fibrosis")).toMatchObject({ meaning: "exclusion", colour: "#96c896" });
    expect(await exported("Fibrosis")).toEqual({ name: "Fibrosis", color: [150, 200, 150] });
    expect(await entry("Stroma")).toBeUndefined();
  });
});
