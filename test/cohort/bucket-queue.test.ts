import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { beforeAll, expect, it, onTestFinished, vi } from "vitest";
import { inferOnQueue, prepareOnQueue } from "../../src/cohort/index.js";
import { RandomStream, silentReporter } from "../../src/common/index.js";
import { generateTissueImage, prepareSlides } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { inferSlides } from "../../src/inference/index.js";
import { temporaryFolder, writeText } from "../dataset/fixtures.js";
import { TUMOUR } from "../dataset/slide-workplace.js";
import { bucketServer, signIn } from "../support/bucket-server.js";
import { ensureBuilt } from "../support/build.js";
import { noRedis, TrialRedis, TrialWorker } from "../support/queue-trial.js";
import { describeWith } from "../support/requirements.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { hashesOf } from "../training/fixtures.js";

// Against an imitation of what S3 answers; the real one is not reached from tests.

const server = bucketServer();
beforeAll(signIn);

/** Slides with annotations. */
async function writeSlides(folder: string, names: readonly string[], [width, height]: [number, number]) {
  await mkdir(join(folder, "slides"));
  for (const name of names) {
    const { image } = generateTissueImage(new RandomStream(1, name), { width, height, tumourNests: 1 });
    await sharp(image.data, { raw: { width, height, channels: 3 } })
      .tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate", xres: 2000, yres: 2000 })
      .toFile(join(folder, "slides", `${name}.tif`));
    await writeText(join(folder, "xml", `${name}.geojson`), TUMOUR);
  }
}

/** A queue, and machines that share no folder for outputs: each has a cache of its own. */
async function machines(folder: string) {
  await ensureBuilt();
  const redis = await TrialRedis.start(join(folder, "redis"));
  onTestFinished(() => redis.stop());
  const machine = (name: string): TrialWorker => {
    vi.stubEnv("EPSAM_CACHE_DIR", join(folder, `cache-of-${name}`));
    const worker = new TrialWorker(redis.url, ["--lease", "2"]);
    onTestFinished(() => worker.signal("SIGKILL"));
    return worker;
  };
  return { redis, machine };
}

/** That a prefix of the bucket holds the files of a folder, and no others. */
async function expectSame(prefix: string, folder: string): Promise<void> {
  const expected = Object.keys(await hashesOf(folder));
  expect(server.paths.filter((path) => path.startsWith(`/bucket/${prefix}/`))).toEqual(
    expected.map((path) => `/bucket/${prefix}/${path}`).sort(),
  );
  for (const path of expected) {
    const there = await server.contentOf(`/bucket/${prefix}/${path}`);
    expect(there?.equals(await readFile(join(folder, path))), path).toBe(true);
  }
}

/** Bytes of the patches that are done on a machine. */
async function bytesOfPatches(folder: string): Promise<number> {
  const files = await readdir(folder, { recursive: true }).catch(() => []);
  const log = files.find((file) => file.endsWith("patches.log"));
  return log === undefined ? 0 : (await stat(join(folder, log))).size;
}

describeWith("redis", noRedis, "a queue whose workers share nothing but a bucket", () => {
  it("makes the dataset of one process", async () => {
    const folder = await temporaryFolder();
    await writeSlides(folder, ["a", "b", "c"], [256, 192]);
    const common = { patchSize: 64, tissue: "all", split: [1, 1, 1], positiveRange: [0.1, 1] } as const;
    const inputs = { inputs: [join(folder, "slides")], annotations: join(folder, "xml") };
    const options = { ...common, ...inputs, reporter: silentReporter };
    const alone = await prepareSlides({ ...options, out: join(folder, "alone") });
    const { redis, machine } = await machines(folder);
    const workers = [machine("one"), machine("two")];
    vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache-here"));
    const queued = await prepareOnQueue({ ...options, out: "s3://bucket/dataset" }, redis.url);
    expect(queued).toEqual({ ...alone, root: "s3://bucket/dataset" });
    await expectSame("dataset", join(folder, "alone"));
    for (const worker of workers) worker.signal("SIGTERM");
    await Promise.all(workers.map((worker) => worker.ended()));
    expect(workers.map(({ output }) => output).join("")).not.toContain(folder);
  }, 120_000);

  it("goes on with the patches of a worker that is gone", async () => {
    const folder = await temporaryFolder();
    await writeSlides(folder, ["long"], [560, 560]);
    const run = join(folder, "run");
    await makeTinyRun(run);
    const options = {
      ...{ run, inputs: [join(folder, "slides")], gate: 1, patchMpp: 0.5, tissue: "all" as const },
      ...{ device: device("cpu", 1), reporter: silentReporter },
    };
    await inferSlides({ ...options, out: join(folder, "alone") });
    const { redis, machine } = await machines(folder);
    const first = machine("first");
    vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache-here"));
    const queued = inferOnQueue({ ...options, out: "s3://bucket/results" }, redis.url);
    const done = () => bytesOfPatches(join(folder, "cache-of-first", "bucket-results"));
    await expect.poll(done, { timeout: 60_000, interval: 20 }).toBeGreaterThan(1000);
    first.signal("SIGTERM", false);
    await first.ended();
    const relayed = server.paths.filter((path) => path.startsWith("/bucket/results/long/.work/"));
    expect(relayed).toHaveLength(1);
    const second = machine("second");
    await queued;
    second.signal("SIGTERM", false);
    await second.ended();
    expect(second.output).toMatch(/long: \d+ patches that are done were brought from s3:\/\/bucket/);
    await expectSame("results", join(folder, "alone"));
  }, 120_000);
});
