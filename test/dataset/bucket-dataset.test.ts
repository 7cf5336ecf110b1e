import { readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { collectPreparation, prepareInShard } from "../../src/cohort/index.js";
import { silentReporter } from "../../src/common/index.js";
import { openDataset, prepareSlides } from "../../src/dataset/index.js";
import type { PixelSource } from "../../src/slides/index.js";
import { bucketServer, signIn } from "../support/bucket-server.js";
import { memorySlide } from "../support/memory-slide.js";
import { hashesOf } from "../training/fixtures.js";
import { errorOf, temporaryFolder, writeText } from "./fixtures.js";
import { pinkOf } from "./slide-pixels.js";
import { slideWorkplace } from "./slide-workplace.js";

// Against an imitation of what S3 answers; the real one is not reached from tests.

const server = bucketServer();
beforeAll(signIn);

const openSlide = async (path: string): Promise<PixelSource> =>
  memorySlide(basename(path), 256, 192, pinkOf(path));
const names = ["a", "b", "c"];

async function workplace(place: string) {
  vi.stubEnv("EPSAM_CACHE_DIR", await temporaryFolder());
  const made = await slideWorkplace(
    names.map((name) => `${name}.tif`),
    names.map((name) => `${name}.geojson`),
    openSlide,
  );
  const drawn = { ...made.options, split: [1, 1, 1], maxPositives: 3, maxNegatives: 4 } as const;
  const options = { ...drawn, windows: { size: 32 }, out: `s3://bucket/${place}` };
  const here = join(made.folder, "here");
  return { ...made, options, here };
}

const pathsOf = (place: string) => server.paths.filter((path) => path.startsWith(`/bucket/${place}/`));

/** That the place holds the files of a folder, and no others. */
async function expectSame(place: string, folder: string): Promise<void> {
  const expected = Object.keys(await hashesOf(folder)).sort();
  expect(pathsOf(place)).toEqual(expected.map((path) => `/bucket/${place}/${path}`));
  for (const path of expected) {
    const there = await server.contentOf(`/bucket/${place}/${path}`);
    expect(there?.equals(await readFile(join(folder, path))), path).toBe(true);
  }
}

describe("a dataset in a bucket", () => {
  it("has the bytes of one in a folder, though the server failed midway; dataset.json is last", async () => {
    const { options, here, reporter } = await workplace("alone");
    const local = await prepareSlides({ ...options, out: here });
    let patches = 0;
    server.fault = ({ method, path }, response) => {
      if (method !== "PUT" || !path.endsWith(".png")) return false;
      patches += 1;
      if (patches !== 9) return false;
      response.writeHead(403).end();
      return true;
    };
    expect(await errorOf(prepareSlides(options))).toMatch(/^\[storage\] s3:\/\/bucket\/alone\/.*403/);
    expect(pathsOf("alone")).not.toContain("/bucket/alone/dataset.json");
    const written = pathsOf("alone").filter((path) => path.endsWith(".png"));
    expect(written.length).toBeGreaterThan(4);
    server.fault = null;
    server.forget();
    const result = await prepareSlides(options);
    expect(result).toEqual({ ...local, root: "s3://bucket/alone" });
    const puts = server.requests.filter(({ method }) => method === "PUT").map(({ path }) => path);
    expect(puts.filter((path) => written.includes(path))).toEqual([]);
    expect(puts.at(-1)).toBe("/bucket/alone/dataset.json");
    expect(reporter.notes.join()).toContain("Going on with the preparation in s3://bucket/alone");
    await expectSame("alone", here);
    expect((await openDataset(here)).hash).toBe(result.hash);
    expect(await errorOf(openDataset("s3://bucket/alone"))).toMatch(/is no folder.*aws s3 sync/);
  });

  it("is replaced only when asked, altogether", async () => {
    const { options, here } = await workplace("replaced");
    await prepareSlides(options);
    expect(await errorOf(prepareSlides(options))).toContain("s3://bucket/replaced: holds a dataset already");
    const other = { ...options, windows: undefined, seed: 3, maxNegatives: 2 };
    expect(await errorOf(prepareInShard({ ...other, overwrite: true }, { index: 1, count: 1 }))).toMatch(
      /cannot replace together in a bucket/,
    );
    await prepareSlides({ ...other, overwrite: true });
    await prepareSlides({ ...other, out: here });
    await expectSame("replaced", here);
  });

  it("that was begun with other options is told, and begun anew when asked", async () => {
    const { options, here } = await workplace("begun");
    server.fault = ({ method, path }, response) => {
      if (method !== "PUT" || !path.endsWith("manifest.csv")) return false;
      response.writeHead(403).end();
      return true;
    };
    await expect(prepareSlides(options)).rejects.toThrow(/403/);
    server.fault = null;
    const other = { ...options, patchSize: 32 };
    expect(await errorOf(prepareSlides(other))).toContain("was begun with other options");
    await prepareSlides({ ...other, overwrite: true });
    await prepareSlides({ ...other, out: here });
    await expectSame("begun", here);
  });

  it("is put together by shards that share nothing but the bucket", async () => {
    const { folder, options, here } = await workplace("shards");
    await writeText(join(folder, "slides", "bad.tif"), "");
    await writeFile(join(folder, "annotations", "bad.geojson"), "{");
    const local = await prepareSlides({ ...options, out: here });
    const shards = [1, 2].map((index) => ({ index, count: 2 }));
    for (const shard of shards) await prepareInShard(options, shard);
    const three = { index: 1, count: 3 };
    expect(await errorOf(prepareInShard(options, three))).toMatch(
      /^\[usage\] s3:\/\/bucket\/shards\/division.json: was begun with 2 shards/,
    );
    for (const shard of shards) await prepareInShard(options, shard);
    const collected = await collectPreparation(options);
    expect(collected).toEqual({ dataset: { ...local, root: "s3://bucket/shards" } });
    await expectSame("shards", here);
  });

  it("is refused where it would mix with something else", async () => {
    const { options } = await workplace("other");
    server.add("/bucket/other/notes.txt", Buffer.from("mine"));
    expect(await errorOf(prepareSlides(options))).toContain("holds files that are not a prepared dataset");
    expect(await errorOf(prepareSlides({ ...options, out: "s3://bucket" }))).toContain("is no place");
    expect(await errorOf(prepareSlides({ ...options, out: "https://host/a" }))).toContain("is no place");
    const inside = prepareSlides({ ...options, inputs: ["s3://bucket/in/slides/"], out: "s3://bucket/in" });
    expect(await errorOf(inside)).toContain("lies in it");
  });
});

it("patches of a slide that changed while its preparation was interrupted are made anew", async () => {
  const { folder, options, here } = await workplace("changed");
  const places = [options.out, join(folder, "folder")];
  for (const out of places) {
    const progress = ({ task, done, total }: { task: string; done: number; total?: number }) => {
      if (task === "writing patches" && done === total) throw new Error("the program ends");
    };
    await expect(
      prepareSlides({ ...options, out, reporter: { ...silentReporter, progress } }),
    ).rejects.toThrow("the program ends");
  }
  await writeText(join(folder, "slides", "a.tif"), "another version");
  const changed = async (path: string) =>
    memorySlide(basename(path), 256, 192, path.endsWith("a.tif") ? () => [210, 60, 190] : pinkOf(path));
  await prepareSlides({ ...options, out: here, openSlide: changed });
  for (const out of places) await prepareSlides({ ...options, out, openSlide: changed });
  expect(await hashesOf(join(folder, "folder"))).toEqual(await hashesOf(here));
  await expectSame("changed", here);
});
