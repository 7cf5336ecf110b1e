import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { AnnotationChange, AnnotationState } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import {
  FOCUS,
  findings,
  mainThreadTime,
  meanDifference,
  openPage,
  PHONE,
  quietPages,
  screenPixels,
  settled,
  writeWorkspace,
} from "../page-fixture.js";

const directory = temporaryDirectory();
/** Annotations on the slide: squares of 2 to 11 pixels a side, in rows of 100. */
const MANY = 5000;

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

function squares(): AnnotationChange[] {
  return Array.from({ length: MANY }, (_, number) => {
    const [x, y, side] = [6 * (number % 100), 6 * Math.floor(number / 100), 2 + (number % 10)];
    const ring = [
      [x, y],
      [x + side, y],
      [x + side, y + side],
      [x, y + side],
      [x, y],
    ] as const;
    return {
      type: "add",
      object: {
        ...{ id: `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`, name: `Square ${number}` },
        ...{ classification: "Tumor", review: "unreviewed", origin: "imported" },
        area: { type: "MultiPolygon", coordinates: [[ring]] },
      },
    };
  });
}

/** In the page: counts strokes, and has what waits for the slide to rest wait for an event. */
function holdRests(): void {
  const { dataset } = document.body;
  dataset.strokes = "0";
  const { stroke } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.stroke = function count(this: CanvasRenderingContext2D, path?: Path2D) {
    dataset.strokes = String(Number(dataset.strokes) + 1);
    Reflect.apply(stroke, this, path === undefined ? [] : [path]);
  };
  const later = globalThis.setTimeout;
  const hold = (run: () => void, wait?: number) => {
    if (wait !== 150) return later(run, wait);
    addEventListener("rest", run, { once: true });
    return 0;
  };
  Object.assign(globalThis, { setTimeout: hold });
}

