import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page, Request } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeGeneratedSlides } from "../../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../../src/common/index.js";
import type { TeachingPreparation } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { findings, openPage, PHONE, quietPages, settled } from "../page-fixture.js";

const directory = temporaryDirectory();
/** Pixels of the slide along a side: four tiles of the map. */
const SIDE = 2048;
/** Milliseconds, on a machine that may be busy. */
const PATIENCE = 120_000;
/** Where a finger taps, in CSS pixels from the middle of the view, and what is said to be there. */
const TAPS = [
  [-120, 90, "tumour"],
  [0, 90, "tumour"],
  [120, 90, "tumour"],
  [-60, 220, "not"],
  [60, 220, "not"],
] as const;

vi.setConfig({ testTimeout: 400_000, hookTimeout: 240_000 });

describeWithChromium("teaching with squares in the page", () => {
  let server: PageServer;
  let browser: Browser;
  let slide = "";
  const opened = quietPages();

  beforeAll(async () => {
    const { slides } = await writeGeneratedSlides(directory.path("tissue"), {
      ...{ count: 1, seed: 7, size: SIDE, micronsPerPixel: 0.5, reporter: silentReporter },
    });
    const [name = ""] = (await readdir(slides)).filter((file) => file.endsWith(".tif"));
    server = await servePage({ inputs: [join(slides, name)], stateDirectory: directory.path("state") });
    slide = (await server.workspace()).slides[0]?.id ?? "";
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const addressAt = (x: number, y: number) => `#/slides/${slide}?at=${x},${y}&zoom=1&layer=`;
  const status = (page: Page) => page.locator(".tool-strip .tool-status");

  it("works by finger on a phone, asks for what is seen alone, looks ahead, and keeps a run", async () => {
    const watched = await openPage(browser, `${server.address}${addressAt(512, 512)}`, { viewport: PHONE });
    opened.push(watched);
    const { page } = watched;
    await settled(page);
    const asked = teachingRequests(page);
    let ready = (): void => undefined;
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    await page.route("**/teaching", async (route) => {
      await isReady;
      await route.continue();
    });

    // Whoever is faster than the server loses no click.
    await page.getByRole("button", { name: "Teach with squares" }).tap();
    await status(page).filter({ hasText: "getting ready" }).waitFor();
    const view = await page.locator(".slide-view").boundingBox();
    const middle = {
      x: (view?.x ?? 0) + (view?.width ?? 0) / 2,
      y: (view?.y ?? 0) + (view?.height ?? 0) / 2,
    };
    let kind = "tumour";
    for (const [x, y, wanted] of TAPS) {
      if (wanted !== kind) await page.getByRole("button", { name: "Clicks are tumour" }).tap();
      kind = wanted;
      await page.touchscreen.tap(middle.x + x, middle.y + y);
    }
    expect(await page.getByRole("button", { name: "Clicks are not tumour" }).innerText()).toBe("not tumour");
    await status(page).filter({ hasText: "0 tumour, 0 not: getting ready" }).waitFor();
    ready();
    await status(page).filter({ hasText: "3 tumour, 2 not: map shown" }).waitFor({ timeout: PATIENCE });

    // Every control is within a finger's reach, and nothing lies over it.
    await page.getByRole("button", { name: "Tumour (Y)" }).waitFor({ timeout: PATIENCE });
    expect(await outOfReach(page)).toEqual([]);
    expect(await findings(page)).toEqual([]);

    // The map's tiles are those of the view, each asked for once: the small map asks for none.
    const tiles = asked.flatMap(
      ({ path }) => /\/layers\/teaching-\w+\/tiles\/0\/(\d+\/\d+)$/.exec(path)?.[1] ?? [],
    );
    expect([...tiles].sort()).toEqual(["0/0", "0/1", "1/0", "1/1"]);
    const order = asked.map(({ path }) => path);
    const lastTile = order.findLastIndex((path) => path.includes("/tiles/0/"));
    expect(order.findIndex((path) => path.endsWith("/suggestions"))).toBeGreaterThan(lastTile);

    // Then what lies around it is looked at, and what lies ahead when the slide is moved.
    const wider = () => asked.flatMap(({ prepared }) => (prepared?.box === undefined ? [] : prepared.box));
    await expect.poll(() => wider().at(-1), { timeout: PATIENCE }).toMatchObject({ x: 0, y: 0, width: 1219 });
    await page.evaluate(
      (hash) => {
        location.hash = hash;
      },
      addressAt(1024, 512),
    );
    await expect.poll(() => wider().at(-1), { timeout: PATIENCE }).toMatchObject({ x: 317, width: 1414 });

    // An answer to a suggestion teaches, and is taken back.
    await page.getByRole("button", { name: "Not (N)" }).tap();
    await status(page).filter({ hasText: "3 tumour, 3 not: map shown" }).waitFor({ timeout: PATIENCE });
    await page.getByRole("button", { name: "Take the last square away" }).tap();
    await status(page).filter({ hasText: "3 tumour, 2 not: map shown" }).waitFor({ timeout: PATIENCE });
    await page.getByRole("slider", { name: "Size" }).tap();
    expect(Number(await page.getByRole("slider", { name: "Size" }).inputValue())).toBeGreaterThan(112);

    await page.getByRole("button", { name: "Keep or apply …" }).tap();
    await page.getByLabel("Name of the run").fill("by finger");
    await page.getByRole("button", { name: "Keep only" }).tap();
    await expect
      .poll(async () => (await server.workspace()).runs.map(({ taught }) => taught), { timeout: PATIENCE })
      .toMatchObject([{ tumour: 3, other: 2, isWhole: true }]);
    const [run] = (await server.workspace()).runs;
    await page.evaluate((hash) => {
      location.hash = hash;
    }, `#/runs/${run?.id}`);
    await page.getByText("There are no figures of it").waitFor();
    expect(await page.getByRole("link", { name: "Re-train …" }).count()).toBe(0);
    expect(await findings(page)).toEqual([]);
  });
});

/** What the page asks of teaching, in order. */
function teachingRequests(page: Page): { path: string; prepared: TeachingPreparation | null }[] {
  const asked: { path: string; prepared: TeachingPreparation | null }[] = [];
  page.on("request", (request: Request) => {
    const path = new URL(request.url()).pathname;
    if (!path.includes("teaching")) return;
    const isPrepared = path.endsWith("/teaching/prepare");
    asked.push({ path, prepared: isPrepared ? (request.postDataJSON() as TeachingPreparation) : null });
  });
  return asked;
}

/** Controls of the strip that something covers, or that lie outside the screen. */
async function outOfReach(page: Page): Promise<string[]> {
  return page.locator(".tool-strip :is(button, input, select)").evaluateAll((controls) =>
    controls.flatMap((control) => {
      const { x, y, width, height } = control.getBoundingClientRect();
      const there = document.elementFromPoint(x + width / 2, y + height / 2);
      return there !== null && (control.contains(there) || there.contains(control))
        ? []
        : [control.outerHTML];
    }),
  );
}
