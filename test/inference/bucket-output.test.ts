import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { RandomStream } from "../../src/common/index.js";
import { generateTissueImage } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { collectSlides, type InferSlidesOptions, inferSlides } from "../../src/inference/index.js";
import { errorOf, recordingReporter } from "../dataset/fixtures.js";
import { bucketServer, signIn } from "../support/bucket-server.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { hashesOf, makeFolder } from "../training/fixtures.js";

// Against an imitation of what S3 answers; the real one is not reached from tests.

const server = bucketServer();
const reporter = recordingReporter();
let folder = "";
let options: InferSlidesOptions;

beforeAll(async () => {
  folder = await makeFolder();
  signIn();
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
  await makeTinyRun(join(folder, "run"));
  await mkdir(join(folder, "slides"));
  for (const name of ["one", "two"]) {
    const [width, height] = [96, 64];
    const { image } = generateTissueImage(new RandomStream(1, name), { width, height, tumourNests: 1 });
    await sharp(image.data, { raw: { width, height, channels: 3 } })
      .tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate", xres: 2000, yres: 2000 })
      .toFile(join(folder, "slides", `${name}.tif`));
  }
  // A gate that no patch passes, so that SAM is not needed.
  options = {
    ...{ run: join(folder, "run"), inputs: [join(folder, "slides")], gate: 1, patchMpp: 0.5, tissue: "all" },
    ...{ out: "s3://bucket/results/", device: device("cpu", 1), reporter },
  };
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it("results go into a bucket with the bytes that a folder gets, each slide's inference.json last", async () => {
  const here = await inferSlides({ ...options, out: join(folder, "here") });
  // A server that fails between two files of the second slide.
  server.fault = ({ method, path }, response) => {
    if (method !== "PUT" || path !== "/bucket/results/two/tumour.xml") return false;
    response.writeHead(403).end();
    return true;
  };
  expect(await errorOf(inferSlides(options))).toMatch(
    /^\[storage\] s3:\/\/bucket\/results\/two\/tumour.xml: cannot be written into its bucket .*403/,
  );
  const markers = () => server.paths.filter((path) => path.endsWith("inference.json"));
  expect(markers()).toEqual(["/bucket/results/one/inference.json"]);
  expect((await collectSlides(options)).missing).toEqual(["two"]);
  expect(await errorOf(inferSlides(options))).toContain(
    "s3://bucket/results/one/inference.json: exists already",
  );

  server.fault = null;
  const result = await inferSlides({ ...options, resume: true });
  expect(result).toMatchObject({ root: "s3://bucket/results/", resumed: 2, skipped: [] });
  expect(result.slides.map(({ result: { patches } }) => patches)).toEqual(
    here.slides.map(({ result: { patches } }) => patches),
  );
  const expected = Object.keys(await hashesOf(join(folder, "here")));
  expect(server.paths).toEqual(expected.map((path) => `/bucket/results/${path}`));
  for (const path of expected) {
    const there = await server.contentOf(`/bucket/results/${path}`);
    expect(there?.equals(await readFile(join(folder, "here", path))), path).toBe(true);
  }
  expect((await collectSlides(options)).missing).toEqual([]);
});

it("another model's results in a bucket are refused, and replaced when asked", async () => {
  const other = { ...options, inputs: [join(folder, "slides", "one.tif")], overlap: 0.5, resume: true };
  expect(await errorOf(inferSlides(other))).toMatch(
    /^\[usage\].*is not a result of this call .*overlap differs/,
  );
  const replaced = await inferSlides({ ...other, overwrite: true });
  expect(replaced.resumed).toBe(0);
  expect(replaced.slides[0]?.result.settings.overlap).toBe(0.5);
});

it("patches that are done are in the bucket, and another machine goes on with them to the same bytes", async () => {
  const [width, height] = [320, 192];
  const { image } = generateTissueImage(new RandomStream(1, "long"), { width, height, tumourNests: 1 });
  const slide = join(folder, "long.tif");
  await sharp(image.data, { raw: { width, height, channels: 3 } })
    .tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate", xres: 2000, yres: 2000 })
    .toFile(slide);
  const long = { ...options, inputs: [slide] };
  await inferSlides({ ...long, out: join(folder, "long-here") });
  const stop = new AbortController();
  const stopAt = (patches: number, seen: number[]) => ({
    ...reporter,
    progress: ({ task, done }: { readonly task: string; readonly done: number }) => {
      if (!task.endsWith(": patches")) return;
      seen.push(done);
      if (done === patches) stop.abort();
    },
  });
  const first: number[] = [];
  const stopped = inferSlides({ ...long, reporter: stopAt(5, first), signal: stop.signal });
  await expect(stopped).rejects.toThrow(/abort/i);
  const work = () => server.paths.filter((path) => path.startsWith("/bucket/results/long/.work/"));
  expect(work()).toHaveLength(1);
  expect((await collectSlides({ ...long, reporter })).missing).toEqual(["long"]);

  // Half a file of patches, as a server may hold after a fault: what is whole of it counts.
  const [path = ""] = work();
  const whole = (await server.contentOf(path)) ?? Buffer.alloc(0);
  server.add(path, whole.subarray(0, whole.length - 10));
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "other-cache"));
  const second: number[] = [];
  await inferSlides({ ...long, reporter: stopAt(-1, second) });
  expect(second[0]).toBe(Math.max(...first) - 1);
  expect(work()).toEqual([]);
  const expected = Object.entries(await hashesOf(join(folder, "long-here")));
  for (const [file] of expected.filter(([name]) => name.startsWith("long/"))) {
    const there = await server.contentOf(`/bucket/results/${file}`);
    expect(there?.equals(await readFile(join(folder, "long-here", file))), file).toBe(true);
  }
}, 60_000);

it("an address of no bucket is refused", async () => {
  expect(await errorOf(inferSlides({ ...options, out: "https://example.org/a" }))).toContain(
    "is no place to write to",
  );
});
