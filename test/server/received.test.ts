import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ProblemBody, TakenIn } from "../../src/contract/index.js";
import { addAllReceived } from "../../src/server/received/received-folder.js";
import { addAllRegistered } from "../../src/server/received/register.js";
import { OpenWorkspace } from "../../src/server/workspace/workspace.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { type TestServer, testServer, writeGradientSlide } from "../support/test-server.js";

const files = temporaryDirectory();
let server: TestServer;
let folder: string;
let state: string;
let slide: Uint8Array;

beforeEach(async () => {
  folder = await realpath(await files.folder());
  state = join(await files.folder(), "state");
  await writeGradientSlide(join(folder, "here.tif"), 300, 200);
  slide = new Uint8Array(await readFile(join(folder, "here.tif")));
  await writeFile(join(folder, "here.xml"), outlines(10));
  server = await testServer({ inputs: [folder], stateDirectory: state });
});
afterEach(() => server.close());

/** A rectangle as ASAP writes it. */
function outlines(side: number): string {
  const corners = [
    [0, 0],
    [side, 0],
    [side, side],
    [0, side],
  ].map(([x, y], order) => `<Coordinate Order="${order}" X="${x}" Y="${y}"/>`);
  return `<ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor" Color="#F4FA58"><Coordinates>${corners.join("")}</Coordinates></Annotation></Annotations><AnnotationGroups><Group Name="Tumor" PartOfGroup="None" Color="#64FE2E"><Attributes/></Group></AnnotationGroups></ASAP_Annotations>`;
}

const begin = (names: Readonly<Record<string, Uint8Array>>): Promise<Response> =>
  server.request("/api/received", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      files: Object.entries(names).map(([path, { length }]) => ({ path, bytes: length })),
    }),
  });
const put = (id: string, index: number, offset: number, body: Uint8Array): Promise<Response> =>
  server.request(`/api/received/${id}/${index}?offset=${offset}`, {
    method: "PUT",
    body: new Uint8Array(body),
  });
const idOf = async (answer: Response): Promise<string> => JSON.parse(await answer.text()).id;

/** Brings files in, each in two pieces. */
async function drop(names: Readonly<Record<string, Uint8Array | string>>): Promise<TakenIn> {
  const bytes = Object.fromEntries(
    Object.entries(names).map(([path, content]) => [path, Buffer.from(content)] as const),
  );
  const id = await idOf(await begin(bytes));
  for (const [index, content] of Object.values(bytes).entries()) {
    const half = Math.floor(content.length / 2);
    await put(id, index, 0, content.subarray(0, half));
    expect((await put(id, index, half, content.subarray(half))).status).toBe(200);
  }
  const done = await server.request(`/api/received/${id}/done`, { method: "POST" });
  const text = await done.text();
  expect([done.status, text]).toEqual([200, text]);
  return JSON.parse(text);
}
const names = async () => (await server.workspace()).slides.map(({ name }) => name);

it("takes a slide with its annotations, and the next server has them too", async () => {
  const taken = await drop({ "new.tif": slide, "new.xml": outlines(50) });
  expect(taken).toMatchObject({
    slides: [{ name: "new.tif" }],
    others: ["the annotations new.xml"],
    refused: [],
  });
  expect(await names()).toEqual(["here.tif", "new.tif"]);
  expect((await server.slide("new.tif")).layers.map(({ kind }) => kind)).toContain("ground-truth");
  const next = new OpenWorkspace();
  await addAllReceived(next, state, (message) => expect(message).toBe(""));
  expect(next.slides.map(({ id }) => id)).toEqual(taken.slides.map(({ id }) => id));
});

it("takes folders as a whole, and annotation files of slides that are here", async () => {
  const taken = await drop({ "case 1/one.tif": slide, "case 1/two.tif": slide.subarray(0) });
  expect(taken.slides.map(({ name }) => name)).toEqual(["one.tif", "two.tif"]);
  const [first] = server.context.workspace.slides;
  expect(first?.name).toBe("here.tif");
  expect(await drop({ "one.xml": outlines(50) })).toMatchObject({ others: ["the annotations one.xml"] });
  expect((await server.slide("one.tif")).layers.map(({ kind }) => kind)).toContain("ground-truth");
});

it("refuses by name what is of no use, and keeps nothing of it", async () => {
  const taken = await drop({
    "here.tif": slide,
    "broken.svs": "no slide",
    "here.xml": outlines(20),
    "nobody.xml": outlines(20),
    "notes.txt": "read me",
    "lone.mrxs": "no data beside it",
  });
  expect(taken.slides).toEqual([]);
  expect(taken.refused.map(({ where, what }) => [where, what])).toEqual([
    ["broken.svs", expect.any(String)],
    ["here.tif", "is here already"],
    ["lone.mrxs", expect.any(String)],
    ["here.xml", "here.tif has an annotation file already, which is not replaced"],
    ["nobody.xml", "belongs to no slide that is here"],
  ]);
  expect(taken.notes.join()).toContain("notes.txt");
  expect(await readdir(join(state, "received"))).toEqual([]);
  expect(await drop({ "notes.txt": "read me" })).toMatchObject({
    refused: [{ what: "there is no slide, annotation, dataset, run or result in it" }],
  });
});

