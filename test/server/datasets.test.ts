import { appendFile, cp, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PatchPage, UncertainPage, Workspace } from "../../src/contract/index.js";
import { formatManifest, type ManifestRow, patchFileName } from "../../src/dataset/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { pixelsOf, type TestServer, testServer, writeGradientSlide } from "../support/test-server.js";
import { makeTinyRun } from "../support/tiny-run.js";

const directory = temporaryDirectory();
const SIDE = 16;
let server: TestServer;
let workspace: Workspace;
let dataset = "";
let run = "";

function row(id: string, label: 0 | 1, split: ManifestRow["split"], x: number): ManifestRow {
  const tumourFraction = label === 1 ? 0.5 : 0;
  return {
    id,
    slide: "A",
    patient: `patient-${split}`,
    x,
    y: 8,
    level: 0,
    mpp: 0.5,
    label,
    tumourFraction,
    split,
  };
}

const ROWS = [
  row("p1", 1, "train", 0),
  row("p2", 1, "train", 16),
  row("p3", 1, "train", 32),
  row("n1", 0, "train", 48),
  row("v1", 1, "val", 64),
  row("t1", 0, "test", 80),
];

/** A grey picture whose first `foreground` rows are white. */
async function writeGrey(path: string, foreground: number): Promise<void> {
  const data = new Uint8Array(SIDE * SIDE).fill(255, 0, foreground * SIDE);
  await sharp(data, { raw: { width: SIDE, height: SIDE, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toFile(path);
}

async function writeDataset(root: string): Promise<void> {
  for (const split of ["train", "val", "test"]) {
    for (const kind of ["image", "mask"]) await mkdir(join(root, split, kind), { recursive: true });
  }
  const picture = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: "#a03070" } }).png();
  for (const entry of ROWS) {
    await picture.clone().toFile(join(root, entry.split, "image", patchFileName(entry)));
    if (entry.label === 1) await writeGrey(join(root, entry.split, "mask", patchFileName(entry)), 8);
  }
  await writeFile(join(root, "manifest.csv"), formatManifest(ROWS));
  const sources = [{ slide: "a.tif", pixelSize: { x: 2, y: 2 } }];
  await writeFile(join(root, "dataset.json"), JSON.stringify({ hash: "0".repeat(64), sources }));
}

/** Masks of three stages: p1 hardly changes, p2 changes much, p3 has none of the last round. */
async function writeRun(root: string): Promise<void> {
  await makeTinyRun(root, { patchSize: SIDE, finished: ["initial-masks"] });
  for (const stage of ["initial", "round-1", "round-2"]) {
    await mkdir(join(root, "masks", stage), { recursive: true });
  }
  await writeGrey(join(root, "masks", "initial", "p1.png"), 8);
  await writeGrey(join(root, "masks", "round-1", "p1.png"), 8);
  await writeGrey(join(root, "masks", "round-2", "p1.png"), 8);
  await writeGrey(join(root, "masks", "initial", "p2.png"), 8);
  await writeGrey(join(root, "masks", "round-1", "p2.png"), 8);
  await writeGrey(join(root, "masks", "round-2", "p2.png"), 2);
  await writeGrey(join(root, "masks", "initial", "p3.png"), 4);
  await mkdir(join(root, "evaluation", "masks", "test", "preliminary"), { recursive: true });
  await writeGrey(join(root, "evaluation", "masks", "test", "preliminary", "t1.png"), 1);
  const table = (p1: number, p2: number) => `patch,ids_score,selected\np1,${p1},1\np2,${p2},0\n`;
  await writeFile(join(root, "masks", "round-1", "scores.csv"), table(0.5, 0.5));
  await writeFile(join(root, "masks", "round-2", "scores.csv"), table(0.95, 0.4));
  await writeFile(join(root, "report.html"), "<!doctype html><title>report</title>");
}

