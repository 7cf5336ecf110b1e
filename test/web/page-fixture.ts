import { mkdir, readdir, stat, writeFile } from "node:fs/promises";
import { basename, join, parse } from "node:path";
import axe, { type AxeResults } from "axe-core";
import type { Browser, BrowserContext, BrowserContextOptions, Page } from "playwright-core";
import sharp from "sharp";
import { afterEach, expect } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../src/common/index.js";
import { exportSlideResults, type TiledRaster } from "../../src/inference/index.js";
import { openSlide } from "../../src/slides/index.js";

export const DESKTOP = { width: 1440, height: 900 };
export const PHONE = { width: 390, height: 844 };

/** A square that the results of the second slide call tumour, in level-0 pixels. */
export const FOCUS = { left: 96, top: 352, side: 192 };

/**
 * A workspace: two generated slides with the outlines of their tumour, results for the second, a slide that is broken,
 * and a dataset of four patches.
 */
export async function writeWorkspace(
  directory: string,
): Promise<{ inputs: string[]; annotations: string[] }> {
  const { slides, annotations } = await writeGeneratedSlides(join(directory, "tissue"), {
    count: 2,
    seed: 7,
    size: 640,
    micronsPerPixel: 0.5,
    reporter: silentReporter,
  });
  await writeFile(join(slides, "broken.svs"), "no slide");
  const dataset = join(directory, "patches");
  for (const split of ["train", "val"]) await writePatches(join(dataset, split), split);
  const [, second = ""] = (await readdir(slides)).filter((name) => name.endsWith(".tif")).sort();
  const results = join(directory, "results");
  await writeResults(join(slides, second), join(results, parse(second).name));
  return { inputs: [slides, dataset, results], annotations: [annotations] };
}

/** A column of a tile. */
function clamped(column: number): number {
  return Math.min(256, Math.max(0, column));
}

/** What `epsam infer` leaves of a slide in which it found {@link FOCUS}. */
async function writeResults(path: string, directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const source = await openSlide(path);
  const [{ width, height } = { width: 0, height: 0 }] = source.levels;
  const raster = (value: number): TiledRaster => ({
    ...{ width, height, tileSize: 256, downsample: 1 },
    readTile: async (column, row) => {
      const tile = new Uint8Array(256 * 256);
      const left = FOCUS.left - 256 * column;
      for (let y = FOCUS.top; y < FOCUS.top + FOCUS.side; y++) {
        const start = 256 * (y - 256 * row);
        if (start < 0 || start >= tile.length) continue;
        tile.fill(value, start + clamped(left), start + clamped(left + FOCUS.side));
      }
      return tile;
    },
  });
  await exportSlideResults(
    source,
    {
      ...{ mask: raster(255), probability: raster(230), activation: raster(128) },
      micronsPerPixel: { x: 0.5, y: 0.5 },
      level0TissueArea: width * height,
      identity: { run: "run", slide: basename(path) },
    },
    directory,
  );
  await source.close();
  const slide = {
    name: basename(path),
    bytes: (await stat(path)).size,
    modified: "2026-01-01T00:00:00.000Z",
  };
  const record = { formatVersion: 1, width, height, settings: { slide, model: { stage: "round-1" } } };
  await writeFile(join(directory, "inference.json"), JSON.stringify(record));
}

/** One patch with a square of tumour and one without, named as the original's are. */
async function writePatches(directory: string, name: string): Promise<void> {
  await mkdir(join(directory, "image"), { recursive: true });
  await mkdir(join(directory, "mask"), { recursive: true });
  const plain = (colour: string, side: number) =>
    sharp({ create: { width: side, height: side, channels: 3, background: colour } });
  await plain("#c86fa0", 64)
    .png()
    .toFile(join(directory, "image", `${name}-a_1.png`));
  await plain("#e8c0d8", 64)
    .png()
    .toFile(join(directory, "image", `${name}-b_0.png`));
  const square = await plain("#ffffff", 32).png().toBuffer();
  await plain("#000000", 64)
    .composite([{ input: square, left: 16, top: 16 }])
    .toColourspace("b-w")
    .png()
    .toFile(join(directory, "mask", `${name}-a_1.png`));
}

/** A page that keeps what the browser complains of. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: string[];
}

/** What a page is opened with. */
export interface PageOptions {
  readonly viewport?: typeof DESKTOP;
  readonly dark?: boolean;
}

/** Of each browser, the contexts by their settings, and how many pages stay open in each. */
const contexts = new WeakMap<
  Browser,
  Map<string, { readonly context: BrowserContext; readonly kept: number }>
>();

/**
 * A page that knows nothing of those before it, and shares nothing with those that are open. A context of its own would
 * load and compile everything anew, which takes the processor a second.
 */
