import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { embedOnQueue } from "../../src/cohort/index.js";
import { silentReporter } from "../../src/common/index.js";
import { device } from "../../src/graph/index.js";
import { embed, planEmbedding } from "../../src/training/index.js";
import { ensureBuilt } from "../support/build.js";
import { inFolder, noRedis, TrialRedis, TrialWorker } from "../support/queue-trial.js";
import { describeWith } from "../support/requirements.js";
import { hashesOf, tinyConfig, writeDataset } from "../training/fixtures.js";

describeWith("redis", noRedis, "embeddings on a queue with a real Redis", () => {
  it("lie in the cache as this process would have put them; what cannot be read is named", async () => {
    await ensureBuilt();
    await inFolder(async (folder) => {
      const data = await writeDataset(join(folder, "data"), { counts: { train: 1, val: 1, test: 1 } });
      const spoilt = join(data, "test", "image", "test-normal-0_0.png");
      const bytes = await readFile(spoilt);
      await writeFile(spoilt, Buffer.from(bytes).fill(0, 200, bytes.length - 100));
      const configIn = (cache: string) =>
        tinyConfig({
          decoder: { variants: [0, 1] },
          cache: { directory: join(folder, cache), maximumGigabytes: 1 },
        });
      const reporter = silentReporter;
      const planIn = (cache: string) => planEmbedding({ data, config: configIn(cache), reporter });
      const alone = await embed(await planIn("alone"), { device: device("cpu", 1), reporter });
      expect(alone).toMatchObject({ embeddings: 5, computed: 4 });

      const redis = await TrialRedis.start(join(folder, "redis"));
      onTestFinished(() => redis.stop());
      const worker = new TrialWorker(redis.url);
      onTestFinished(() => worker.signal("SIGKILL"));
      const plan = await planIn("shared");
      const [group] = plan.groups;
      const queued = await embedOnQueue(plan, { reporter }, redis.url);
      expect(queued).toMatchObject({ embeddings: 5, computed: 5 });
      expect(queued.skipped).toEqual([
        { file: group?.name, reason: expect.stringMatching(/^test-normal-0_0\.png: /) },
      ]);
      expect(await hashesOf(join(folder, "shared"))).toEqual(await hashesOf(join(folder, "alone")));

      await writeFile(spoilt, bytes);
      expect(await embedOnQueue(await planIn("shared"), { reporter }, redis.url)).toMatchObject({
        computed: 1,
        skipped: [],
      });
      worker.signal("SIGTERM");
      await worker.ended();
      expect(worker.process.exitCode).toBe(0);
      expect(worker.output).toMatch(/data, SAM, patches 1 to 4: embedded in/);
      expect(worker.output).not.toContain(folder);
      await redis.stop();
    });
  }, 120_000);
});