beforeAll(async () => {
  const root = directory.path("workspace");
  await mkdir(root);
  await writeGradientSlide(join(root, "a.tif"), 600, 400);
  await writeDataset(join(root, "data"));
  await writeRun(join(root, "run"));
  server = await testServer({ inputs: [root], stateDirectory: directory.path("state") });
  workspace = await server.workspace();
  dataset = workspace.datasets[0]?.id ?? "";
  run = workspace.runs[0]?.id ?? "";
}, 60_000);

afterAll(() => server.close());

async function page(query: string): Promise<PatchPage> {
  const answer = await server.request(`/api/datasets/${dataset}/patches?${query}`);
  expect(answer.status).toBe(200);
  return JSON.parse(await answer.text());
}

const ids = ({ patches }: PatchPage): string[] => patches.map(({ patch }) => patch);

describe("the list", () => {
  it("tells of datasets and runs, and that they belong together", () => {
    expect(workspace.datasets).toEqual([
      {
        id: dataset,
        name: "data",
        patchSize: SIDE,
        counts: {
          train: { positive: 3, negative: 1 },
          val: { positive: 1, negative: 0 },
          test: { positive: 0, negative: 1 },
        },
        problem: null,
      },
    ]);
    expect(workspace.runs).toEqual([
      {
        ...{ id: run, name: "run", finished: false, hasReport: true, dataset, problem: null },
        stages: ["untrained"],
        teachable: false,
        taught: null,
      },
    ]);
  });

  it("keeps damaged ones with the reason", async () => {
    const root = await directory.folder();
    await mkdir(join(root, "data"));
    await writeFile(join(root, "data", "manifest.csv"), "patch,slide\n");
    await mkdir(join(root, "run"));
    await writeFile(join(root, "run", "run.json"), "{}");
    const broken = await testServer({ inputs: [root], stateDirectory: directory.path("state") });
    const { datasets, runs } = await broken.workspace();
    expect(datasets[0]?.problem).toMatchObject({ tag: "dataset" });
    expect(runs[0]?.problem).toMatchObject({ tag: "run-directory" });
    expect(JSON.stringify([datasets, runs])).not.toContain(root);
  });
});

describe("the gallery", () => {
  it("shows patches in the order of the manifest, page by page", async () => {
    expect(ids(await page(""))).toEqual(["n1", "p1", "p2", "p3", "v1", "t1"]);
    const second = await page("offset=2&limit=2");
    expect([second.total, second.offset, ids(second)]).toEqual([6, 2, ["p2", "p3"]]);
    expect(ids(await page("offset=100"))).toEqual([]);
  });

  it("filters by split and label", async () => {
    expect(ids(await page("split=train&label=1"))).toEqual(["p1", "p2", "p3"]);
    expect(ids(await page("label=0"))).toEqual(["n1", "t1"]);
  });

  it("tells what a run knows: the last IDS score, the disagreement of the last two stages, the masks", async () => {
    const { patches } = await page(`run=${run}&split=train&label=1`);
    expect(patches[0]).toMatchObject({
      idsScore: 0.95,
      disagreement: 0,
      masks: ["initial", "round-1", "round-2"],
    });
    expect(patches[1]).toMatchObject({ idsScore: 0.4, disagreement: 0.75 });
    expect(patches[2]).toMatchObject({ idsScore: null, disagreement: null, masks: ["initial"] });
    expect(patches[0]).toMatchObject({ hasMask: true, tumourFraction: 0.5, slideName: "A", x: 0, y: 8 });
    expect(patches[0]?.slide).toBe(workspace.slides[0]?.id);
    const [test] = (await page(`run=${run}&split=test`)).patches;
    expect(test).toMatchObject({ masks: ["preliminary"], disagreement: null });
    expect((await page("split=train&label=1")).patches[0]).toMatchObject({ idsScore: null, masks: [] });
  });

  it("sorts by score, disagreement and uncertainty, the unknown last", async () => {
    const training = `run=${run}&split=train&label=1&sort=`;
    expect(ids(await page(`${training}ids-score`))).toEqual(["p2", "p1", "p3"]);
    expect(ids(await page(`${training}disagreement`))).toEqual(["p2", "p1", "p3"]);
    expect(ids(await page(`${training}uncertainty&offset=1`))).toEqual(["p1", "p3"]);
  });

  it("leaves out what does not pass a limit of score or disagreement, and counts the rest", async () => {
    expect(await page(`run=${run}&idsBelow=0.9`)).toMatchObject({ total: 1, patches: [{ patch: "p2" }] });
    expect(ids(await page(`run=${run}&idsBelow=0.96`))).toEqual(["p1", "p2"]);
    const disagreeing = await page(`run=${run}&disagreementAbove=0.5&sort=ids-score`);
    expect(disagreeing).toMatchObject({ total: 1, patches: [{ patch: "p2" }] });
    expect(ids(await page("idsBelow=1"))).toEqual([]);
  });

  it.each([
    "split=other",
    "label=2",
    "sort=size",
    "idsBelow=x",
    "disagreementAbove=2",
    "limit=0",
    "limit=501",
    "offset=-1",
  ])("refuses %s", async (query) => {
    expect((await server.request(`/api/datasets/${dataset}/patches?${query}`)).status).toBe(400);
  });
});