it("writes nowhere but into its folder, and only what was told before", async () => {
  for (const path of [
    "../out.tif",
    "/etc/out.tif",
    "a/../../out.tif",
    ".hidden",
    "con.tif",
    "a\\b.tif",
    "a:b",
    "x.",
  ]) {
    const refused = await begin({ [path]: slide });
    expect([path, refused.status]).toEqual([path, 400]);
  }
  expect((await begin({ "a.tif": slide, "A.tif": slide })).status).toBe(400);
  const id = await idOf(await begin({ "a.tif": slide }));
  const problem = async (answer: Response) => [
    answer.status,
    (JSON.parse(await answer.text()) as ProblemBody).problem.what,
  ];
  expect(await problem(await put(id, 0, 10, slide))).toEqual([
    400,
    `this piece does not follow: 0 of ${slide.length} bytes are here`,
  ]);
  expect((await put(id, 1, 0, slide)).status).toBe(404);
  expect((await put("0123456789ab", 0, 0, slide)).status).toBe(404);
  await put(id, 0, 0, slide.subarray(0, 100));
  const early = await server.request(`/api/received/${id}/done`, { method: "POST" });
  expect(await problem(early)).toEqual([400, "has not arrived in full"]);
  expect(existsSync(join(state, "received", `.${id}`, "a", "a.tif"))).toBe(true);
  expect((await server.request(`/api/received/${id}`, { method: "DELETE" })).status).toBe(204);
  expect(await readdir(join(state, "received"))).toEqual([]);
  const huge = await server.request("/api/received", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      files: Array.from({ length: 2000 }, (_, at) => ({ path: `${at}.tif`, bytes: 2 ** 36 })),
    }),
  });
  expect(await problem(huge)).toEqual([
    413,
    expect.stringMatching(/^137439\.0 GB are too much for the disk/),
  ]);
});

/** Adds something by its path. */
const register = async (path: string) => {
  const answer = await server.request("/api/registered", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path }),
  });
  return { status: answer.status, body: JSON.parse(await answer.text()) as TakenIn & ProblemBody };
};

it("adds what is named by its path, where it lies, and the next server has it too", async () => {
  expect((await server.workspace()).folders).toEqual([]);
  server.context.workspace.allowFolder({ root: folder, given: folder });
  expect((await server.workspace()).folders).toEqual([basename(folder)]);
  await mkdir(join(folder, "later", "more"), { recursive: true });
  await writeFile(join(folder, "later", "new.tif"), slide.subarray(0));
  await writeFile(join(folder, "later", "more", "two.tif"), slide);
  await writeFile(join(folder, "later", "broken.svs"), "no slide");
  expect((await register("later/new.tif")).body.slides.map(({ name }) => name)).toEqual(["new.tif"]);
  const rest = await register(` ${basename(folder)}/later `);
  expect(rest.body).toMatchObject({
    slides: [{ name: "two.tif" }],
    refused: [{ where: "broken.svs" }],
    notes: ["1 slide is here already."],
  });
  expect((await register(join(folder, "later", "new.tif"))).body).toMatchObject({
    slides: [],
    refused: [],
    notes: ["1 slide is here already."],
  });
  // Nothing is copied, and what is refused stays.
  expect(server.context.workspace.slides.map(({ path }) => path)).toEqual(
    ["here.tif", "later/new.tif", "later/more/two.tif"].map((path) => join(folder, path)),
  );
  expect(existsSync(join(folder, "later", "broken.svs"))).toBe(true);
  await writeFile(join(folder, "later", "new.xml"), outlines(30));
  expect((await register("later/new.xml")).body.others).toEqual(["the annotations new.xml"]);
  const warnings: string[] = [];
  const next = new OpenWorkspace();
  await addAllRegistered(next, state, (message) => warnings.push(message));
  expect([next.slides.length, warnings.length]).toEqual([0, 3]);
  expect(warnings[0]).toMatch(/^registered\.jsonl: .+new\.tif.+lies outside of the folders/);
  next.allowFolder({ root: folder, given: folder });
  await addAllRegistered(next, state, (message) => expect(message).toBe(""));
  expect(next.slides.map(({ name }) => name).sort()).toEqual(["broken.svs", "new.tif", "two.tif"]);
  expect(next.annotationFolders).toEqual([join(folder, "later")]);
});

it("looks at nothing outside of the folders that are allowed, and asks no address", async () => {
  const outside = await files.folder();
  await writeFile(join(outside, "secret.tif"), slide);
  await symlink(outside, join(folder, "link"));
  await symlink(join(outside, "secret.tif"), join(folder, "link.tif"));
  await writeFile(join(folder, "list.txt"), "https://127.0.0.1:1/a.svs\n");
  const refused = async (path: string) => {
    const { status, body } = await register(path);
    return [status, body.problem?.tag];
  };
  expect(await refused("here.tif")).toEqual([403, "forbidden"]);
  server.context.workspace.allowFolder({ root: folder, given: folder });
  const whole = join(outside, "secret.tif");
  const beside = `../${basename(outside)}/secret.tif`;
  // Whether such a thing is there is not told either.
  const elsewhere = [whole, join(outside, "nothing.tif"), beside, "../nothing", "/etc/passwd", `${folder}x`];
  for (const path of [...elsewhere, "link/secret.tif", "link", "link.tif"]) {
    expect([path, ...(await refused(path))]).toEqual([path, 403, "forbidden"]);
  }
  for (const path of ["http://127.0.0.1:1/a.svs", "S3://bucket/a.svs", "file:///etc/passwd", "list.txt"]) {
    expect([path, ...(await refused(path))]).toEqual([path, 400, "usage"]);
  }
  expect(await refused("nothing.tif")).toEqual([404, "not-found"]);
  expect(await refused("")).toEqual([400, "usage"]);
  expect(await names()).toEqual(["here.tif"]);
  expect(existsSync(join(state, "registered.jsonl"))).toBe(false);
});
