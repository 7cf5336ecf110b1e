import { basename } from "node:path";
import type { Browser, Page } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { readAnnotations, TumourRegion } from "../../../src/annotations/index.js";
import { RandomStream } from "../../../src/common/index.js";
import { type AnnotationState, SQUARE_CLASSES, type Workspace } from "../../../src/contract/index.js";
import { confusion, iou, overlapOf } from "../../../src/evaluation/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { describeWithShared, sharedPath } from "../../support/shared.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { ViewProcess } from "../../support/view-process.js";
import { findings, openPage, quietPages, settled } from "../page-fixture.js";

interface Slide {
  readonly width: number;
  readonly height: number;
}
interface Middle {
  readonly x: number;
  readonly y: number;
}

const SLIDES = ["bcss1008", "bcss1015"] as const;
const directory = temporaryDirectory();
/** Level-0 pixels: 112 of 0.5 µm, on slides of 0.25 µm. */
const SIDE = 224;
/** CSS pixels per level-0 pixel. */
const ZOOM = 0.4;
/** Milliseconds, on a machine that may be busy. */
const PATIENCE = 120_000;

vi.setConfig({ testTimeout: 300_000, hookTimeout: 240_000 });

/** A rectangle in level-0 pixels. */
interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

describeWithShared(
  "teaching with squares on real tissue",
  SLIDES.flatMap((name) => [`data/slides/${name}.tif`, `data/slides/${name}.xml`]),
  () => {
    describeWithChromium("in the page", () => {
      let view: ViewProcess;
      let browser: Browser;
      let workspace: Workspace;
      const opened = quietPages();

      beforeAll(async () => {
        view = await ViewProcess.start({
          stateDirectory: directory.path("state"),
          inputs: SLIDES.map((name) => sharedPath("data", "slides", `${name}.tif`)),
        });
        browser = await launchChromium();
        workspace = await fetched<Workspace>("api/workspace");
      });

      afterAll(async () => {
        await browser?.close();
        await view?.kill();
      });

      const fetched = async <Body>(path: string): Promise<Body> =>
        (await (await fetch(`${view.address}${path}`)).json()) as Body;

      it.each(SLIDES)("ten squares of %s make a map that agrees with the annotation", async (name) => {
        const entry = workspace.slides.find((slide) => basename(slide.name, ".tif") === name);
        const { id = "", size } = entry ?? {};
        const { width, height } = size ?? { width: 0, height: 0 };
        const truth = TumourRegion.of(await readAnnotations(sharedPath("data", "slides", `${name}.xml`)));
        const watched = await openPage(
          browser,
          `${view.address}#/slides/${id}?at=${width / 2},${height / 2}&zoom=${ZOOM}&layer=`,
        );
        opened.push(watched);
        const { page } = watched;
        await settled(page);
        const shown = await regionShown(page, { width, height });
        const squares = chosenSquares(truth, shown, new RandomStream(1, "squares", name));
        const ready = page.waitForResponse((response) => response.url().endsWith("/teaching"), {
          timeout: PATIENCE,
        });
        await page.getByRole("button", { name: "Teach with squares" }).click();
        await ready;
        const status = page.locator(".tool-strip .tool-status");
        await status.filter({ hasText: "0 tumour, 0 not: 5 more for a map" }).waitFor();
        let first = 0;
        for (const [index, square] of squares.entries()) {
          await clickSquare(page, square, { middle: { x: width / 2, y: height / 2 } });
          const tumour = squares.slice(0, index + 1).filter((one) => one.tumour === 1).length;
          await status.filter({ hasText: `${tumour} tumour, ${index + 1 - tumour} not` }).waitFor();
          if (index !== 4) continue;
          const started = performance.now();
          await mapShown(page);
          first = Math.round(performance.now() - started);
        }
        const started = performance.now();
        await mapShown(page);
        const last = Math.round(performance.now() - started);
        const layer = new URLSearchParams(page.url().split("?")[1]).getAll("layer").join();
        const map = /teaching-[0-9a-f]{32}/.exec(layer)?.[0] ?? "none";
        const agreement = await meanIou(
          `${view.address}api/slides/${id}/layers/${map}/tiles/0`,
          truth,
          shown,
          {
            width,
            height,
          },
        );
        process.stdout.write(
          `${name}: mean IoU ${agreement.toFixed(3)} in the region shown; the first map after ${first} ms, the last after ${last} ms\n`,
        );
        expect(agreement).toBeGreaterThanOrEqual(0.6);
        const saved = await fetched<AnnotationState>(`api/slides/${id}/annotations`);
        const counts = Object.values(SQUARE_CLASSES).map(
          (kind) => saved.objects.filter(({ classification }) => classification === kind).length,
        );
        expect(counts).toEqual([5, 5]);
        expect(await findings(page)).toEqual([]);
      });
    });
  },
);

