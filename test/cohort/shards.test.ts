import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { collectInference, collectPreparation, inferShard, prepareInShard } from "../../src/cohort/index.js";
import { RandomStream, silentReporter } from "../../src/common/index.js";
import { generateTissueImage, prepareSlides } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { inferSlides } from "../../src/inference/index.js";
import type { PixelSource } from "../../src/slides/index.js";
import { errorOf, temporaryFolder, writeText } from "../dataset/fixtures.js";
import { pinkOf } from "../dataset/slide-pixels.js";
import { slideWorkplace } from "../dataset/slide-workplace.js";
import { memorySlide } from "../support/memory-slide.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { hashesOf } from "../training/fixtures.js";

const COUNT = 3;
const shards = Array.from({ length: COUNT }, (_, at) => ({ index: at + 1, count: COUNT }));
const openSlide = async (path: string): Promise<PixelSource> =>
  memorySlide(basename(path), 256, 192, pinkOf(path));

describe("a dataset put together by shards", () => {
  const names = ["a", "b", "c", "d", "e", "f", "g"];
  const workplace = () =>
    slideWorkplace(
      names.map((name) => `${name}.tif`),
      names.map((name) => `${name}.geojson`),
      openSlide,
    );

  it("is, byte for byte, the one of a single call, whichever shards ended early", async () => {
    const { folder, options } = await workplace();
    // Fewer patches than there are, drawn from all slides: no shard knows them by itself.
    const drawn = { ...options, split: [3, 2, 2], maxPositives: 5, maxNegatives: 9 } as const;
    await writeText(join(folder, "slides", "bad.tif"), "");
    await writeFile(join(folder, "annotations", "bad.geojson"), "{");
    await prepareSlides({ ...drawn, out: join(folder, "whole") });

    const [first, second, third] = shards;
    if (first === undefined || second === undefined || third === undefined) throw new Error("no shards");
    expect((await prepareInShard(drawn, first)).patches).toBeNull();
    // It is ended after its first slide.
    const stop = new AbortController();
    const stopped = prepareInShard(
      {
        ...drawn,
        openSlide: async (path) => {
          stop.abort();
          return openSlide(path);
        },
        signal: stop.signal,
      },
      second,
    );
    await expect(stopped).rejects.toThrow(/abort/i);
    const early = await collectPreparation(drawn);
    if ("dataset" in early) throw new Error("a dataset of a part");
    expect(new Set(early.missing.map(({ shard }) => shard))).toEqual(new Set([2, 3]));
    await prepareInShard(drawn, third);
    const last = await prepareInShard(drawn, second);
    // All slides are known now, so the last shard writes its own patches already; the first does when given again.
    expect(last.missing).toEqual([]);
    expect(last.patches).toBeGreaterThan(0);
    expect((await prepareInShard(drawn, first)).patches).toBeGreaterThan(0);
    const collected = await collectPreparation(drawn);
    if (!("dataset" in collected)) throw new Error("not collected");
    expect(collected.dataset.skipped.map(({ file }) => basename(file))).toEqual(["bad.tif"]);
    expect(await hashesOf(join(folder, "dataset"))).toEqual(await hashesOf(join(folder, "whole")));
    expect((await readdir(folder)).sort()).toEqual(["annotations", "dataset", "slides", "whole"]);
  });

  it("draws anew without a slide that turns out to be damaged while it is written", async () => {
    const { folder, options } = await workplace();
    const damaged = { left: 0, top: 0, right: 256, bottom: 192 };
    const breaking = {
      ...options,
      maxPositives: 9,
      openSlide: async (path: string): Promise<PixelSource> =>
        path.endsWith("c.tif")
          ? memorySlide("c.tif", 256, 192, pinkOf("c.tif"), { damaged })
          : openSlide(path),
    };
    for (const shard of [...shards, ...shards]) await prepareInShard(breaking, shard);
    const collected = await collectPreparation(breaking);
    if (!("dataset" in collected)) throw new Error("not collected");
    expect(collected.dataset.skipped.map(({ file }) => basename(file))).toEqual(["c.tif"]);
    const rest = names.filter((name) => name !== "c");
    const other = await slideWorkplace(
      rest.map((name) => `${name}.tif`),
      rest.map((name) => `${name}.geojson`),
      openSlide,
    );
    await prepareSlides({ ...other.options, maxPositives: 9 });
    const { "dataset.json": _, ...files } = await hashesOf(join(folder, "dataset"));
    const { "dataset.json": __, ...expected } = await hashesOf(join(other.folder, "dataset"));
    expect(files).toEqual(expected);
  });
});

describe("segmentation by shards", () => {
  let base = "";
  let run = "";
  beforeAll(async () => {
    base = await mkdtemp(join(tmpdir(), "epsam-shards-"));
    run = join(base, "run");
    await makeTinyRun(run);
  }, 120_000);
  afterAll(() => rm(base, { recursive: true }));

  it("leaves what one call leaves; what is missing is named with its shard", async () => {
    const folder = await temporaryFolder();
    for (const name of ["a", "b"]) await writeTissue(join(folder, "slides", `${name}.tif`));
    await writeText(join(folder, "slides", "torn.tif"), "II*");
    const options = {
      run,
      inputs: [join(folder, "slides")],
      out: join(folder, "out"),
      gate: 1,
      patchMpp: 0.5,
      tissue: "all" as const,
      device: device("cpu", 1),
      reporter: silentReporter,
    };
    const whole = await inferSlides({ ...options, out: join(folder, "whole") });
    await inferShard(options, { index: 2, count: 2 });
    const early = await collectInference(options);
    expect(early.missing.length).toBeGreaterThan(0);
    expect(early.missing.every(({ shard }) => shard === 1)).toBe(true);
    // A shard that saw other slides is told before anything is computed.
    await writeText(join(folder, "slides", "new.tif"), "");
    const differing = inferShard(options, { index: 1, count: 2 });
    expect(await errorOf(differing)).toMatch(/^\[usage\].*this one sees new, the one that began did not/);
    await rm(join(folder, "slides", "new.tif"));
    await inferShard(options, { index: 1, count: 2 });
    const joined = await collectInference(options);
    expect([joined.missing, joined.skipped]).toEqual([[], whole.skipped]);
    expect(await hashesOf(join(folder, "out"))).toEqual(await hashesOf(join(folder, "whole")));
  }, 300_000);
});

async function writeTissue(path: string): Promise<void> {
  const [width, height] = [90, 70];
  const { image } = generateTissueImage(new RandomStream(0, path), { width, height, tumourNests: 1 });
  await writeText(path, "");
  await sharp(image.data, { raw: { width, height, channels: 3 } })
    .tiff({ tile: true, tileWidth: 64, tileHeight: 64, pyramid: true, xres: 2000, yres: 2000 })
    .toFile(path);
}
