import { mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { JobEntry } from "../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { writeGradientSlide } from "../support/test-server.js";
import { openPage, settled } from "./page-fixture.js";

const directory = temporaryDirectory();
/** Reads `slide-exe.tif` where it is not written out. */
const HOSTILE = "slide-\u202efit.exe\u202c.tif";
const WRITTEN_OUT = "slide-\\u202efit.exe\\u202c.tif";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

describeWithChromium("names in the page", () => {
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    const root = directory.path("given");
    for (const lab of ["lab A", "lab B"]) {
      await mkdir(join(root, lab), { recursive: true });
      await writeGradientSlide(join(root, lab, "1.tif"), 400, 300);
    }
    await writeGradientSlide(join(root, "plain.tif"), 400, 300);
    await rename(join(root, "plain.tif"), join(root, HOSTILE));
    server = await servePage({ inputs: [root], stateDirectory: directory.path("state") });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  it("tell slides of one name apart, in lists, titles, exports and jobs", async () => {
    const { page, complaints } = await openPage(browser, server.address);
    const list = page.getByRole("navigation", { name: "Workspace" });
    await list.getByText("1.tif (lab A)", { exact: true }).waitFor();
    await list.getByText("1.tif (lab B)", { exact: true }).click();
    await settled(page);
    await page.getByRole("heading", { name: "1.tif (lab B)" }).waitFor();
    expect(await page.title()).toBe("1.tif (lab B) · EP-SAM");
    await page.getByRole("tab", { name: "Annotations" }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("link", { name: "Export GeoJSON" }).click();
    expect((await download).suggestedFilename()).toBe("1 (lab B).geojson");

    await page.goto(`${server.address}#/jobs?start=prepare`);
    const form = page.getByRole("form", { name: "Prepare a dataset" });
    await form.getByLabel("Name of the dataset").fill("both");
    for (const lab of ["A", "B"]) await form.getByRole("checkbox", { name: `1.tif (lab ${lab})` }).check();
    await form.getByLabel("Microns per pixel", { exact: true }).fill("0.5");
    await form.getByRole("button", { name: "Start" }).click();
    await form.getByText("1.tif (lab B): Has the same name as 1.tif (lab A).").waitFor();
    expect(complaints.filter((text) => !text.includes("Failed to load resource"))).toEqual([]);
    await page.close();
  });

  it("show marks that turn the direction of writing instead of following them", async () => {
    const { page, complaints } = await openPage(browser, server.address);
    await page.getByRole("navigation", { name: "Workspace" }).getByText(WRITTEN_OUT).click();
    await settled(page);
    expect(await page.title()).toBe(`${WRITTEN_OUT} · EP-SAM`);
    const job: JobEntry = {
      ...{ id: "job-1", title: `Segment ${HOSTILE} with run`, state: "failed", revision: 1 },
      request: { kind: "infer", run: "r", slides: ["s"] },
      ...{ createdAt: "2026-01-01T00:00:00Z", startedAt: null, finishedAt: null, progress: null },
      log: [`reads ${HOSTILE}`],
      problem: { tag: "slide", what: "is damaged", where: HOSTILE, why: null, action: null },
      ...{ result: null, resumable: true, stopping: false },
    };
    await expect.poll(() => server.context.events.listeners).toBeGreaterThan(0);
    server.context.events.publish({ event: "jobs", data: job });
    for (const hash of ["#/", "#/jobs", "#/jobs?start=infer"]) {
      await page.goto(`${server.address}${hash}`);
      await page.getByText(WRITTEN_OUT).first().waitFor();
      if (hash === "#/jobs") {
        await page.getByRole("article", { name: `Segment ${WRITTEN_OUT} with run, failed` }).waitFor();
        await page.getByText("Log (1)").click();
        await page.getByText(`reads ${WRITTEN_OUT}`).waitFor();
      }
      expect(await page.content()).not.toMatch(/\p{Bidi_Control}/u);
    }
    expect(complaints).toEqual([]);
    await page.close();
  });
});
