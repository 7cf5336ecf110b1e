import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeGeneratedSlides } from "../../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../../src/common/index.js";
import type { AnnotationState, Workspace } from "../../../src/contract/index.js";
import { areaSize, lengthOf } from "../../../src/geometry/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { ViewProcess } from "../../support/view-process.js";
import { dragFinger, findings, openPage, PHONE, quietPages, settled } from "../page-fixture.js";

const directory = temporaryDirectory();

describeWithChromium("measuring and drawing shapes in the page", () => {
  let view: ViewProcess;
  let browser: Browser;
  let slide = "";
  const opened = quietPages();

  beforeAll(async () => {
    const { slides } = await writeGeneratedSlides(directory.path("tissue"), {
      ...{ count: 1, seed: 3, size: 640, micronsPerPixel: 0.5, reporter: silentReporter },
    });
    view = await ViewProcess.start({
      stateDirectory: directory.path("state"),
      inputs: [slides],
    });
    browser = await launchChromium();
    const workspace: Workspace = await (await fetch(`${view.address}api/workspace`)).json();
    slide = workspace.slides[0]?.id ?? "";
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await view?.kill();
  });

  const state = async (): Promise<AnnotationState> =>
    (await fetch(`${view.address}api/slides/${slide}/annotations`)).json();
  const last = async () => (await state()).objects.at(-1) ?? expect.unreachable();
  const open = async (options: Parameters<typeof openPage>[2] = {}) => {
    const watched = await openPage(
      browser,
      `${view.address}#/slides/${slide}?at=320,320&zoom=1&layer=`,
      options,
    );
    watched.page.setDefaultTimeout(30_000);
    opened.push(watched);
    await settled(watched.page);
    return watched.page;
  };
  /** A place of the slide on the screen: the view shows it one to one, its middle in the middle. */
  const place = async (page: Page, x: number, y: number) => {
    const box = (await page.locator(".slide-view").boundingBox()) ?? expect.unreachable();
    return { x: box.x + box.width / 2 + x - 320, y: box.y + box.height / 2 + y - 320 };
  };
  const click = async (page: Page, x: number, y: number) => {
    const at = await place(page, x, y);
    await page.mouse.click(at.x, at.y);
  };
  const tap = async (page: Page, x: number, y: number) => {
    const at = await place(page, x, y);
    await page.touchscreen.tap(at.x, at.y);
  };
  const drag = async (page: Page, ...positions: readonly (readonly [number, number])[]) => {
    const [first, ...others] = await Promise.all(positions.map(([x, y]) => place(page, x, y)));
    await page.mouse.move(first?.x ?? 0, first?.y ?? 0);
    await page.mouse.down();
    for (const { x, y } of others) await page.mouse.move(x, y, { steps: 3 });
  };
  /** Does something and waits until what it changed is saved. */
  const edited = async (action: () => Promise<unknown>) => {
    const { revision } = await state();
    await action();
    await expect.poll(async () => (await state()).revision).toBeGreaterThan(revision);
  };
  const strip = (page: Page) => page.locator(".tool-strip output");
  const spoken = (page: Page) => page.locator("[aria-live=polite]").first();

  it("measures a length and an area as they are drawn, and keeps both", async () => {
    const page = await open();
    await page.keyboard.press("l");
    await drag(page, [100, 100], [400, 500]);
    // 300 by 400 pixels of 0.5 µm.
    await expect.poll(() => strip(page).innerText()).toBe("250 µm");
    await edited(() => page.mouse.up());
    expect(await last()).toMatchObject({ classification: "Measurement*", mark: { type: "LineString" } });
    await expect.poll(() => spoken(page).innerText()).toBe("Measurement* added, 250 µm");
    // A slip of a key makes no tumour of it.
    await page.keyboard.press("1");
    expect(await last()).toMatchObject({ classification: "Measurement*" });
    await page.getByRole("button", { name: "Area", exact: true }).click();
    for (const [x, y] of [
      [200, 100],
      [400, 100],
      [400, 200],
    ] as const) {
      await click(page, x, y);
    }
    const at = await place(page, 200, 200);
    await page.mouse.move(at.x, at.y);
    // 200 by 100 pixels.
    await expect.poll(() => strip(page).innerText()).toBe("5\u202f000 µm², around 300 µm");
    await click(page, 200, 200);
    await edited(() => page.keyboard.press("Enter"));
    const { objects } = await state();
    expect(objects.map(({ area }) => areaSize(area))).toEqual([0, 20_000]);
    await edited(() => page.keyboard.press("Control+z"));
    expect((await state()).objects).toHaveLength(1);
    await edited(() => page.keyboard.press("Control+Shift+z"));
    expect(await findings(page)).toEqual([]);
  }, 120_000);

  it("measures by keyboard, saying it at every step, and ends a way where it is clicked twice", async () => {
    const page = await open();
    await page.locator(".openseadragon-canvas").first().focus();
    for (const key of ["l", "Space", "Shift+ArrowRight"]) await page.keyboard.press(key);
    await expect.poll(() => spoken(page).innerText()).toMatch(/^30 µm/);
    await page.keyboard.press("Space");
    await page.keyboard.press("Shift+ArrowDown");
    await expect.poll(() => spoken(page).innerText()).toMatch(/^60 µm/);
    await page.keyboard.press("Space");
    await edited(() => page.keyboard.press("Space"));
    const { mark } = await last();
    expect(mark?.coordinates).toHaveLength(3);
    expect(lengthOf(mark?.coordinates ?? [], { x: 1, y: 1 })).toBeCloseTo(120, 6);
  }, 120_000);

  it("draws rectangles, circles and polylines of the chosen class", async () => {
    const page = await open();
    await page.keyboard.press("q");
    await drag(page, [100, 400], [180, 460]);
    await edited(() => page.mouse.up());
    expect(areaSize((await last()).area)).toBeCloseTo(4800, 0);
    await page.keyboard.press("Shift+Q");
    await page.keyboard.down("Shift");
    await drag(page, [300, 400], [340, 500]);
    await edited(() => page.mouse.up());
    await page.keyboard.up("Shift");
    expect(areaSize((await last()).area) / (Math.PI * 50 * 50)).toBeCloseTo(1, 1);
    await page.keyboard.press("u");
    await click(page, 500, 100);
    await click(page, 560, 100);
    await click(page, 560, 180);
    await edited(() => page.keyboard.press("Enter"));
    expect(await last()).toMatchObject({ classification: "Tumor", mark: { type: "LineString" } });
    // What has no area can be edited as what has.
    await page.keyboard.press("m");
    await drag(page, [560, 180], [560, 140]);
    await edited(() => page.mouse.up());
    expect((await last()).mark?.coordinates.at(-1)?.[1]).toBeCloseTo(140, 0);
    await page.keyboard.press("Escape");
    await click(page, 530, 100);
    await edited(() => page.keyboard.press("Delete"));
    expect((await state()).undo).toBe("Delete Tumor");
  }, 120_000);

  it("counts points into one set, with fingers, and takes them away again", async () => {
    const page = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Points" }).tap();
    await edited(() => tap(page, 300, 330));
    await edited(() => tap(page, 350, 330));
    await edited(() => tap(page, 350, 380));
    await page.getByText("Tumor: 3 points").waitFor();
    expect((await last()).mark).toMatchObject({ type: "MultiPoint" });
    await page.getByRole("button", { name: "Clicks set points" }).tap();
    await edited(() => tap(page, 350, 330));
    expect((await last()).mark?.coordinates).toHaveLength(2);
    await page.getByRole("button", { name: "New set (Enter)" }).tap();
    await page.getByRole("button", { name: "Clicks take points away" }).tap();
    await edited(() => tap(page, 300, 400));
    expect((await last()).mark?.coordinates).toHaveLength(1);
    expect(await findings(page)).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(PHONE.width);
  }, 120_000);

  it("measures with fingers: a way and an area end where they are tapped twice", async () => {
    const page = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Measure" }).tap();
    await tap(page, 250, 330);
    await tap(page, 350, 330);
    await edited(() => tap(page, 350, 330));
    expect(await last()).toMatchObject({ classification: "Measurement*", mark: { type: "LineString" } });
    await expect.poll(() => spoken(page).innerText()).toBe("Measurement* added, 50 µm");
    await page.getByRole("button", { name: "Area", exact: true }).tap();
    await tap(page, 250, 350);
    await tap(page, 350, 350);
    await tap(page, 350, 400);
    await edited(() => tap(page, 350, 400));
    expect(areaSize((await last()).area)).toBeCloseTo(2500, 0);
    await edited(() => page.getByRole("button", { name: /^Undo/ }).tap());
    expect(await findings(page)).toEqual([]);
  }, 120_000);

  it("draws rectangles, ellipses and lines with fingers, goes to a place and signs", async () => {
    const page = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Rectangle" }).tap();
    await edited(async () => dragFinger(page, await place(page, 260, 300), await place(page, 340, 360)));
    expect(areaSize((await last()).area)).toBeCloseTo(4800, 0);
    await expect.poll(() => spoken(page).innerText()).toMatch(/^Tumor added, 1\s?200 µm²$/);
    await page.getByRole("button", { name: "Ellipse" }).tap();
    await edited(async () => dragFinger(page, await place(page, 250, 380), await place(page, 350, 430)));
    expect(areaSize((await last()).area) / (Math.PI * 50 * 25)).toBeCloseTo(1, 1);
    await page.getByRole("button", { name: "Polyline" }).tap();
    await tap(page, 300, 300);
    await tap(page, 380, 300);
    await edited(() => tap(page, 380, 300));
    expect((await last()).mark?.coordinates).toHaveLength(2);
    await page.getByRole("button", { name: "Go to coordinates" }).tap();
    const dialog = page.getByRole("dialog", { name: "Go to coordinates" });
    await dialog.getByLabel("X, from the left").fill("9999");
    await dialog.getByRole("button", { name: "Go" }).tap();
    // What is said while a modal dialog is open is said in it: all else is not read then.
    await expect
      .poll(() => dialog.locator("[aria-live=polite]").innerText())
      .toMatch(/^Give a number from 0/);
    const texts = await page.locator("[aria-live=polite]").allInnerTexts();
    expect(texts.filter((text) => text.startsWith("Give a number"))).toHaveLength(1);
    await dialog.getByLabel("X, from the left").fill("300");
    await dialog.getByLabel("Y, from the top").fill("310");
    await dialog.getByRole("button", { name: "Go" }).tap();
    await expect.poll(() => page.url()).toContain("at=300,310");
    await page.getByRole("button", { name: "Panel", exact: true }).tap();
    await page.getByRole("tab", { name: "Annotations" }).tap();
    await page.getByLabel("Your name, kept with each of your changes").fill("Dr. Touch");
    await page.getByRole("button", { name: "Panel", exact: true }).tap();
    await page.getByRole("button", { name: "Rectangle" }).tap();
    await edited(async () => dragFinger(page, await place(page, 300, 330), await place(page, 330, 350)));
    expect((await last()).author).toBe("Dr. Touch");
    expect(await findings(page)).toEqual([]);
  }, 120_000);

  it("draws all shapes by keyboard alone, and says what it draws", async () => {
    const page = await open();
    await page.locator(".openseadragon-canvas").first().focus();
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    const said = (text: RegExp) => expect.poll(() => spoken(page).innerText()).toMatch(text);
    await press("q", "Space");
    await said(/^First corner$/);
    await press("Shift+ArrowRight", "Shift+ArrowDown");
    await edited(() => press("Space"));
    await said(/^Tumor added, 900 µm²$/);
    expect(areaSize((await last()).area)).toBeCloseTo(60 * 60, 0);
    await press("Shift+Q", "Space", "Shift+ArrowLeft", "Shift+ArrowUp");
    await edited(() => press("Space"));
    expect(areaSize((await last()).area) / (Math.PI * 30 * 30)).toBeCloseTo(1, 1);
    await press("u", "Space", "Shift+ArrowRight", "Space");
    await edited(() => press("Enter"));
    await said(/^Tumor added, 30 µm$/);
    await press("p");
    await edited(() => press("Space"));
    await said(/^Tumor added, 1 point$/);
    await press("Shift+ArrowDown");
    await edited(() => press("Space"));
    await said(/^2 points$/);
    await press("x");
    await edited(() => press("Space"));
    await said(/^1 point$/);
  }, 120_000);

  it("says in pixels what a slide without a resolution cannot say in µm", async () => {
    const page = await browser.newPage({ reducedMotion: "reduce" });
    await page.route(`**/api/slides/${slide}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ json: { ...(await answer.json()), micronsPerPixel: null } });
    });
    await page.goto(`${view.address}#/slides/${slide}?at=320,320&zoom=1&layer=`);
    await settled(page);
    await page.keyboard.press("l");
    await drag(page, [200, 250], [200, 450]);
    await expect.poll(() => strip(page).innerText()).toBe("200 px");
    await page.getByText("This slide tells no resolution: figures are in pixels.").waitFor();
    await page.keyboard.press("Escape");
    await page.close();
  }, 120_000);

  it("goes to coordinates, in pixels or µm, says what is wrong with them, and fades layers", async () => {
    const page = await open();
    await page.keyboard.press("Shift+G");
    const dialog = page.getByRole("dialog", { name: "Go to coordinates" });
    await dialog.getByLabel("X, from the left").fill("700");
    await dialog.getByLabel("Y, from the top").fill("100");
    await dialog.getByRole("button", { name: "Go" }).click();
    await dialog.locator(".field-error", { hasText: "Give a number from 0 to 640 px." }).waitFor();
    await dialog.getByLabel("X, from the left").fill("200");
    await dialog.getByLabel("In").selectOption("µm");
    expect(await dialog.getByLabel("Y, from the top").inputValue()).toBe("50");
    await dialog.getByLabel("Y, from the top").fill("75,5");
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Enter");
    await expect.poll(() => page.url()).toContain("at=200,151&zoom=1");
    await expect.poll(() => spoken(page).innerText()).toBe("100, 75,5 µm is in the middle");
    await page.getByRole("button", { name: "Go to coordinates" }).click();
    await dialog.waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("checkbox", { name: /^Tissue/ }).check();
    await page.keyboard.press("k");
    await page.keyboard.press("k");
    await page.keyboard.press("Shift+K");
    await page.getByLabel("Opacity of Tissue").waitFor();
    expect(await page.getByLabel("Opacity of Tissue").inputValue()).toBe("0.7");
    await expect.poll(() => spoken(page).innerText()).toBe("Opacity 70 %");
  }, 120_000);

  it("keeps the name of whoever draws, once per browser, with each change", async () => {
    const page = await open();
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.getByLabel("Your name, kept with each of your changes").fill("Dr. Anna Example");
    await page.reload();
    await settled(page);
    await page.keyboard.press("q");
    await drag(page, [450, 450], [480, 480]);
    await edited(() => page.mouse.up());
    expect((await last()).author).toBe("Dr. Anna Example");
  }, 120_000);
});
