import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { RangeServer } from "../../scripts/fixtures/range-server.js";
import { deflatePage } from "../../scripts/fixtures/slide-files.js";
import { buildTiff } from "../../scripts/fixtures/tiff-writer.js";
import { silentReporter } from "../../src/common/index.js";
import { createApp } from "../../src/server/app.js";
import { createServerContext } from "../../src/server/context.js";
import { addInput } from "../../src/server/workspace/recognise.js";
import { noiseImage } from "../slides/made-up.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

// The page shows slides on servers that were named at the start, and makes this server fetch nothing else.

const files = temporaryDirectory();
const server = new RangeServer();
const slide = buildTiff([deflatePage(noiseImage(200, 150), 64)]);
const BASE = "http://localhost:8765/api";

beforeAll(() => server.start());
afterAll(() => server.close());

/** What is served for these inputs. */
async function serve(...inputs: readonly string[]) {
  const context = createServerContext({
    stateDirectory: files.path("state"),
    signal: new AbortController().signal,
    reporter: silentReporter,
  });
  for (const input of inputs) await addInput(context.workspace, input, { warn: () => undefined });
  const app = createApp(context);
  return { context, get: (path: string, init?: RequestInit) => app.request(`${BASE}${path}`, init) };
}

it("shows a slide that was named at the start, without what is secret in its address", async () => {
  const { context, get } = await serve(`${server.add("/named.tif", slide)}?sig=secret`);
  const [entry] = context.workspace.slides;
  const workspace = await (await get("/workspace")).text();
  expect(workspace).toContain("named.tif");
  const detail = await (await get(`/slides/${entry?.id}`)).text();
  expect(detail).toContain('"levels":[{"width":200');
  const tile = await get(`/slides/${entry?.id}/tiles/0/0/0`);
  expect(tile.status).toBe(200);
  expect(tile.headers.get("content-type")).toMatch(/^image\//);
  expect(`${workspace}${detail}`).not.toMatch(/secret|127\.0\.0\.1/);
});

it("fetches no address that somebody types", async () => {
  const { context, get } = await serve(server.add("/only.tif", slide));
  const foreign = server.add("/foreign.tif", slide);
  const id = encodeURIComponent(foreign);
  server.forget();
  for (const path of [`/slides/${id}`, `/slides/${id}/tiles/0/0/0`, `/slides/${id}/thumbnail`]) {
    expect((await get(path)).status).toBe(404);
  }
  const post = (path: string, body: object) =>
    get(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", Origin: "http://localhost:8765" },
      body: JSON.stringify(body),
    });
  const jobs = [
    { kind: "infer", run: "run", slides: [foreign] },
    { kind: "infer", run: foreign, slides: [context.workspace.slides[0]?.id] },
    { kind: "prepare", name: foreign, slides: [foreign], annotations: "corrections" },
    { kind: "train", name: "a", dataset: foreign },
  ];
  for (const job of jobs) expect((await post("/jobs", job)).status).toBeGreaterThanOrEqual(400);
  expect((await post(`/slides/${id}/embeddings`, {})).status).toBeGreaterThanOrEqual(400);
  expect(server.requests).toEqual([]);
});

it("fetches no address that results hold", async () => {
  const foreign = server.add("/of-results.tif", slide);
  const results = files.path("results");
  await mkdir(join(results, "of-results"), { recursive: true });
  const record = {
    formatVersion: 1,
    file: foreign,
    width: 200,
    height: 150,
    settings: {
      slide: { name: "of-results.tif", bytes: slide.length, modified: foreign },
      model: { stage: foreign },
      outlines: {},
    },
  };
  await writeFile(join(results, "of-results", "inference.json"), JSON.stringify(record));
  await writeFile(join(results, "of-results", "summary.json"), "{}");
  const named = server.add("/known.tif", slide);
  const { context, get } = await serve(named, results);
  server.forget();
  for (const path of ["/workspace", `/slides/${context.workspace.slides[0]?.id}`]) {
    expect((await get(path)).status).toBe(200);
  }
  expect(context.workspace.slides.map(({ path }) => path)).toEqual([named]);
  expect(new Set(server.requests.map(({ path }) => path))).toEqual(new Set(["/known.tif"]));
});
