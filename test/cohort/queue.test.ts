import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import sharp from "sharp";
import { expect, it, onTestFinished } from "vitest";
import {
  connectQueue,
  nameOfRedis,
  parseRedisAddress,
  pauseQueue,
  prepareOnQueue,
  queueStatus,
} from "../../src/cohort/index.js";
import { pause, RandomStream, silentReporter } from "../../src/common/index.js";
import { generateTissueImage, type PrepareSlidesOptions, prepareSlides } from "../../src/dataset/index.js";
import { errorOf, recordingReporter, writeText } from "../dataset/fixtures.js";
import { TUMOUR } from "../dataset/slide-workplace.js";
import { ensureBuilt } from "../support/build.js";
import { inFolder, noRedis, TrialRedis, TrialWorker } from "../support/queue-trial.js";
import { describeWith } from "../support/requirements.js";
import { hashesOf } from "../training/fixtures.js";

it("an address of a Redis is read, and told without user and password", async () => {
  expect(parseRedisAddress("redis://head")).toEqual({
    host: "head",
    port: 6379,
    username: undefined,
    password: undefined,
    db: 0,
    isSecure: false,
  });
  const secure = parseRedisAddress("rediss://wor%6Ber:s%40cret@10.0.0.1:7000/2");
  expect(secure).toMatchObject({ username: "worker", password: "s@cret", db: 2, isSecure: true });
  expect(nameOfRedis(secure)).toBe("rediss://10.0.0.1:7000");
  for (const wrong of [
    "http://user:hunter2@head",
    "redis://",
    "redis://head/a",
    "head:6379",
    "redis://h?x=1",
  ]) {
    const message = await errorOf(Promise.resolve().then(() => parseRedisAddress(wrong)));
    expect(message).toMatch(/^\[usage\].*no address of a Redis/);
    expect(message).not.toContain("hunter2");
  }
});

/** Small slides with annotations, one of which is torn. */
async function writeSlides(folder: string): Promise<PrepareSlidesOptions> {
  await mkdir(join(folder, "slides"));
  for (const name of ["a", "b", "c"]) {
    const [width, height] = [256, 192];
    const { image } = generateTissueImage(new RandomStream(1, name), { width, height, tumourNests: 1 });
    await sharp(image.data, { raw: { width, height, channels: 3 } })
      .tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate", xres: 2000, yres: 2000 })
      .toFile(join(folder, "slides", `${name}.tif`));
    await writeText(join(folder, "xml", `${name}.geojson`), TUMOUR);
  }
  await writeFile(join(folder, "slides", "torn.tif"), "II*\0");
  await writeText(join(folder, "xml", "torn.geojson"), TUMOUR);
  const common = { patchSize: 64, tissue: "all", split: [1, 0, 0], positiveRange: [0.1, 1] } as const;
  return {
    ...common,
    inputs: [join(folder, "slides")],
    annotations: join(folder, "xml"),
    out: join(folder, "queued"),
    reporter: silentReporter,
  };
}

describeWith("redis", noRedis, "a queue with a real Redis", () => {
  it("gives the bytes of one process, though a worker is killed and Redis is started again", async () => {
    await ensureBuilt();
    await inFolder(async (folder) => {
      const options = await writeSlides(folder);
      const alone = await prepareSlides({ ...options, out: join(folder, "alone") });
      const redis = await TrialRedis.start(join(folder, "redis"));
      onTestFinished(() => redis.stop());
      const reporter = recordingReporter();
      const queued = prepareOnQueue({ ...options, reporter }, redis.url);
      const first = new TrialWorker(redis.url, ["--lease", "2"]);
      onTestFinished(() => first.signal("SIGKILL"));
      await expect.poll(() => first.output, { timeout: 60_000 }).toContain("examine");
      first.signal("SIGKILL");
      await redis.restart();
      const second = new TrialWorker(redis.url, ["--lease", "2"]);
      onTestFinished(() => second.signal("SIGKILL"));
      const result = await queued;
      second.signal("SIGTERM");
      await second.ended();
      await redis.stop();
      expect(second.process.exitCode).toBe(0);
      expect(result.skipped.map(({ file }) => basename(file))).toEqual(["torn.tif"]);
      expect(result.skipped).toEqual(alone.skipped);
      expect(await hashesOf(join(folder, "queued"))).toEqual(await hashesOf(join(folder, "alone")));
      expect(reporter.warnings.join("\n")).toMatch(/redis:\/\/127.0.0.1:\d+ is away/);
      expect(first.output + second.output).not.toContain(folder);
    });
  }, 120_000);

  it("takes back what waits when the command is ended", async () => {
    await inFolder(async (folder) => {
      const options = await writeSlides(folder);
      const redis = await TrialRedis.start(join(folder, "redis"));
      onTestFinished(() => redis.stop());
      const stop = new AbortController();
      const queued = prepareOnQueue({ ...options, signal: stop.signal }, redis.url);
      const ended = expect(queued).rejects.toThrow(/abort/i);
      const connection = await connectQueue({ url: redis.url, reporter: silentReporter });
      await expect.poll(async () => (await queueStatus(connection)).waiting).toBe(4);
      stop.abort();
      await ended;
      expect(await queueStatus(connection)).toMatchObject({
        waiting: 0,
        atWork: [],
        setAside: [],
        workers: [],
      });
      await connection.close();
      await redis.stop();
    });
  });

  it.each([
    ["is away", false],
    ["goes away before it has answered", true],
  ])(
    "is left by worker and command although it %s",
    async (_, isFrozen) => {
      await ensureBuilt();
      await inFolder(async (folder) => {
        const options = await writeSlides(folder);
        const redis = await TrialRedis.start(join(folder, "redis"));
        onTestFinished(() => redis.stop());
        const stop = new AbortController();
        const seen: string[] = [];
        const recording = recordingReporter();
        const reporter = { ...recording, progress: ({ task }: { readonly task: string }) => seen.push(task) };
        const worker = new TrialWorker(redis.url);
        onTestFinished(() => worker.signal("SIGKILL"));
        const connection = await connectQueue({ url: redis.url, reporter: silentReporter });
        const workers = async () => (await queueStatus(connection)).workers;
        await expect.poll(workers, { timeout: 60_000 }).toHaveLength(1);
        await pauseQueue(connection, true);
        await connection.close();
        const queued = prepareOnQueue({ ...options, signal: stop.signal, reporter }, redis.url);
        const ended = expect(queued).rejects.toThrow(/abort/i);
        await expect.poll(() => seen.join(), { timeout: 60_000 }).toContain("slides on the queue");
        if (isFrozen) redis.freeze();
        else await redis.stop();
        if (!isFrozen)
          await expect.poll(() => reporter.warnings.join(), { timeout: 60_000 }).toContain("is away");
        stop.abort();
        worker.signal("SIGTERM", false);
        // Time to ask what will not be answered.
        if (isFrozen) await pause(2000, undefined);
        await redis.stop();
        await Promise.all([ended, worker.ended()]);
        expect(worker.process.exitCode).toBe(0);
        expect(reporter.warnings.at(-1)).toMatch(/what waits there stays, and `epsam queue clear`/);
      });
    },
    120_000,
  );
});
