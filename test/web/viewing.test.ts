import { readFile } from "node:fs/promises";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { AnnotationState } from "../../src/contract/index.js";
import { plainLook } from "../../src/web/looking/look.js";
import { pixelChange } from "../../src/web/looking/look-pixels.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
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
} from "./page-fixture.js";

const directory = temporaryDirectory();
const MIDDLE = { x: FOCUS.left + FOCUS.side / 2, y: FOCUS.top + FOCUS.side / 2 };

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

describeWithChromium("looking at a slide", () => {
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
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  /** Opens the slide one to one, with what the results call a focus in the middle and no layer. */
  const open = async (options: Parameters<typeof openPage>[2] = {}) => {
    const hash = `#/slides/${slide}?at=${MIDDLE.x},${MIDDLE.y}&zoom=1&layer=`;
    const watched = await openPage(browser, `${server.address}${hash}`, options);
    opened.push(watched);
    const { page } = watched;
    page.setDefaultTimeout(30_000);
    await settled(page);
    return page;
  };
  /** Pixels around the middle of the slide's view. */
  const middle = async (page: Page, side = 60) => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    const [x, y] = [
      Math.floor(box.x + box.width / 2 - side / 2),
      Math.floor(box.y + box.height / 2 - side / 2),
    ];
    return screenPixels(page, { x, y, width: side, height: side });
  };
  const changed = async (page: Page, before: Uint8Array) => {
    await expect.poll(async () => meanDifference(await middle(page), before)).toBeGreaterThan(2);
    return middle(page);
  };
  const asLooked = (pixels: Uint8Array, look: Partial<typeof plainLook>) => {
    const rgba = new Uint8ClampedArray((pixels.length / 3) * 4);
    for (let at = 0; at < pixels.length / 3; at++) rgba.set(pixels.subarray(3 * at, 3 * at + 3), 4 * at);
    pixelChange({ ...plainLook, ...look })(rgba);
    return Uint8Array.from(
      { length: pixels.length },
      (_, at) => rgba[4 * Math.floor(at / 3) + (at % 3)] ?? 0,
    );
  };

  it("a threshold shows area, foci and agreement as it moves, and keeps outlines", async () => {
    const page = await open();
    const asked: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/thresholds")) asked.push(request.url());
    });
    const before = await middle(page);
    await page.getByRole("button", { name: "Threshold …" }).first().click();
    const panel = page.getByRole("region", { name: "Threshold of Tumour probability" });
    await expect.poll(() => panel.locator("dl").innerText()).toMatch(/Area\s+9\s?216 µm²\s+Foci\s+1/);
    expect(await panel.locator("dl").innerText()).toMatch(
      /\.xml\s+Dice 0\.\d{3}, precision 0\.\d{3}, recall 0\.\d{3}/,
    );
    expect(await panel.innerText()).toContain("counted at the map's own resolution, 1:1 (0.5 µm a pixel)");
    // The focus is tinted.
    const tinted = await changed(page, before);
    const slider = panel.getByRole("slider", { name: "Least probability of tumour" });
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/^0\.50; Area 9\s?216 µm²; Foci 1; Against/);
    expect(await findings(page)).toEqual([]);
    await slider.focus();
    await page.keyboard.press("End");
    await expect.poll(() => panel.locator("dl").innerText()).toMatch(/Area\s+0 µm²\s+Foci\s+0/);
    await expect.poll(async () => meanDifference(await middle(page), before)).toBe(0);
    await slider.fill("128");
    await expect.poll(async () => meanDifference(await middle(page), tinted)).toBe(0);
    expect(asked.length).toBe(1);
    await panel.getByRole("button", { name: "Make outlines at 0.50" }).click();
    await page.locator(".save-mark[data-state=saved]").waitFor();
    const state = async () => {
      const answer = await server.request(`/api/slides/${slide}/annotations`);
      return (await answer.json()) as AnnotationState;
    };
    await expect.poll(async () => (await state()).objects.length).toBe(1);
    expect((await state()).objects[0]).toMatchObject({ name: "Focus 1 at 0.50", review: "unreviewed" });
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await state()).objects.length).toBe(0);
  });

  it("brightness and stains change what is seen of the slide, not its layers, and let it move freely", async () => {
    const page = await open();
    const before = await middle(page);
    await page.getByText("Brightness, contrast, stains").click();
    await page.getByRole("slider", { name: "Brightness" }).fill("0.2");
    expect(meanDifference(await changed(page, before), asLooked(before, { brightness: 0.2 }))).toBeLessThan(
      0.5,
    );
    expect(await page.locator(".readouts").innerText()).toContain("Shown with brightness +20 %");
    expect(await findings(page)).toEqual([]);
    await page.getByRole("button", { name: "As it is" }).click();
    await expect.poll(async () => meanDifference(await middle(page), before)).toBe(0);
    await page.getByRole("combobox", { name: "Stains" }).selectOption("haematoxylin");
    expect(
      meanDifference(await changed(page, before), asLooked(before, { stain: "haematoxylin" })),
    ).toBeLessThan(0.5);
    // A layer over all of it keeps its colours.
    await page.getByRole("checkbox", { name: /Tumour probability/ }).check();
    await page.getByRole("slider", { name: "Opacity of Tumour probability" }).fill("1");
    await settled(page);
    const covered = await middle(page);
    await page.getByRole("combobox", { name: "Stains" }).selectOption("eosin");
    await settled(page);
    expect(meanDifference(await middle(page), covered)).toBe(0);
    const steps = 30;
    const time = await mainThreadTime(page, () =>
      page.evaluate(async (count) => {
        const view = document.querySelector(".slide-view .openseadragon-canvas") ?? document.body;
        for (let step = 0; step < count; step++) {
          const key = step % 2 === 0 ? "ArrowLeft" : "ArrowRight";
          view.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          await new Promise(requestAnimationFrame);
        }
      }, steps),
    );
    // Tiles are changed once, not for each movement: a frame of the screen is enough.
    expect(time / steps).toBeLessThan(16);
  });

  it.each([
    ["as on the screen", "1", 1],
    ["twice as fine", "2", 2],
  ])("a figure %s is the view with its scale bar, and says what it shows", async (_, size, ratio) => {
    const page = await open();
    await page.getByRole("checkbox", { name: /Tumour mask/ }).check();
    await settled(page);
    const clip = await page.locator(".slide-view").evaluate((view) => {
      const { left, top } = view.getBoundingClientRect();
      return { x: Math.round(left), y: Math.round(top), width: view.clientWidth, height: view.clientHeight };
    });
    // Without the scale bar, and without the page's ground beside the slide, which is not white as the figure's is.
    const inner = { x: clip.x, y: clip.y, width: clip.width, height: clip.height / 2 + 150 };
    const screen = await screenPixels(page, inner);
    await page.keyboard.press("Shift+F");
    const dialog = page.getByRole("dialog", { name: "Figure" });
    await dialog.getByLabel("Size").selectOption(size);
    expect(await findings(page)).toEqual([]);
    const download = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Save the figure" }).click();
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/-figure\.png$/);
    const png = await readFile(await file.path());
    const { width, height } = await sharp(png).metadata();
    expect([width, height]).toEqual([clip.width * ratio, clip.height * ratio]);
    const pixels = await sharp(png)
      .removeAlpha()
      .resize(clip.width, clip.height, { kernel: "nearest" })
      .extract({ left: 0, top: 0, width: inner.width, height: inner.height })
      .raw()
      .toBuffer();
    const [left, right] = [clip.width / 2 - 200, clip.width / 2 + 200];
    const differences: number[] = [];
    for (let y = 0; y < inner.height; y++) {
      for (let at = 3 * (y * clip.width + left); at < 3 * (y * clip.width + right); at++) {
        differences.push(Math.abs((pixels[at] ?? 0) - (screen[at] ?? 0)));
      }
    }
    const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length;
    expect(mean).toBeLessThan(ratio === 1 ? 1 : 4);
    const text = png.toString("utf8");
    expect(text).toContain(`µm per pixel; centre ${MIDDLE.x}, ${MIDDLE.y} px; layers: Tumour mask (`);
    expect(text).toContain(`${0.5 / ratio} µm per pixel`);
    // The bar: black, at the lower left, as long as it says.
    const row = await sharp(png)
      .extract({ left: 0, top: (clip.height - 26) * ratio, width: clip.width * ratio, height: 1 })
      .removeAlpha()
      .raw()
      .toBuffer();
    let dark = 0;
    for (let at = 0; at < row.length; at += 3) if (Math.max(row[at] ?? 0, row[at + 1] ?? 0) < 8) dark += 1;
    expect(dark / ratio).toBe(200);
  });

  it("everything is done by keyboard alone", async () => {
    const page = await open();
    const enter = async (name: string | RegExp) => {
      await page.getByRole("button", { name }).first().focus();
      await page.keyboard.press("Enter");
    };
    await enter("Threshold …");
    const panel = page.getByRole("region", { name: "Threshold of Tumour probability" });
    await expect.poll(() => panel.locator("dl").innerText()).toMatch(/Foci\s+1/);
    await panel.getByRole("slider", { name: "Least probability of tumour" }).focus();
    await page.keyboard.press("ArrowRight");
    await enter(/^Make outlines at 0\.5/);
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await expect.poll(() => page.locator("[aria-live=polite]").first().innerText()).toMatch(/^At 0\.5\d: /);
    await page.keyboard.press("Control+z");
    await page.locator("summary", { hasText: "Brightness, contrast, stains" }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("slider", { name: "Gamma" }).focus();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => page.locator(".readouts").innerText()).toContain("gamma 0.");
    await enter("As it is");
    await enter("Save a figure …");
    const download = page.waitForEvent("download");
    await page
      .getByRole("dialog", { name: "Figure" })
      .getByRole("button", { name: "Save the figure" })
      .focus();
    await page.keyboard.press("Enter");
    expect((await download).suggestedFilename()).toMatch(/-figure\.png$/);
  });

  it("everything is reached with a finger", async () => {
    const page = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Panel" }).tap();
    await page.getByRole("button", { name: "Threshold …" }).first().tap();
    await expect.poll(() => page.locator(".threshold-figures").innerText()).toMatch(/Foci\s+1/);
    await page.getByText("Brightness, contrast, stains").tap();
    await page.getByRole("slider", { name: "Gamma" }).fill("0.5");
    await expect.poll(() => page.locator(".readouts").innerText()).toContain("gamma 0.5");
    await page.getByRole("button", { name: "Save a figure …" }).tap();
    const dialog = page.getByRole("dialog", { name: "Figure" });
    await dialog.waitFor();
    expect(await findings(page)).toEqual([]);
    const download = page.waitForEvent("download");
    await dialog.getByRole("button", { name: "Save the figure" }).tap();
    expect((await download).suggestedFilename()).toMatch(/-figure\.png$/);
    await expect
      .poll(() => page.locator("[aria-live=polite]").first().innerText())
      .toBe("The figure is saved.");
  });
});
