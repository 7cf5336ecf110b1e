import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { AnnotationState } from "../../src/contract/index.js";
import { openDataset } from "../../src/dataset/index.js";
import { hashConfig, mergeRecords, RunDirectory, resolveConfig } from "../../src/run/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { writeDataset } from "../training/fixtures.js";
import { openPage, settled, writeWorkspace } from "./page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 900_000, hookTimeout: 240_000 });

describeWithChromium("classes that somebody makes in the page", () => {
  let server: PageServer;
  let browser: Browser;
  let slide = "";

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    await writeRun(
      directory.path("run"),
      await writeDataset(directory.path("data"), { counts: { train: 1, val: 1, test: 1 } }),
    );
    const inputs = [...workspace.inputs, directory.path("run")];
    server = await servePage({ ...workspace, inputs, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    slide = server.context.workspace.slides.find(({ name }) => name !== "broken.svs")?.id ?? "";
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A made-up run with a dataset of its own, and short epochs. */
  async function writeRun(root: string, data: string): Promise<void> {
    const { record } = await makeTinyRun(root);
    const { hash, patchSize } = await openDataset(data);
    const short = {
      decoder: { epochs: 1, batchSize: 2, maximumPatches: 2 },
      cache: { directory: directory.path("embeddings") },
    };
    const config = resolveConfig("paper-small", mergeRecords(record.config, short));
    const dataset = { root: data, hash, patchSize };
    await writeFile(
      join(root, "run.json"),
      JSON.stringify({ ...record, config, configHash: hashConfig(config), dataset }),
    );
  }

  /** Draws a rectangle of a class that is made for it, with what it means. */
  async function draw(page: Page, name: string, meaning: string, left: number, top: number, side: number) {
    const before = (await state()).objects.length;
    await page.keyboard.press("v");
    await page.keyboard.press("Escape");
    await page.mouse.click(...(await at(page, 630, 20)));
    const field = page.getByRole("combobox", { name: "Class of new annotations" });
    await field.fill(name);
    await field.press("Enter");
    await page.getByRole("combobox", { name: `What “${name}” means to training` }).selectOption(meaning);
    await expect.poll(() => field.inputValue()).toBe(name);
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    const [right, bottom] = [left + side, top + side];
    await page.mouse.move(...(await at(page, left, top)));
    await page.mouse.down();
    for (const [x, y] of [
      [right, top],
      [right, bottom],
      [left, bottom],
      [left, top],
    ] as const) {
      await page.mouse.move(...(await at(page, x, y)), { steps: 3 });
    }
    await page.mouse.up();
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    expect((await state()).objects.at(-1)?.classification).toBe(name);
  }
  const state = async (): Promise<AnnotationState> =>
    (await (await fetch(`${server.address}api/slides/${slide}/annotations`)).json()) as AnnotationState;
  const at = async (page: Page, x: number, y: number): Promise<[number, number]> => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    return [box.x + box.width / 2 + x - 320, box.y + box.height / 2 + y - 320];
  };

  it("are learnt as what they mean when a run is trained again, and the dataset says so", async () => {
    const { page, complaints } = await openPage(
      browser,
      `${server.address}#/slides/${slide}?at=320,320&zoom=1&layer=`,
    );
    page.setDefaultTimeout(60_000);
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    await draw(page, "Karzinom", "tumour", 60, 60, 264);
    await draw(page, "Nécrose", "no tumour", 124, 124, 136);
    await draw(page, "Artefakt", "ignore: left out of training", 270, 70, 30);
    await page.goto(`${server.address}#/jobs?start=retrain`);
    const form = page.getByRole("form", { name: "Re-train with corrections" });
    await form.getByLabel("Name of the run").fill("With Nécrose");
    await form.getByRole("combobox", { name: "Run" }).selectOption({ label: "run" });
    await form.getByRole("checkbox").first().check();
    await form.getByRole("button", { name: "Start" }).click();
    const job = page.getByRole("article", { name: /^Retrain run/ });
    // What follows, the training itself, is tried in test/training/retrain.test.ts.
    const root = join(directory.path("state"), "runs", "With Nécrose");
    const begun = async () =>
      (await RunDirectory.open(root)).record.retraining?.masks.map(({ patch }) => patch);
    await expect.poll(() => begun().catch(() => undefined), { timeout: 600_000 }).toBeDefined();
    expect(await job.innerText()).not.toContain("left out");
    const dataset = join(directory.path("state"), "datasets", "With Nécrose corrections");
    const { patches } = await openDataset(dataset);
    const placesOf = (label: 0 | 1) =>
      patches.filter((patch) => patch.label === label).map(({ x, y }) => `${x},${y}`);
    expect(placesOf(0).sort()).toEqual(["128,128", "128,192", "192,128", "192,192"]);
    // All that the tumour holds beside them, but for the one that is partly to be ignored.
    const rim = [64, 128, 192, 256].flatMap((x) => [64, 128, 192, 256].map((y) => `${x},${y}`));
    expect(placesOf(1).sort()).toEqual(
      rim.filter((place) => !placesOf(0).includes(place) && place !== "256,64").sort(),
    );
    const told = JSON.parse(await readFile(join(dataset, "dataset.json"), "utf8"));
    expect(told).toMatchObject({
      skipped: [],
      warnings: [],
      counts: { train: { positive: 11, negative: 4 } },
    });
    expect(told.discarded.notKnown).toBe(100 - 15);
    const learnt = patches.filter(({ label }) => label === 1).map(({ id }) => id);
    expect((await begun())?.sort()).toEqual(learnt.sort());
    await job.getByRole("button", { name: "Cancel" }).click();
    await job.getByText(/^cancelled$/i).waitFor({ timeout: 120_000 });
    expect(complaints).toEqual([]);
    await page.close();
  });
});
