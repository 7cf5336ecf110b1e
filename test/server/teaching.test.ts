import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import type { LabelledSquareEntry, Suggestion, Teaching, TeachingFrame } from "../../src/contract/index.js";
import { device } from "../../src/graph/index.js";
import { inferSlides, keepTaughtRun } from "../../src/inference/index.js";
import { retrainWithCorrections } from "../../src/training/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { type TestServer, testServer } from "../support/test-server.js";

const directory = temporaryDirectory();
/** A corner of the generated slide against its middle: what is told apart matters to none of these tests. */
const SQUARES: readonly LabelledSquareEntry[] = [
  { x: 40, y: 40, size: 112, tumour: 1 },
  { x: 400, y: 400, size: 112, tumour: 0 },
  { x: 200, y: 40, size: 112, tumour: 1 },
  { x: 400, y: 200, size: 112, tumour: 0 },
  { x: 40, y: 200, size: 112, tumour: 1 },
];

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describe("teaching with squares", () => {
  let slides = "";
  let path = "";
  let slide = "";
  let server: TestServer;

  const serve = () => testServer({ inputs: [slides], stateDirectory: directory.path("state") });
  const post = (on: TestServer, at: string, body: unknown) =>
    on.request(`/api/slides/${slide}/${at}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
  const taught = async (on: TestServer, squares: readonly LabelledSquareEntry[]): Promise<Teaching> => {
    const answer = await post(on, "teachings", { run: null, squares });
    expect(answer.status).toBe(200);
    return (await answer.json()) as Teaching;
  };
  const tile = async (on: TestServer, { id }: Pick<Teaching, "id">) => {
    const answer = await on.request(`/api/slides/${slide}/layers/${id}/tiles/0/0/0`);
    expect(answer.status).toBe(200);
    return sharp(await answer.arrayBuffer())
      .raw()
      .toBuffer({ resolveWithObject: true });
  };

  beforeAll(async () => {
    ({ slides } = await writeGeneratedSlides(directory.path("tissue"), {
      ...{ count: 1, seed: 7, size: 640, micronsPerPixel: 0.5, reporter: silentReporter },
    }));
    const [name = ""] = (await readdir(slides)).filter((file) => file.endsWith(".tif"));
    path = join(slides, name);
    server = await serve();
    slide = (await server.workspace()).slides[0]?.id ?? "";
  });

  afterAll(() => server?.close());

  it("looks at half a micron per pixel without a run", async () => {
    const answer = await server.request(`/api/slides/${slide}/teaching`);
    expect((await answer.json()) as TeachingFrame).toEqual({
      ...{ pixelSize: 1, mpp: 0.5, tileSide: 512, warnings: [] },
    });
  });

  it("gives a map that knows its squares, and the same map from another process", async () => {
    const one = await taught(server, SQUARES);
    expect(one.layer).toMatchObject({ id: one.id, kind: "probability", levels: [{ downsample: 4 }] });
    const { data, info } = await tile(server, one);
    expect([info.width, info.height]).toEqual([128, 128]);
    for (const { x, y, size, tumour } of SQUARES) {
      let sum = 0;
      for (let row = y / 4; row < (y + size) / 4; row++) {
        for (let column = x / 4; column < (x + size) / 4; column++)
          sum += data[(row * 128 + column) * info.channels] ?? 0;
      }
      const mean = sum / (size / 4) ** 2 / 255;
      expect(tumour === 1 ? mean : 1 - mean).toBeGreaterThan(0.5);
    }
    const other = await serve();
    try {
      const again = await taught(other, SQUARES);
      expect(again.id).toBe(one.id);
      expect((await tile(other, again)).data.equals(data)).toBe(true);
    } finally {
      await other.close();
    }
  });

  it("gives a draft of the map, which is another one and much like it", async () => {
    const { id, draft, layer } = await taught(server, SQUARES);
    expect(draft).toEqual({ ...layer, id: expect.stringMatching(/^teaching-draft_[0-9a-f]{32}$/) });
    const [rough, whole] = [await tile(server, draft), await tile(server, { id })];
    expect(rough.info).toMatchObject({ width: 128, height: 128 });
    const apart = rough.data.reduce((sum, value, at) => sum + Math.abs(value - (whole.data[at] ?? 0)), 0);
    expect(apart).toBeGreaterThan(0);
    expect(apart / rough.data.length).toBeLessThan(32);
  });

  it("looks at squares beforehand, and teaches the same then", async () => {
    const other = await serve();
    try {
      const places = SQUARES.map(({ x, y, size }) => ({ x, y, size }));
      const answer = await post(other, "teaching/prepare", { run: null, squares: places });
      expect(answer.status).toBe(204);
      const [one, two] = [await taught(server, SQUARES), await taught(other, SQUARES)];
      expect((await tile(other, two)).data.equals((await tile(server, one)).data)).toBe(true);
    } finally {
      await other.close();
    }
  });

  it("suggests squares apart from each other and from those that taught", async () => {
    const { id } = await taught(server, SQUARES);
    const box = { space: "level-0", x: 0, y: 0, width: 640, height: 640 };
    const answer = await post(server, `teachings/${id}/suggestions`, { box, size: 112 });
    const found = (await answer.json()) as Suggestion[];
    expect(found.length).toBeGreaterThan(0);
    const placed = [...SQUARES, ...found];
    for (const [index, one] of placed.entries()) {
      expect(one.x >= 0 && one.y >= 0 && one.x + one.size <= 640 && one.y + one.size <= 640).toBe(true);
      for (const other of placed.slice(Math.max(SQUARES.length, index + 1))) {
        expect(Math.abs(one.x - other.x) >= 112 || Math.abs(one.y - other.y) >= 112).toBe(true);
      }
    }
    const sureness = found.map(({ probability }) => Math.abs(probability - 0.5));
    expect(sureness).toEqual([...sureness].sort((a, b) => a - b));
  });

  it.each([
    [
      "squares of one kind",
      "teachings",
      { run: null, squares: SQUARES.filter(({ tumour }) => tumour === 1) },
      400,
    ],
    ["no squares", "teachings", { run: null, squares: [] }, 400],
    ["an unknown run", "teachings", { run: "none", squares: SQUARES }, 404],
    [
      "suggestions of a map that is not kept",
      "teachings/teaching-0/suggestions",
      { box: { space: "level-0", x: 0, y: 0, width: 9, height: 9 }, size: 112 },
      404,
    ],
  ])("refuses %s", async (_, at, body, status) => {
    expect((await post(server, at, body)).status).toBe(status);
  });

  it("is kept as a run: the same bytes each time, its squares with it, and the slide can be segmented", async () => {
    const table = directory.path("squares.csv");
    const rows = SQUARES.map(({ x, y, size, tumour }) => [path.split("/").at(-1), x, y, size, tumour].join());
    await writeFile(table, `${["slide,x,y,size,tumour", ...rows].join("\n")}\n`);
    const keep = (out: string) =>
      keepTaughtRun({ slide: path, labelledSquares: table, out, reporter: silentReporter });
    const [one, two] = [directory.path("one"), directory.path("two")];
    expect(await keep(one)).toMatchObject({
      squares: { tumour: 3, other: 2 },
      mpp: 0.5,
      stage: "classifier",
    });
    await keep(two);
    const weights = (run: string) => readFile(join(run, "classifier.safetensors"));
    expect((await weights(one)).equals(await weights(two))).toBe(true);
    expect(await readFile(join(one, "labelled-squares.csv"), "utf8")).toBe(await readFile(table, "utf8"));
    await expect(keep(one)).rejects.toThrow(/already holds a run/);
    const { slides: results } = await inferSlides({
      ...{
        device: device("cpu", 1),
        inputs: [path],
        run: one,
        out: directory.path("results"),
        tissue: "all",
        reporter: silentReporter,
      },
    });
    expect(results.map(({ result }) => result.settings.model.stage)).toEqual(["initial-masks"]);
    expect(results.map(({ result }) => result.settings.reading.mpp)).toEqual([0.5]);

    // More squares begin with its head; what needs a decoder says that it has none.
    const further = await keepTaughtRun({
      ...{ slide: path, labelledSquares: table, run: one, out: directory.path("three") },
      reporter: silentReporter,
    });
    const record = JSON.parse(await readFile(join(further.root, "run.json"), "utf8"));
    expect(record.taught).toMatchObject({ tumour: 3, other: 2, from: null, head: { root: one } });
    expect((await weights(further.root)).equals(await weights(one))).toBe(false);
    const retrained = retrainWithCorrections({
      ...{ from: one, corrections: directory.path("none"), out: directory.path("four"), resume: false },
      ...{ device: device("cpu", 1), reporter: silentReporter },
    });
    await expect(retrained).rejects.toThrow(/was made of labelled squares alone/);
    const entries = await testServer({ inputs: [one], stateDirectory: directory.path("of-runs") });
    const { runs } = await entries.workspace();
    await entries.close();
    expect(runs).toMatchObject([
      { teachable: true, finished: true, taught: { tumour: 3, other: 2, isWhole: true } },
    ]);
  });
});