async function newPage(browser: Browser, origin: string, options: PageOptions): Promise<Page> {
  const { viewport = DESKTOP, dark = false } = options;
  const settings: BrowserContextOptions = {
    viewport,
    hasTouch: viewport === PHONE,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
  };
  const known = contexts.get(browser) ?? new Map();
  contexts.set(browser, known);
  const name = JSON.stringify(settings);
  const used = known.get(name);
  if (used === undefined) {
    const context = await browser.newContext(settings);
    // A page that stays keeps the process and what is compiled in it; most pages are opened without options.
    const kept = Object.keys(options).length === 0 ? 1 : 0;
    if (kept > 0) await (await context.newPage()).goto(`${origin}/icon.svg`);
    known.set(name, { context, kept });
    return context.newPage();
  }
  if (used.context.pages().length > used.kept) return browser.newPage(settings);
  const page = await used.context.newPage();
  await forget(page, origin);
  return page;
}

/** Removes what pages of the same context have stored and were permitted. */
async function forget(page: Page, origin: string): Promise<void> {
  const context = page.context();
  await context.clearPermissions();
  await context.clearCookies();
  const session = await context.newCDPSession(page);
  await session.send("Storage.clearDataForOrigin", { origin, storageTypes: "all" });
  await session.detach();
}

/** Opens the page as in a browser that has never seen it. */
export async function openPage(
  browser: Browser,
  address: string,
  options: PageOptions = {},
): Promise<WatchedPage> {
  const page = await newPage(browser, new URL(address).origin, options);
  const complaints: string[] = [];
  page.on("console", (message) => {
    // OpenSeadragon says so of a tile that comes after its layer has changed, as it may on a busy machine.
    if (message.text().startsWith("Ignoring tile %s loaded before reset")) return;
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(new URL(address).origin) && !request.url().startsWith("blob:")) {
      complaints.push(`asked for ${request.url()}`);
    }
  });
  await page.goto(address);
  return { page, complaints };
}

/** Pages that are closed after each test, which must not have complained. */
export function quietPages(): WatchedPage[] {
  const opened: WatchedPage[] = [];
  afterEach(async () => {
    for (const { page, complaints } of opened.splice(0)) {
      expect(complaints).toEqual([]);
      await page.close();
    }
  });
  return opened;
}

/** Waits until the slide stands still and all its tiles are there. */
export async function settled(page: Page): Promise<void> {
  await page.locator(".stage[aria-busy=false]").waitFor({ timeout: 60_000 });
  // Tiles are drawn with the next frame.
  await page.evaluate(
    () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
  );
}

/**
 * Milliseconds of processor time that the page's main thread takes for something: what else runs on the machine does not
 * count.
 */
export async function mainThreadTime(page: Page, action: () => Promise<unknown>): Promise<number> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const taken = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
  };
  const before = await taken();
  await action();
  const after = await taken();
  await session.detach();
  return after - before;
}

/** Drags a finger from a place of the screen to another, in CSS pixels. */
export async function dragFinger(
  page: Page,
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const touch = (type: "touchStart" | "touchMove" | "touchEnd", share: number) =>
    session.send("Input.dispatchTouchEvent", {
      type,
      touchPoints:
        type === "touchEnd"
          ? []
          : [{ x: from.x + share * (to.x - from.x), y: from.y + share * (to.y - from.y) }],
    });
  await touch("touchStart", 0);
  for (let step = 1; step <= 8; step++) {
    // As fast as a hand: after what is faster, Chromium takes the next tap for one that stops it.
    await page.waitForTimeout(20);
    await touch("touchMove", step / 8);
  }
  // At rest, as a hand that draws is before it lifts: after a flick, too, the next tap would be lost.
  await page.waitForTimeout(100);
  await touch("touchMove", 1);
  await touch("touchEnd", 1);
  await session.detach();
}

/** Pixels of a rectangle of the screen, RGB. */
export async function screenPixels(
  page: Page,
  clip: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Promise<Uint8Array> {
  const png = await page.screenshot({ clip });
  return new Uint8Array(await sharp(png).removeAlpha().raw().toBuffer());
}

/** Mean difference of two pictures' values. */
export function meanDifference(one: Uint8Array, other: Uint8Array): number {
  expect(one.length).toBe(other.length);
  return one.reduce((sum, value, index) => sum + Math.abs(value - (other[index] ?? 0)), 0) / one.length;
}

/** What axe-core finds, in words. */
export async function findings(page: Page): Promise<string[]> {
  // It stays as long as the document does.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResults>("axe.run(document)");
  return violations.map(
    ({ id, impact, nodes }) =>
      `${id} (${impact}): ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join("; ")}`,
  );
}