describeWithChromium("the object table", () => {
  let server: PageServer;
  let browser: Browser;
  let slide = "";
  const opened = quietPages();

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    server = await servePage({ ...workspace, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    const [, second] = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs");
    slide = second?.id ?? "";
    const body = JSON.stringify({ revision: 0, title: "Draw", changes: squares() });
    const headers = { "content-type": "application/json" };
    const answer = await server.request(address(), { method: "POST", headers, body });
    expect(answer.status).toBe(200);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const address = () => `/api/slides/${slide}/annotations`;
  const state = async () => (await (await server.request(address())).json()) as AnnotationState;
  const open = async (options: Parameters<typeof openPage>[2] = {}) => {
    const watched = await openPage(browser, `${server.address}#/slides/${slide}`, options);
    opened.push(watched);
    const { page } = watched;
    page.setDefaultTimeout(30_000);
    await settled(page);
    return page;
  };
  const rows = (page: Page) => page.locator(".object-line");
  const titles = async (page: Page) =>
    (await page.locator(".object-line .cell-text").allInnerTexts()).slice(0, 3);
  const count = (page: Page) => page.locator(".object-count");
  const openTable = async (page: Page) => {
    await page.keyboard.press("o");
    await expect.poll(() => count(page).innerText()).toBe("5,001 objects");
  };

  it("shows thousands of rows without drawing them, ordered, filtered and searched", async () => {
    const page = await open();
    await openTable(page);
    const grid = page.getByRole("grid", { name: "Objects" });
    expect(await grid.getAttribute("aria-rowcount")).toBe(String(MANY + 2));
    expect(await rows(page).count()).toBeLessThan(60);
    // The largest first: what the run found, which nobody has brought in.
    expect(await titles(page)).toEqual(["Focus 1", "Square 9", "Square 19"]);
    expect(await rows(page).first().innerText()).toMatch(
      /Tumor\s+9\s?216 µm²\s+135 µm\s+0\.90\s+not brought in/,
    );
    expect(await findings(page)).toEqual([]);
    const steps = 60;
    const time = await mainThreadTime(page, () =>
      page.evaluate(async (count) => {
        const scroller = document.querySelector(".object-scroller") ?? document.body;
        for (let step = 0; step < count; step++) {
          scroller.scrollTop += 1500;
          await new Promise(requestAnimationFrame);
        }
      }, steps),
    );
    // Each step changes all rows that are seen: 31 ms on two cores that others were using. All 5,000 would take seconds.
    expect(time / steps).toBeLessThan(80);
    expect(await titles(page)).not.toContain("Focus 1");
    await grid.getByRole("button", { name: "Object" }).click();
    await expect.poll(() => grid.locator("th[aria-sort=ascending]").innerText()).toContain("Object");
    await page.getByLabel("Search objects").fill("square 4999");
    await expect.poll(() => count(page).innerText()).toBe("1 of 5,001 objects");
    await page.getByLabel("Search objects").fill("");
    await page.getByLabel("Review state").selectOption("found");
    await expect.poll(() => count(page).innerText()).toBe("1 of 5,001 objects");
    await page.getByRole("button", { name: "All", exact: true }).click();
    await expect.poll(() => count(page).innerText()).toBe("5,001 objects");
  });

  it("the outlines of all move with the slide unpainted, and are painted anew where it rests", async () => {
    const page = await open();
    const box = await page.locator(".slide-view").boundingBox();
    const { x, y, width, height } = box ?? { x: 0, y: 0, width: 0, height: 0 };
    const clip = { x: x + width / 2 - 150, y: y + height / 2 - 150, width: 300, height: 300 };
    const before = await screenPixels(page, clip);
    await page.evaluate(holdRests);
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    for (let step = 1; step <= 10; step++) {
      await page.mouse.move(x + width / 2 + 7 * step, y + height / 2 + 3 * step);
    }
    await page.mouse.up();
    await settled(page);
    const moved = await screenPixels(page, clip);
    expect(await page.evaluate(() => Number(document.body.dataset.strokes))).toBe(0);
    expect(await page.locator(".overlay-picture").last().getAttribute("style")).toMatch(/transform: matrix/);
    await page.evaluate(() => dispatchEvent(new Event("rest")));
    await expect
      .poll(() => page.evaluate(() => Number(document.body.dataset.strokes)))
      .toBeGreaterThanOrEqual(MANY);
    expect(await page.locator(".overlay-picture").last().getAttribute("style")).not.toMatch(/transform: m/);
    const painted = await screenPixels(page, clip);
    // It was moved by whole pixels of the screen: by less than one it may differ.
    expect(meanDifference(moved, painted)).toBeLessThan(meanDifference(before, painted) / 2);
  });

  it("selects on the slide and back, with pointer and keys", async () => {
    const page = await open();
    await openTable(page);
    await rows(page).nth(1).click();
    await expect.poll(() => page.url()).toMatch(/zoom=/);
    expect(await rows(page).nth(1).getAttribute("aria-selected")).toBe("true");
    await page.keyboard.press("Shift+ArrowDown");
    await page.keyboard.press("Shift+ArrowDown");
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("3 selected:");
    await rows(page)
      .first()
      .click({ modifiers: ["Control"] });
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("4 selected:");
    // On the slide: at first nothing, then a square, then what the run has found beside all squares.
    await page.evaluate(
      (hash) => {
        location.hash = hash;
      },
      `#/slides/${slide}?at=${FOCUS.left + 96},${FOCUS.top + 96}&zoom=1`,
    );
    await settled(page);
    const box = await page.locator(".slide-view").boundingBox();
    const middle = { x: (box?.x ?? 0) + (box?.width ?? 0) / 2, y: (box?.y ?? 0) + (box?.height ?? 0) / 2 };
    const at = (x: number, y: number) =>
      [middle.x + x - (FOCUS.left + 96), middle.y + y - (FOCUS.top + 96)] as const;
    await page.mouse.click(...at(500, 500));
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("All 5,001 objects shown:");
    await page.mouse.click(...at(FOCUS.left + 96, FOCUS.top + 96));
    await expect.poll(() => page.locator(".object-line.current").innerText()).toContain("Focus 1");
    expect(await page.locator(".object-line[aria-selected=true]").count()).toBe(1);
  });

  it("judges all that the filter shows in one save, which one undo takes back", async () => {
    const page = await open();
    await openTable(page);
    const { revision } = await state();
    const saves: number[] = [];
    page.on("request", (request) => {
      if (request.method() === "POST") saves.push(request.postDataBuffer()?.length ?? 0);
    });
    // 11 × 11 pixels of half a micron are 30.25 µm².
    await page.getByLabel("Least area in µm²").fill("30");
    await expect.poll(() => count(page).innerText()).toBe("501 of 5,001 objects");
    await page.getByRole("button", { name: "Accept", exact: true }).last().click();
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await expect.poll(async () => (await state()).revision).toBe(revision + 1);
    expect(saves.length).toBe(1);
    const accepted = (await state()).objects.filter(({ review }) => review === "accepted");
    expect(accepted.length).toBe(501);
    // What the run had found is an annotation now.
    expect(accepted.some(({ name }) => name === "Focus 1")).toBe(true);
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page.getByRole("grid").focus();
    await page.keyboard.press("Control+a");
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("5,001 selected:");
    await page.keyboard.press("x");
    await expect.poll(async () => (await state()).revision).toBe(revision + 2);
    // Their outlines stay at home.
    expect(saves.at(-1)).toBeLessThan(100 * MANY);
    expect((await state()).objects.every(({ review }) => review === "rejected")).toBe(true);
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await state()).revision).toBe(revision + 3);
    expect((await state()).objects.filter(({ review }) => review === "accepted").length).toBe(501);
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await state()).objects.length).toBe(MANY);
    expect((await state()).objects.every(({ review }) => review === "unreviewed")).toBe(true);
  });

  it("saves what is shown as CSV without formulas", async () => {
    const page = await open();
    await openTable(page);
    await page.getByLabel("Largest area in µm²").fill("1");
    await expect.poll(() => count(page).innerText()).toBe("500 of 5,001 objects");
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save as CSV" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^.+-objects\.csv$/);
    const lines = (await readFile(await file.path(), "utf8")).split("\n");
    expect(lines[0]).toMatch(/^\ufeffid,name,class,area_um2,diameter_um/);
    expect(lines.length).toBe(502);
  });

  it("is a sheet on a phone, where boxes select several", async () => {
    const page = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Object table" }).tap();
    await expect.poll(() => count(page).innerText()).toBe("5,001 objects");
    expect(await rows(page).count()).toBeLessThan(60);
    // Within reach, although the bar is wider than the phone.
    const cross = await page.getByRole("button", { name: "Close the object table" }).boundingBox();
    expect((cross?.x ?? PHONE.width) + (cross?.width ?? 0)).toBeLessThanOrEqual(PHONE.width);
    for (const index of [0, 1]) await rows(page).nth(index).getByRole("checkbox").tap();
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("2 selected:");
    expect(await rows(page).nth(1).getByRole("checkbox").isChecked()).toBe(true);
    await rows(page).nth(1).getByRole("checkbox").tap();
    await expect.poll(() => page.locator(".batch-scope").innerText()).toBe("1 selected:");
    expect(await rows(page).nth(1).getByRole("checkbox").isChecked()).toBe(false);
    expect(await findings(page)).toEqual([]);
    // A batch by finger: ordered, filtered, judged, and taken back by one tap.
    await page.getByRole("button", { name: "Select none" }).tap();
    await page.getByRole("grid").getByRole("button", { name: "Object" }).tap();
    const spoken = () => page.locator("[aria-live=polite]").first().innerText();
    await expect.poll(spoken).toMatch(/^Ordered by .*, ascending/);
    await page.getByLabel("Least area in µm²").fill("30");
    await expect.poll(() => count(page).innerText()).toBe("501 of 5,001 objects");
    const { revision } = await state();
    const judged = async () => (await state()).objects.filter(({ review }) => review === "rejected").length;
    await page.locator(".batch-bar").getByRole("button", { name: "Reject" }).tap();
    await expect.poll(judged).toBe(501);
    await expect.poll(spoken).toBe("Reject 501 objects: done as one step, which Undo takes back");
    await page.getByRole("button", { name: /^Undo/ }).tap();
    await expect.poll(judged).toBe(0);
    expect((await state()).revision).toBe(revision + 2);
    await page.getByRole("button", { name: "Close the object table" }).tap();
    await page.locator(".object-dock").waitFor({ state: "detached" });
  });
});
