import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { connectQueue, embedOnQueue, retryQueued } from "../../src/cohort/index.js";
import { jobOf, readJobData } from "../../src/cohort/queue/job.js";
import { silentReporter } from "../../src/common/index.js";
import { device } from "../../src/graph/index.js";
import { embed, planEmbedding } from "../../src/training/index.js";
import { ensureBuilt } from "../support/build.js";
import { inFolder, noRedis, TrialRedis, TrialWorker } from "../support/queue-trial.js";
import { describeWith } from "../support/requirements.js";
import { hashesOf, tinyConfig, writeDataset } from "../training/fixtures.js";

const reporter = silentReporter;

function configIn(cache: string, decoder: "sam" | "pyramid") {
  return tinyConfig({
    classifier: { model: "dense", dense: { backbone: "efficientnet-lite0" } },
    decoder: { kind: decoder },
    cache: { directory: cache, maximumGigabytes: 1 },
  });
}

function smallDataset(folder: string): Promise<string> {
  return writeDataset(join(folder, "data"), { counts: { train: 1, val: 1, test: 1 } });
}

it("work on embeddings of every kind goes through Redis as it is", async () => {
  await inFolder(async (folder) => {
    const data = await smallDataset(folder);
    const plan = await planEmbedding({ data, config: configIn(join(folder, "cache"), "sam"), reporter });
    expect(plan.groups.map(({ work }) => work.by.kind)).toEqual(["features", "sam"]);
    for (const { name, work } of plan.groups) {
      const job = await jobOf("cohort", name, { kind: "embed", work });
      expect(readJobData(JSON.parse(JSON.stringify(job.data)))).toEqual(job.data);
    }
  });
});

describeWith("redis", noRedis, "embeddings on a queue with a real Redis", () => {
  it("lie in the cache as this process would have put them; what cannot be read is named", async () => {
    await ensureBuilt();
    await inFolder(async (folder) => {
      const data = await smallDataset(folder);
      const spoilt = join(data, "val", "image", "val-normal-0_0.png");
      const bytes = await readFile(spoilt);
      await writeFile(spoilt, Buffer.from(bytes).fill(0, 200, bytes.length - 100));
      const planIn = (cache: string) =>
        planEmbedding({ data, config: configIn(join(folder, cache), "pyramid"), reporter });
      const alone = await embed(await planIn("alone"), { device: device("cpu", 1), reporter });
      expect(alone).toMatchObject({ embeddings: 4, computed: 3 });

      const redis = await TrialRedis.start(join(folder, "redis"));
      onTestFinished(() => redis.stop());
      const worker = new TrialWorker(redis.url);
      onTestFinished(() => worker.signal("SIGKILL"));
      const plan = await planIn("shared");
      const queued = await embedOnQueue(plan, { reporter }, redis.url);
      expect(queued).toMatchObject({ embeddings: 4, computed: 4 });
      expect(queued.skipped).toEqual([
        { file: plan.groups[0]?.name, reason: expect.stringMatching(/^val-normal-0_0\.png: /) },
      ]);
      expect(await hashesOf(join(folder, "shared"))).toEqual(await hashesOf(join(folder, "alone")));

      await writeFile(spoilt, bytes);
      const connection = await connectQueue({ url: redis.url, reporter });
      expect(await retryQueued(connection)).toBe(1);
      await connection.close();
      expect((await embedOnQueue(await planIn("shared"), { reporter }, redis.url)).skipped).toEqual([]);
      expect(await embedOnQueue(await planIn("shared"), { reporter }, redis.url)).toMatchObject({
        computed: 0,
      });
      worker.signal("SIGTERM");
      await worker.ended();
      expect(worker.process.exitCode).toBe(0);
      expect(worker.output).toMatch(/data, features, patches 1 to 4: embedded in/);
      expect(worker.output).not.toContain(folder);
      await redis.stop();
    });
  }, 120_000);
});