/** Waits until the map of the squares so far is there, with all its tiles. */
async function mapShown(page: Page): Promise<void> {
  await page.locator(".tool-status[data-status=ready]").waitFor({ timeout: PATIENCE });
  await settled(page);
}

/** What of the slide is under the viewer, the strip above it excepted. */
async function regionShown(page: Page, slide: Slide): Promise<Region> {
  const box = await page.locator(".slide-view").boundingBox();
  const [width, height] = [(box?.width ?? 0) / ZOOM, (box?.height ?? 0) / ZOOM];
  const [left, top] = [slide.width / 2 - width / 2, slide.height / 2 - height / 2];
  const [x, y] = [Math.max(0, left), Math.max(0, top)];
  return {
    x,
    y,
    width: Math.min(slide.width, left + width) - x,
    height: Math.min(slide.height, top + height) - y,
  };
}

/** A square that is chosen, in level-0 pixels. */
interface Square {
  readonly x: number;
  readonly y: number;
  readonly tumour: 0 | 1;
}

/**
 * Five squares of which nine tenths are tumour, as far as there are so pure ones, and five of which hardly anything is,
 * drawn from the lower part of what is shown, where nothing lies over the slide; of each kind in turn.
 */
function chosenSquares(truth: TumourRegion, shown: Region, stream: RandomStream): Square[] {
  const chosen: [Square[], Square[]] = [[], []];
  const step = SIDE / 28;
  for (let tries = 0; tries < 20_000 && chosen.some(({ length }) => length < 5); tries++) {
    const x = Math.round(shown.x + stream.integer(Math.floor(shown.width - SIDE)));
    const y = Math.round(
      shown.y + shown.height * 0.2 + stream.integer(Math.floor(shown.height * 0.8 - SIDE)),
    );
    const origin = { space: "level-0", x, y } as const;
    const share = truth.fraction({ origin, pixelSize: { x: step, y: step }, width: 28, height: 28 });
    const tumour = share >= 0.85 ? 1 : share <= 0.1 ? 0 : null;
    if (tumour === null || chosen[tumour].length === 5) continue;
    const isNear = (other: Square) => Math.abs(other.x - x) < SIDE && Math.abs(other.y - y) < SIDE;
    if (!chosen.flat().some(isNear)) chosen[tumour].push({ x, y, tumour });
  }
  return Array.from({ length: 5 }, (_, index) => [chosen[1][index], chosen[0][index]])
    .flat()
    .filter((square) => square !== undefined);
}

/** Clicks the middle of a square: with the right button when it is no tumour. */
async function clickSquare(
  page: Page,
  { x, y, tumour }: Square,
  slide: { readonly middle: Middle },
): Promise<void> {
  const box = await page.locator(".slide-view").boundingBox();
  const at = (place: number, middle: number, start = 0, length = 0) =>
    start + length / 2 + (place + SIDE / 2 - middle) * ZOOM;
  await page.mouse.click(
    at(x, slide.middle.x, box?.x, box?.width),
    at(y, slide.middle.y, box?.y, box?.height),
    { button: tumour === 1 ? "left" : "right" },
  );
}

/** Mean IoU of tumour and other tissue, of all pixels of the map in a region. */
async function meanIou(tiles: string, truth: TumourRegion, shown: Region, slide: Slide): Promise<number> {
  const [pixel, side] = [8, 128];
  const [width, height] = [Math.floor(shown.width / pixel), Math.floor(shown.height / pixel)];
  const [left, top] = [Math.ceil(shown.x / pixel), Math.ceil(shown.y / pixel)];
  const data = new Uint8Array(width * height);
  for (let row = 0; row * side * pixel < slide.height; row++) {
    for (let column = 0; column * side * pixel < slide.width; column++) {
      const png = await (await fetch(`${tiles}/${column}/${row}`)).arrayBuffer();
      const { data: levels, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
      for (let y = 0; y < info.height; y++) {
        for (let x = 0; x < info.width; x++) {
          const [atX, atY] = [column * side + x - left, row * side + y - top];
          if (atX < 0 || atY < 0 || atX >= width || atY >= height) continue;
          data[atY * width + atX] = (levels[(y * info.width + x) * info.channels] ?? 0) >= 128 ? 1 : 0;
        }
      }
    }
  }
  const origin = { space: "level-0", x: left * pixel, y: top * pixel } as const;
  const target = truth.rasterise({ origin, pixelSize: { x: pixel, y: pixel }, width, height });
  const counts = confusion({ width, height, data }, target);
  const { tp, fp, fn, tn } = counts;
  return (iou(overlapOf(counts)) + iou(overlapOf({ tp: tn, fp: fn, fn: fp, tn: tp }))) / 2;
}