describe("pictures of patches", () => {
  it("are the files, unchanged, and masks by stage", async () => {
    const image = await pixelsOf(await server.request(`/api/datasets/${dataset}/patches/p1/image`));
    expect([image.width, ...image.data.subarray(0, 3)]).toEqual([SIDE, 0xa0, 0x30, 0x70]);
    const stage = async (patch: string, name: string) =>
      pixelsOf(await server.request(`/api/runs/${run}/patches/${patch}/masks/${name}`));
    const foreground = ({ data }: { data: Uint8Array }) => data.filter((value) => value > 0).length;
    const [early, late] = [await stage("p2", "initial"), await stage("p2", "round-2")];
    expect(foreground(early) / foreground(late)).toBe(4);
    expect((await stage("t1", "preliminary")).width).toBe(SIDE);
  });

  it.each([
    "patches/absent/image",
    "patches/n1/mask",
    "patches/..%2f..%2fmanifest/image",
    "patches/%2e%2e/image",
  ])("%s is not found", async (path) => {
    expect((await server.request(`/api/datasets/${dataset}/${path}`)).status).toBe(404);
  });

  it.each(["p3/masks/round-2", "p1/masks/..%2f..%2frun.json", "absent/masks/initial", "p1/masks/evaluation"])(
    "of a run, %s is not found",
    async (path) => {
      expect((await server.request(`/api/runs/${run}/patches/${path}`)).status).toBe(404);
    },
  );

  it("that are links out of the dataset are refused", async () => {
    const root = await directory.folder();
    await mkdir(join(root, "train", "image"), { recursive: true });
    await writeFile(directory.path("secret.png"), "secret");
    const picture = sharp({ create: { width: SIDE, height: SIDE, channels: 3, background: "#fff" } }).png();
    await picture.toFile(join(root, "train", "image", "a_1.png"));
    await symlink(directory.path("secret.png"), join(root, "train", "image", "b_1.png"));
    const linked = await testServer({ inputs: [root], stateDirectory: directory.path("state") });
    const [entry] = linked.context.workspace.datasets;
    expect((await linked.request(`/api/datasets/${entry?.id}/patches/a/image`)).status).toBe(200);
    expect((await linked.request(`/api/datasets/${entry?.id}/patches/b/image`)).status).toBe(403);
  });
});

