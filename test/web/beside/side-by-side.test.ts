import type { Browser, Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { LayerEntry } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import {
  DESKTOP,
  findings,
  meanDifference,
  openPage,
  PHONE,
  quietPages,
  screenPixels,
  settled,
  writeWorkspace,
} from "../page-fixture.js";

type XY = readonly [x: number, y: number];

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

describeWithChromium("side by side", () => {
  let server: PageServer;
  let browser: Browser;
  let slides: readonly string[] = [];
  const opened = quietPages();

  beforeAll(async () => {
    server = await servePage({
      ...(await writeWorkspace(directory.path("workspace"))),
      stateDirectory: directory.path("state"),
    });
    browser = await launchChromium();
    slides = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs").map(({ id }) => id);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const openSlide = async (query: string, viewport = DESKTOP, slide = slides[1]): Promise<Page> => {
    const watched = await openPage(browser, `${server.address}#/slides/${slide}?${query}`, { viewport });
    opened.push(watched);
    watched.page.setDefaultTimeout(30_000);
    await settled(watched.page);
    return watched.page;
  };
  /** What the link keeps of the page. */
  const linked = (page: Page) => new URLSearchParams(new URL(page.url()).hash.split("?")[1]);
  const boxOf = async (page: Page, selector: string) => {
    const box = await page.locator(selector).boundingBox();
    if (box === null) throw new Error(`${selector} is not on the screen`);
    return box;
  };
  /** A square of the screen about a point of a viewer, as pixels. */
  const seen = async (page: Page, selector: string, [x, y] = [0.5, 0.5]) => {
    const { x: left, y: top, width, height } = await boxOf(page, selector);
    return screenPixels(page, {
      x: Math.round(left + width * x) - 30,
      y: Math.round(top + height * y) - 30,
      width: 60,
      height: 60,
    });
  };
  /** Does something where layers are chosen for the other side. */
  const amongLayers = async (page: Page, choose: (choice: Locator) => Promise<void>) => {
    const choice = page.locator(".beside-layers");
    await choice.locator("summary").press("Enter");
    await choose(choice);
    await page.keyboard.press("Escape");
    await expect.poll(() => choice.getAttribute("open")).toBe(null);
  };
  const chooseBeside = (page: Page, layer: string, isShown: boolean) =>
    amongLayers(page, (choice) =>
      choice.getByRole("checkbox", { name: new RegExp(`^${layer}`) }).setChecked(isShown),
    );
  /** Means of squares of 6 pixels: on a phone the two may lie half a pixel apart. */
  const blurred = (pixels: Uint8Array) =>
    Uint8Array.from({ length: 300 }, (_, at) => {
      const [channel, column, row] = [at % 3, Math.floor(at / 3) % 10, Math.floor(at / 30)];
      const of = Array.from({ length: 36 }, (_, pixel) => {
        const [x, y] = [6 * column + (pixel % 6), 6 * row + Math.floor(pixel / 6)];
        return pixels[3 * (60 * y + x) + channel] ?? 0;
      });
      return of.reduce((sum, value) => sum + value, 0) / of.length;
    });
  const secondSettled = (page: Page) => page.locator(".beside-view[aria-busy=false]").waitFor();
  const follows = (page: Page) =>
    expect.poll(
      async () => meanDifference(await seen(page, ".slide-view"), await seen(page, ".beside-picture")),
      {
        timeout: 20_000,
      },
    );

  const near = (page: Page) =>
    expect.poll(
      async () => {
        const [one, other] = [await seen(page, ".slide-view"), await seen(page, ".beside-picture")];
        return meanDifference(blurred(one), blurred(other));
      },
      { timeout: 20_000 },
    );

  it("shows one slide twice, moved together by mouse and keys, and let go to be aligned", async () => {
    const page = await openSlide("at=320,320&zoom=1&layer=");
    await page.locator(".openseadragon-canvas").first().focus();
    await page.keyboard.press("c");
    const second = page.getByRole("region", { name: /^Beside: / });
    await second.locator("canvas").first().waitFor();
    await secondSettled(page);
    // Each side shows what is chosen for it: here the same layers in the same way.
    await chooseBeside(page, "Tumour mask", false);
    await follows(page).toBeLessThan(1);
    for (const layer of [/^Tumour mask/, /^Ground truth/]) {
      await page.locator(".layers-panel").getByRole("checkbox", { name: layer }).check();
    }
    await follows(page).toBeGreaterThan(2);
    await chooseBeside(page, "Tumour mask", true);
    await chooseBeside(page, "Ground truth", true);
    await follows(page).toBeLessThan(1);
    expect(linked(page).getAll("with-layer").sort()).toEqual(linked(page).getAll("layer").sort());
    const opacity = page.getByRole("slider", { name: "Opacity of Ground truth beside" });
    await amongLayers(page, () => opacity.fill("0"));
    await follows(page).toBeGreaterThan(2);
    await amongLayers(page, async () => {
      await opacity.fill("0.8");
      expect(await findings(page)).toEqual([]);
    });
    await follows(page).toBeLessThan(1);
    // The first moves the second …
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("+");
    await follows(page).toBeLessThan(1);
    const before = linked(page).get("at");
    // … and the second the first: dragged with the mouse, and with the keys.
    const { x, y, width, height } = await boxOf(page, ".beside-picture");
    await page.mouse.move(x + width / 2, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + 60, y + height / 2 + 40, { steps: 6 });
    await page.mouse.up();
    await expect.poll(() => linked(page).get("at")).not.toBe(before);
    await follows(page).toBeLessThan(1);
    await page.keyboard.press("-");
    await follows(page).toBeLessThan(1);
    const together = page.getByRole("button", { name: "Move together" });
    await together.click();
    await page.locator(".beside-picture .openseadragon-canvas").focus();
    await page.keyboard.press("ArrowDown");
    await expect.poll(() => linked(page).has("with-at")).toBe(true);
    await follows(page).toBeGreaterThan(2);
    await together.click();
    await expect.poll(() => linked(page).has("align")).toBe(true);
    await page.getByRole("button", { name: "Align by microns" }).press("Enter");
    await follows(page).toBeLessThan(1);
    expect(linked(page).has("align")).toBe(false);
    expect(await findings(page)).toEqual([]);
  });

  it("draws a curtain between two layers, which keys and pointer move and the link keeps", async () => {
    const { layers } = (await (await fetch(`${server.address}api/slides/${slides[1]}`)).json()) as {
      layers: LayerEntry[];
    };
    const idOf = (kind: LayerEntry["kind"]) => layers.find((layer) => layer.kind === kind)?.id ?? "";
    const [mask, map] = [idOf("tumour-mask"), idOf("probability")];
    const query = `at=192,448&zoom=2&layer=${mask}:1:tint&with=${slides[1]}&with-layer=${map}:1:viridis`;
    const page = await openSlide(query);
    await page.getByRole("button", { name: "Curtain" }).click();
    const curtain = page.getByRole("slider", { name: "Curtain" });
    await curtain.press("Home");
    expect(await curtain.getAttribute("aria-valuenow")).toBe("0");
    await secondSettled(page);
    const right = () => seen(page, ".slide-view", [0.3, 0.4]);
    await settled(page);
    await expect.poll(async () => meanDifference(await right(), await right())).toBe(0);
    const under = await right();
    await curtain.press("End");
    const over = await right();
    expect(meanDifference(under, over)).toBeGreaterThan(20);
    const stage = await boxOf(page, ".stage");
    const handle = await boxOf(page, ".curtain");
    await page.mouse.move(handle.x + handle.width / 2 - 1, handle.y + handle.height / 2);
    await page.mouse.down();
    await page.mouse.move(stage.x + stage.width * 0.2, stage.y + 200, { steps: 12 });
    await page.mouse.up();
    expect(Number(await curtain.getAttribute("aria-valuenow"))).toBeGreaterThanOrEqual(19);
    expect(meanDifference(await right(), under)).toBeLessThan(1);
    await curtain.press("ArrowRight");
    expect(await curtain.getAttribute("aria-valuetext")).toMatch(/^2\d %: .* on the left, .* on the right$/);
    await expect.poll(() => Number(linked(page).get("curtain"))).toBeGreaterThan(0.19);
    // The slide is still the one that is moved.
    await page.mouse.move(stage.x + stage.width * 0.7, stage.y + 300);
    await page.mouse.wheel(0, -200);
    await expect.poll(() => Number(linked(page).get("zoom"))).toBeGreaterThan(2.05);
    await page.reload();
    await curtain.waitFor();
    expect(linked(page).get("with-layer")).toBe(`${map}:1:viridis`);
    expect(await findings(page)).toEqual([]);
  });

  it("shows another slide beside", async () => {
    const page = await openSlide("at=320,320&zoom=1&layer=");
    await page.getByRole("button", { name: "Compare side by side" }).click();
    await secondSettled(page);
    await page.getByRole("combobox", { name: "Slide beside" }).selectOption(slides[0] ?? "");
    await expect.poll(() => linked(page).get("with")).toBe(slides[0]);
    await secondSettled(page);
    await follows(page).toBeGreaterThan(2);
    await page.getByRole("button", { name: "Close what is beside" }).click();
    await expect.poll(() => page.locator(".beside-view").count()).toBe(0);
    expect(linked(page).has("with")).toBe(false);
  });

  it("follows fingers on either side, and the curtain does", async () => {
    const page = await openSlide(`at=320,320&zoom=1&layer=&with=${slides[1]}`, PHONE);
    await secondSettled(page);
    await near(page).toBeLessThan(3);
    const session = await page.context().newCDPSession(page);
    /** Moves fingers from places of a viewer to others, in pixels from its middle. */
    const slideFingers = async (selector: string, ways: readonly (readonly [from: XY, to: XY])[]) => {
      const { x, y, width, height } = await boxOf(page, selector);
      const points = (share: number) =>
        ways.map(([from, to], id) => ({
          id,
          x: x + width / 2 + from[0] + share * (to[0] - from[0]),
          y: y + height / 2 + from[1] + share * (to[1] - from[1]),
        }));
      const touch = (type: "touchStart" | "touchMove" | "touchEnd", touchPoints: ReturnType<typeof points>) =>
        session.send("Input.dispatchTouchEvent", { type, touchPoints });
      await touch("touchStart", points(0));
      for (let step = 1; step <= 8; step++) await touch("touchMove", points(step / 8));
      await touch("touchEnd", []);
    };
    const zoom = () => Number(linked(page).get("zoom"));
    for (const side of [".slide-view", ".beside-picture"]) {
      const before = zoom();
      await slideFingers(side, [
        [
          [-20, 0],
          [-60, 0],
        ],
        [
          [20, 0],
          [60, 0],
        ],
      ]);
      await expect.poll(zoom).toBeGreaterThan(1.5 * before);
      await near(page).toBeLessThan(3);
      const place = linked(page).get("at");
      await slideFingers(side, [
        [
          [30, 20],
          [-40, -30],
        ],
      ]);
      await expect.poll(() => linked(page).get("at")).not.toBe(place);
      await near(page).toBeLessThan(3);
    }
    await page.getByRole("button", { name: "Curtain" }).tap();
    const curtain = page.getByRole("slider", { name: "Curtain" });
    await slideFingers(".curtain", [
      [
        [0, 0],
        [-100, 40],
      ],
    ]);
    const moved = Number(await curtain.getAttribute("aria-valuenow"));
    expect(moved).toBeGreaterThan(15);
    expect(moved).toBeLessThan(35);
    const before = zoom();
    await slideFingers(".stage", [
      [
        [-40, 100],
        [-80, 100],
      ],
      [
        [40, 100],
        [80, 100],
      ],
    ]);
    await expect.poll(zoom).toBeGreaterThan(1.5 * before);
    expect(await findings(page)).toEqual([]);
  });
});
