import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { noRedis, TrialRedis, TrialWorker } from "../support/queue-trial.js";
import { describeWith } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { openPage } from "./page-fixture.js";

const directory = temporaryDirectory();
const SLIDES = 4;

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describeWith("redis", noRedis, "jobs of the page on a queue with a real Redis", () => {
  describeWithChromium("in Chromium", () => {
    let redis: TrialRedis | undefined;
    let server: PageServer | undefined;
    let browser: Browser | undefined;
    let worker: TrialWorker | undefined;

    beforeAll(async () => {
      const { slides } = await writeGeneratedSlides(directory.path("tissue"), {
        ...{ count: SLIDES, seed: 3, size: 640, micronsPerPixel: 0.5, reporter: silentReporter },
      });
      const { record } = await makeTinyRun(directory.path("run"));
      const resolution = { mpp: { finest: 0.5, median: 0.5, coarsest: 0.5 }, level: 0 };
      const known = { ...record, dataset: { ...record.dataset, resolution } };
      await writeFile(join(directory.path("run"), "run.json"), JSON.stringify(known));
      await mkdir(directory.path("redis"));
      redis = await TrialRedis.start(directory.path("redis"));
      server = await servePage({
        inputs: [slides, directory.path("run")],
        stateDirectory: directory.path("state"),
        queue: redis.url,
      });
      browser = await launchChromium();
    });
    afterAll(async () => {
      worker?.signal("SIGKILL");
      await browser?.close();
      await server?.close();
      await redis?.stop();
    });

    it("tell workers, what waits, slides done and the time left", async () => {
      if (server === undefined || browser === undefined || redis === undefined) throw new Error("not begun");
      const { workspace } = server.context;
      const { page, complaints } = await openPage(browser, `${server.address}#/jobs`);
      const request = {
        ...{ kind: "infer", run: workspace.runs[0]?.id, slides: workspace.slides.map(({ id }) => id) },
        ...{ gate: 1, tissue: "all" },
      };
      const status = await page.evaluate(async (body) => {
        const headers = { "Content-Type": "application/json" };
        return (await fetch("/api/jobs", { method: "POST", headers, body })).status;
      }, JSON.stringify(request));
      expect(status).toBe(201);
      const job = page.getByRole("article").first();
      const shown: string[] = [];
      const text = async () => {
        shown.push((await job.innerText()).replace(/\s+/g, " "));
        return shown.at(-1);
      };
      await expect.poll(text, { timeout: 60_000 }).toContain("no worker: start `epsam worker`");
      expect(shown.at(-1)).toContain(`slides on the queue 0 of ${SLIDES} · 0 at work, ${SLIDES} waiting`);

      worker = new TrialWorker(redis.url);
      await expect.poll(text, { timeout: 90_000, interval: 50 }).toMatch(/run done/);
      const all = shown.join("\n");
      expect(all).toMatch(
        new RegExp(`slides on the queue 0 of ${SLIDES} · 1 at work, ${SLIDES - 1} waiting, 1 worker`),
      );
      expect(all).toMatch(
        new RegExp(`slides on the queue [1-3] of ${SLIDES} · .* 1 worker, about \\d+ \\w+ left`),
      );
      const results = join(directory.path("state"), "results");
      const files = await readdir(results, { recursive: true });
      expect(files.filter((file) => file.endsWith("inference.json"))).toHaveLength(SLIDES);
      expect(worker.output.match(/segmented in/g)).toHaveLength(SLIDES);
      expect(complaints).toEqual([]);
      worker.signal("SIGTERM", false);
      await worker.ended();
    });
  });
});
