import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page, Request } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { writeGeneratedSlides } from "../../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../../src/common/index.js";
import {
  type AnnotationState,
  type JobEntry,
  SQUARE_CLASSES,
  type TeachingPreparation,
} from "../../../src/contract/index.js";
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

    // The map's tiles are those of the view, of the draft and then of the map, each asked for once: the small map asks for none.
    const tiles = asked.flatMap(({ path }) => {
      const [, draft, tile] = /\/layers\/teaching-(draft_)?\w+\/tiles\/0\/(\d+\/\d+)$/.exec(path) ?? [];
      return tile === undefined ? [] : `${draft === undefined ? "map" : "draft"} ${tile}`;
    });
    const seen = ["0/0", "0/1", "1/0", "1/1"];
    expect(tiles.slice(0, 4).sort()).toEqual(seen.map((tile) => `draft ${tile}`));
    expect(tiles.slice(4).sort()).toEqual(seen.map((tile) => `map ${tile}`));
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

  it("works by keyboard alone, says what happens, and is applied to the slide", async () => {
    const watched = await openPage(browser, `${server.address}${addressAt(1536, 1536)}`);
    opened.push(watched);
    const { page } = watched;
    await settled(page);
    const spoken = await heard(page);
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    /** The crosshair goes by 120 CSS pixels. */
    const go = (way: string) => press(`Shift+Arrow${way}`, `Shift+Arrow${way}`);
    const shown = (text: string) =>
      status(page)
        .filter({ hasText: `${text}: map shown` })
        .waitFor({ timeout: PATIENCE });
    const before = await counted();
    await page.locator(".openseadragon-canvas").first().focus();
    await press("t", "Space");
    await go("Right");
    await press("Space");
    await go("Right");
    await press("Space", "x");
    await go("Down");
    await press("Space");
    await go("Left");
    await press("Space");
    const [tumour, other] = [before.tumour + 3, before.other + 2];
    await shown(`${tumour} tumour, ${other} not`);
    await expect
      .poll(spoken, { timeout: PATIENCE })
      .toContain(`The map is made of ${tumour + other} squares`);
    await expect.poll(spoken, { timeout: PATIENCE }).toContain("suggestions: Y tumour, N not");

    // A suggestion is answered, taken away, and comes back with undo.
    await press("y");
    await shown(`${tumour + 1} tumour, ${other} not`);
    await press("Backspace");
    await shown(`${tumour} tumour, ${other} not`);
    await press("Control+z");
    await shown(`${tumour + 1} tumour, ${other} not`);
    await press("Control+z");
    await shown(`${tumour} tumour, ${other} not`);

    // On a square, a click of its kind takes it away, one of the other kind changes it.
    await press("Space");
    await shown(`${tumour} tumour, ${other - 1} not`);
    await press("Control+z");
    await shown(`${tumour} tumour, ${other} not`);
    await press("x", "Space");
    await shown(`${tumour + 1} tumour, ${other - 1} not`);
    await press(",");
    await expect.poll(spoken).toMatch(/Squares of \d+ pixels/);

    await page.getByRole("button", { name: "Keep or apply …" }).focus();
    await press("Enter");
    const dialog = page.getByRole("dialog", { name: "Keep what the squares have taught" });
    await dialog.getByLabel("Name of the run").focus();
    await press("Control+a");
    await page.keyboard.type("by keys");
    await dialog.getByRole("button", { name: "Apply to the slide" }).focus();
    await press("Enter");
    await expect.poll(spoken).toContain("The slide is being segmented");
    const jobs = async () =>
      ((await (await fetch(`${server.address}api/jobs`)).json()) as JobEntry[]).map(({ title, state }) => [
        title,
        state,
      ]);
    await expect
      .poll(jobs, { timeout: 300_000, interval: 1000 })
      .toContainEqual([expect.stringContaining("Teach by keys with"), "done"]);
    const { slides, runs } = await server.workspace();
    expect(runs.map(({ name }) => name)).toContain("by keys");
    expect(slides.map(({ segmented }) => segmented)).toEqual([true]);
    expect(await findings(page)).toEqual([]);
  });

  /** Squares that earlier tests have left. */
  async function counted(): Promise<{ tumour: number; other: number }> {
    const { objects } = (await (
      await fetch(`${server.address}api/slides/${slide}/annotations`)
    ).json()) as AnnotationState;
    const of = (kind: string) => objects.filter(({ classification }) => classification === kind).length;
    return { tumour: of(SQUARE_CLASSES.tumour), other: of(SQUARE_CLASSES.other) };
  }
});

/** What screen readers are told from now on, one after the other. */
async function heard(page: Page): Promise<() => Promise<string>> {
  await page
    .locator("[aria-live=polite]")
    .first()
    .evaluate((region) => {
      const said: string[] = [];
      Object.assign(window, { said });
      new MutationObserver(() => said.push(region.textContent ?? "")).observe(region, {
        ...{ childList: true, characterData: true, subtree: true },
      });
    });
  return () => page.evaluate(() => (window as Window & { said?: string[] }).said?.join("\n") ?? "");
}

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
