/**
 * A queue under faults, with a real redis-server and built workers: `npx tsx scripts/queue-faults.ts [slides] [kills]`.
 * Workers are killed with -9 at random moments, one is frozen beyond its lease, Redis is killed and started again from its
 * append-only file. Every slide must be in the output, with the bytes of one process.
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { inferOnQueue } from "../src/cohort/index.js";
import { RandomStream, type Reporter } from "../src/common/index.js";
import { generateTissueImage } from "../src/dataset/index.js";
import { device } from "../src/graph/index.js";
import { inferSlides } from "../src/inference/index.js";
import { ensureBuilt } from "../test/support/build.js";
import { inFolder, TrialRedis, TrialWorker } from "../test/support/queue-trial.js";
import { makeTinyRun } from "../test/support/tiny-run.js";
import { hashesOf } from "../test/training/fixtures.js";

const [, , slidesText = "200", killsText = "20"] = process.argv;
const [count, kills] = [Number(slidesText), Number(killsText)];
const LEASE = 5;
const random = new RandomStream(Number(process.env.EPSAM_SEED ?? "1"), "faults");
const say = (text: string) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

await ensureBuilt();
await inFolder(async (folder) => {
  const slides = join(folder, "slides");
  await mkdir(slides);
  for (let at = 0; at < count; at++) {
    const [width, height] = [64 + 8 * (at % 5), 64];
    const { image } = generateTissueImage(new RandomStream(at, "slide"), { width, height, tumourNests: 1 });
    await sharp(image.data, { raw: { width, height, channels: 3 } })
      .tiff({ tile: true, tileWidth: 64, tileHeight: 64, compression: "deflate", xres: 2000, yres: 2000 })
      .toFile(join(slides, `slide-${String(at).padStart(3, "0")}.tif`));
  }
  const run = join(folder, "run");
  await makeTinyRun(run);
  const reporter: Reporter = { progress: () => undefined, note: say, warn: say };
  const common = {
    run,
    inputs: [slides],
    gate: 1,
    patchMpp: 0.5,
    tissue: "all",
    device: device("cpu", 1),
  } as const;
  say(`${count} slides by one process`);
  const alone = performance.now();
  await inferSlides({ ...common, out: join(folder, "alone"), reporter });
  say(`took ${((performance.now() - alone) / 1000).toFixed(0)} s`);

  const redis = await TrialRedis.start(join(folder, "redis"));
  const start = () => new TrialWorker(redis.url, ["--lease", String(LEASE)]);
  const workers = [start(), start()];
  let isOver = false;
  const everyLog: string[] = [];
  const faults = (async () => {
    const pause = (seconds: number) => new Promise((wake) => setTimeout(wake, seconds * 1000));
    let killed = 0;
    while (!isOver && killed < kills) {
      await pause(1 + random.uniform() * 6);
      if (isOver) break;
      const victim = random.integer(workers.length);
      const worker = workers[victim];
      worker?.signal("SIGKILL");
      everyLog.push(worker?.output ?? "");
      workers[victim] = start();
      killed += 1;
      if (killed === Math.floor(kills / 3)) {
        await redis.restart();
        say("Redis was killed and started again");
      }
      if (killed === Math.floor((2 * kills) / 3)) {
        await pause(4);
        const frozen = workers[0];
        frozen?.signal("SIGSTOP");
        say("a worker is frozen");
        await pause(LEASE * 3);
        frozen?.signal("SIGCONT");
        say("and wakes up");
      }
    }
    say(`${killed} workers were killed`);
    return killed;
  })();
  const started = performance.now();
  const result = await inferOnQueue({ ...common, out: join(folder, "queued"), reporter }, redis.url);
  isOver = true;
  const killed = await faults;
  say(
    `${result.slides.length} slides in ${((performance.now() - started) / 1000).toFixed(0)} s, ${killed} kills`,
  );
  for (const worker of workers) worker.signal("SIGTERM");
  await Promise.all(workers.map((worker) => worker.ended()));
  await redis.stop();
  const [one, many] = [await hashesOf(join(folder, "alone")), await hashesOf(join(folder, "queued"))];
  const differing = Object.keys({ ...one, ...many }).filter((file) => one[file] !== many[file]);
  say(
    `${Object.keys(one).length} files, ${differing.length} of them differ; set aside: ${result.setAside.length}`,
  );
  const log = [...everyLog, ...workers.map(({ output }) => output)].join("\n");
  say(
    `worker logs: ${log.split("\n").length} lines, with folders: ${log.split("\n").filter((line) => line.includes(folder)).length}`,
  );
  if (differing.length > 0 || result.setAside.length > 0 || result.missing.length > 0) {
    say(differing.slice(0, 20).join(", "));
    process.exitCode = 1;
  }
});
