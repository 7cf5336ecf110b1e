import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type { AnnotationState } from "../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { settled, writeWorkspace } from "./page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

describeWithChromium("many tabs of one browser", () => {
  let server: PageServer;
  let browser: Browser;
  let context: BrowserContext;
  let slide = "";

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    server = await servePage({ ...workspace, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    slide = server.context.workspace.slides.find(({ name }) => name !== "broken.svs")?.id ?? "";
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(async () => {
    await context.close();
    await expect.poll(() => server.context.events.listeners).toBe(0);
  });

  const state = async (): Promise<AnnotationState> =>
    (await (await fetch(`${server.address}api/slides/${slide}/annotations`)).json()) as AnnotationState;

  it("all load, save, and hear of each other over one connection", async () => {
    context = await browser.newContext({ viewport: { width: 1000, height: 700 }, reducedMotion: "reduce" });
    const complaints: string[] = [];
    const pages = [];
    // One more than a browser has connections to a server, and another.
    for (let count = 0; count < 8; count++) {
      const page = await context.newPage();
      page.on("pageerror", (error) => complaints.push(String(error)));
      await page.goto(`${server.address}#/slides/${slide}?at=320,320&zoom=1&layer=`);
      await settled(page);
      await page.getByRole("tab", { name: "Annotations" }).click();
      await page.getByRole("heading", { name: "0 annotations" }).waitFor();
      pages.push(page);
    }
    expect(server.context.events.listeners).toBe(1);
    const [first] = pages;
    if (first === undefined) throw new Error("no page was opened");
    await first.bringToFront();
    await first.keyboard.press("d");
    const box = await first.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    for (const [x, y] of [
      [200, 200],
      [260, 200],
      [230, 260],
    ] as const)
      await first.mouse.click(box.x + x, box.y + y);
    await first.keyboard.press("Enter");
    await first.locator(".save-mark[data-state=saved]").waitFor();
    await expect.poll(async () => (await state()).objects.length).toBe(1);
    for (const page of pages) await page.getByRole("heading", { name: "1 annotation" }).waitFor();
    // A tab that is closed takes nothing from the others.
    await first.close();
    server.context.events.publish({ event: "annotations", data: { slide, revision: 1 } });
    expect(server.context.events.listeners).toBe(1);
    expect(complaints).toEqual([]);
  });

  it("listen only while they are seen where they cannot share, and catch up", async () => {
    context = await browser.newContext({ reducedMotion: "reduce" });
    await context.addInitScript(() => {
      Reflect.deleteProperty(globalThis, "SharedWorker");
      Object.defineProperty(document, "hidden", { get: () => "away" in globalThis });
    });
    const page = await context.newPage();
    await page.goto(`${server.address}#/`);
    await page.locator(".slide-item").first().waitFor();
    await expect.poll(() => server.context.events.listeners).toBe(1);
    const turn = (isAway: boolean) =>
      page.evaluate((away) => {
        if (away) Object.assign(globalThis, { away });
        else Reflect.deleteProperty(globalThis, "away");
        document.dispatchEvent(new Event("visibilitychange"));
      }, isAway);
    await turn(true);
    await expect.poll(() => server.context.events.listeners).toBe(0);
    const asked = page.waitForRequest((request) => request.url().endsWith("/api/workspace"));
    await turn(false);
    await expect.poll(() => server.context.events.listeners).toBe(1);
    await asked;
    expect(await page.getByText("The server does not answer").count()).toBe(0);
  });
});