describe("a slide's patches", () => {
  it("lie where they were cut, as large as their resolution says", async () => {
    const detail = await server.slide("a.tif");
    expect(detail.datasets).toEqual([dataset]);
    const answer = await server.request(`/api/slides/${detail.id}/patches?dataset=${dataset}`);
    const grid = JSON.parse(await answer.text());
    expect(grid).toHaveLength(6);
    expect(grid[1]).toEqual({
      patch: "p1",
      split: "train",
      label: 1,
      tumourFraction: 0.5,
      x: 0,
      y: 8,
      side: 32,
    });
  });
});

describe("two slides of the same name and size", () => {
  /** Folders with a slide each, of which the other has more bytes, and a dataset beside the first. */
  async function ofBoth(bytes: number | undefined): Promise<{ server: TestServer; dataset: string }> {
    const root = await directory.folder();
    for (const folder of ["one", "other"]) await mkdir(join(root, folder));
    await writeGradientSlide(join(root, "one", "a.tif"), 600, 400);
    await cp(join(root, "one", "a.tif"), join(root, "other", "a.tif"));
    await appendFile(join(root, "other", "a.tif"), "\0");
    await writeDataset(join(root, "one", "data"));
    const sources = [{ slide: "a.tif", bytes, pixelSize: { x: 2, y: 2 } }];
    await writeFile(join(root, "one", "data", "dataset.json"), JSON.stringify({ sources }));
    const both = await testServer({ inputs: [root], stateDirectory: directory.path("state") });
    return { server: both, dataset: (await both.workspace()).datasets[0]?.id ?? "" };
  }

  it.each([
    ["the nearer one", undefined, "one"],
    ["the one with the recorded bytes", 1, "other"],
  ])("patches belong to %s, and to no other", async (_, more, folder) => {
    const { size } = await stat(directory.path("workspace/a.tif"));
    const both = await ofBoth(more === undefined ? undefined : size + more);
    const { slides } = both.server.context.workspace;
    const own = slides.find(({ path }) => path.endsWith(join(folder, "a.tif")));
    const other = slides.find((slide) => slide !== own);
    const get = async (path: string) => JSON.parse(await (await both.server.request(path)).text());
    const { patches }: PatchPage = await get(`/api/datasets/${both.dataset}/patches`);
    expect(new Set(patches.map(({ slide }) => slide))).toEqual(new Set([own?.id]));
    for (const [slide, count] of [
      [own, 6],
      [other, 0],
    ] as const) {
      expect(await get(`/api/slides/${slide?.id}/patches?dataset=${both.dataset}`)).toHaveLength(count);
      expect((await get(`/api/slides/${slide?.id}`)).datasets).toHaveLength(count === 0 ? 0 : 1);
    }
    await both.server.close();
  });
});

describe("a run", () => {
  it("shows its report, which can run nothing and is framed by the page alone", async () => {
    const answer = await server.request(`/api/runs/${run}/report`);
    expect(await answer.text()).toContain("<title>report</title>");
    const policy = answer.headers.get("Content-Security-Policy") ?? "";
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("sandbox");
    expect(policy).toContain("frame-ancestors 'self'");
    expect(policy).not.toContain("script-src");
  });

  it("offers the patches that a correction would teach most", async () => {
    const answer = await server.request(`/api/runs/${run}/uncertain?limit=5`);
    const { patches, comparing }: UncertainPage = JSON.parse(await answer.text());
    expect(comparing).toBeNull();
    expect(patches.map(({ patch }) => patch)).toEqual(["p2", "p1"]);
    expect(patches[0]?.uncertainty).toBeCloseTo((0.6 + 0.75) / 2);
  });

  it("whose dataset is not there says so", async () => {
    const alone = await testServer({
      inputs: [directory.path("workspace/run")],
      stateDirectory: directory.path("state"),
    });
    const answer = await alone.request(`/api/runs/${run}/uncertain`);
    expect(answer.status).toBe(404);
    expect(await answer.text()).toContain("dataset of this run");
    expect((await alone.workspace()).runs[0]?.dataset).toBeNull();
  });
});
