import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { JobEntry, JobState } from "../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { findings, openPage, settled, writeWorkspace } from "./page-fixture.js";

const directory = temporaryDirectory();
const STATES: readonly JobState[] = ["queued", "running", "done", "failed", "cancelled", "interrupted"];

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

function jobIn(state: JobState, index: number): JobEntry {
  const isOver = state !== "queued" && state !== "running";
  const problem = {
    tag: "slide",
    what: "is damaged",
    where: "1.svs",
    why: "it ends early",
    action: "Copy it.",
  };
  return {
    ...{ id: `job-${index}`, title: `Segment ${index}.svs with run`, state, revision: 1 },
    request: { kind: "infer", run: "r", slides: ["s"] },
    createdAt: "2026-01-01T00:00:00Z",
    startedAt: state === "queued" ? null : "2026-01-01T00:00:10Z",
    finishedAt: isOver ? "2026-01-01T00:10:00Z" : null,
    progress: state === "running" ? { task: "Patches", done: 3, total: 12, detail: "1 s each" } : null,
    log: ["begun", "Warning: odd"],
    problem: state === "failed" ? problem : null,
    result: state === "done" ? { slides: ["s"], run: "r", dataset: "d" } : null,
    ...{ resumable: isOver && state !== "done", stopping: false },
  };
}

describeWithChromium("axe-core has nothing against", () => {
  let server: PageServer;
  let browser: Browser;

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    await makeTinyRun(directory.path("run"));
    const inputs = [...workspace.inputs, directory.path("run")];
    server = await servePage({ ...workspace, inputs, stateDirectory: directory.path("state") });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const idOf = (entries: readonly { readonly id: string }[]) => entries[0]?.id ?? expect.unreachable();

  it.each([
    ["light", false],
    ["dark", true],
  ])("any page, %s", async (_, dark) => {
    const { page } = await openPage(browser, server.address, { dark });
    page.setDefaultTimeout(30_000);
    await expect.poll(() => server.context.events.listeners).toBeGreaterThan(0);
    const found: Record<string, string[]> = {};
    const look = async (place: string) => {
      found[place] = await findings(page);
    };
    const go = async (hash: string) => {
      await page.goto(`${server.address}${hash}`);
      await page.locator("main h1").waitFor();
    };
    const { slides, datasets, runs } = server.context.workspace;
    await look("home");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await look("keys");
    await page.keyboard.press("Escape");
    await lookAtSlide(page, `${server.address}#/slides/${idOf(slides.filter(isWhole))}`, look);
    await go(`#/datasets/${idOf(datasets)}`);
    await page.locator(".patch-card").first().waitFor();
    await look("dataset");
    await page.locator(".patch-card").first().click();
    await page.getByRole("dialog").locator("canvas").waitFor();
    await look("patch");
    await page.keyboard.press("Escape");
    for (const tab of ["report", "uncertain", "comparison"]) {
      await go(`#/runs/${idOf(runs)}?tab=${tab}`);
      await look(`run, ${tab}`);
    }
    await go("#/jobs");
    STATES.forEach((state, index) => {
      server.context.events.publish({ event: "jobs", data: jobIn(state, index) });
    });
    await expect.poll(() => page.locator(".job").count()).toBe(STATES.length);
    for (const log of await page.locator(".log summary").all()) await log.click();
    await look("jobs");
    await page
      .getByRole("article", { name: /, done/ })
      .getByRole("button", { name: "Remove …" })
      .click();
    await page.getByRole("dialog").waitFor();
    await look("job removed");
    await page.keyboard.press("Escape");
    for (const kind of ["infer", "prepare", "train", "retrain"]) {
      await go(`#/jobs?start=${kind}`);
      await page.getByRole("form").waitFor();
      await page.getByRole("button", { name: "Start" }).click();
      await look(`form ${kind}`);
    }
    expect(Object.entries(found).filter(([, all]) => all.length > 0)).toEqual([]);
    expect(Object.keys(found).length).toBeGreaterThan(18);
    await page.close();
  });

  const isWhole = ({ name }: { readonly name: string }) => name !== "broken.svs";
});

/** Every tab of the panel and every tool, the mask of a click aside. */
async function lookAtSlide(page: Page, address: string, look: (place: string) => Promise<void>) {
  await page.goto(address);
  await settled(page);
  for (const tab of ["Layers", "Results", "Slide", "Annotations"]) {
    await page.getByRole("tab", { name: tab }).click();
    await look(`slide, ${tab}`);
  }
  for (const key of ["s", "d", "e", "m", "b"]) {
    await page.keyboard.press(key);
    await look(`tool ${key}`);
  }
  const box = await page.locator(".slide-view").boundingBox();
  if (box === null) throw new Error("the slide is not on the screen");
  await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2);
  await page.getByRole("heading", { name: /^\d+ annotation/ }).waitFor();
  await page.locator(".save-mark[data-state=saved]").waitFor();
  await look("an annotation");
}
