/**
 * Throughput of the queue against the number of workers, with work that sleeps: `npm run bench:queue [-- SECONDS SLIDES]`.
 * Needs redis-server. Time is from the first worker's question to the last slide's file.
 */
import { mkdir, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { connectQueue, type QueueConnection, runWorker } from "../src/cohort/index.js";
import { Follower } from "../src/cohort/queue/follow.js";
import { jobOf } from "../src/cohort/queue/job.js";
import { exists, silentReporter } from "../src/common/index.js";
import { resolveSlideSettings } from "../src/dataset/slide-preparation/options.js";
import { inFolder, TrialRedis } from "../test/support/queue-trial.js";

const [, , secondsText = "1", slidesText = "15"] = process.argv;
const [seconds, slidesEach] = [Number(secondsText), Number(slidesText)];

/** Puts slides that sleep into the queue and waits for them. */
async function sleep(
  connection: QueueConnection,
  directory: string,
  count: number,
  milliseconds: number,
  name: string,
) {
  const follower = new Follower({ connection, cohort: name, reporter: silentReporter, task: name });
  const settings = resolveSlideSettings({ inputs: [], annotations: [], out: directory });
  const paths = Array.from({ length: count }, (_, at) => join(directory, `${name}${at}-${milliseconds}`));
  await Promise.all(
    paths.map(async (path) => {
      const stem = path.slice(directory.length + 1);
      const file = { stem, path, annotationPath: null };
      const common = { directory, file, settings, fingerprint: stem, knownMpp: null, concurrency: 1 };
      const job = await jobOf(name, stem, { kind: "prepare", work: { ...common, kind: "examine" } });
      await follower.submit(job, () => exists(path));
    }),
  );
  const times = await Promise.all(paths.map(async (path) => (await stat(path)).mtimeMs));
  return Math.max(...times);
}

await inFolder(async (folder) => {
  const redis = await TrialRedis.start(join(folder, "redis"));
  const connection = await connectQueue({ url: redis.url, reporter: silentReporter });
  process.stdout.write(
    `${slidesEach} slides of ${seconds} s for each worker\n| workers | seconds | of linear | overhead of a slide |\n|---:|---:|---:|---:|\n`,
  );
  for (const count of [1, 2, 4, 8]) {
    const directory = join(folder, `with-${count}`);
    await mkdir(directory);
    const stop = new AbortController();
    const workers = Array.from({ length: count }, () =>
      runWorker({
        url: redis.url,
        concurrency: 1,
        device: "cpu",
        leaseSeconds: 30,
        slideModule: resolve("test/support/sleeping-slide.ts"),
        reporter: silentReporter,
        signal: stop.signal,
      }),
    );
    // Every worker has its process by then.
    await sleep(connection, directory, 4 * count, 1000, "warm");
    const started = Date.now();
    const last = await sleep(connection, directory, slidesEach * count, seconds * 1000, "slide");
    const took = (last - started) / 1000;
    const share = (slidesEach * seconds) / took;
    const overhead = took / slidesEach - seconds;
    process.stdout.write(
      `| ${count} | ${took.toFixed(2)} | ${share.toFixed(3)} | ${(1000 * overhead).toFixed(0)} ms |\n`,
    );
    stop.abort();
    await Promise.all(workers);
  }
  await connection.close();
  await redis.stop();
});
