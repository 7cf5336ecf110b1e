import { basename } from "node:path";
import type { Browser } from "playwright-core";
import sharp from "sharp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { openSlide } from "../../src/slides/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { meanDifference, openPage, screenPixels, settled } from "./page-fixture.js";

const APERIO = ["data", "slides", "cmu-1-small-region.svs"] as const;
const PYRAMID = ["data", "slides", "bcss1008.tif"] as const;
const directory = temporaryDirectory();

/** Side of the square in the middle of the screen that is compared. */
const SIDE = 240;

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

describeWithShared("real slides in the page", [APERIO.join("/"), PYRAMID.join("/")], () => {
  describeWithChromium("have their own colours", () => {
    let server: PageServer;
    let browser: Browser;

    beforeAll(async () => {
      const inputs = [sharedPath(...APERIO), sharedPath(...PYRAMID)];
      server = await servePage({ inputs, stateDirectory: directory.path("state") });
      browser = await launchChromium();
    }, 120_000);

    afterAll(async () => {
      await browser?.close();
      await server?.close();
    });

    it.each([
      { path: sharedPath(...APERIO), centre: [1100, 1400], shrunk: 1, turn: 0, tolerance: 0.5 },
      { path: sharedPath(...PYRAMID), centre: [1792, 1280], shrunk: 1, turn: 90, tolerance: 0.5 },
      { path: sharedPath(...PYRAMID), centre: [1792, 1280], shrunk: 4, turn: 0, tolerance: 12 },
    ] as const)("$path, 1 : $shrunk, turned by $turn°", async ({ path, centre, shrunk, turn, tolerance }) => {
      // By name: the folder may be reached through a link.
      const id = server.context.workspace.slides.find((slide) => basename(slide.path) === basename(path))?.id;
      const hash = `#/slides/${id}?at=${centre.join(",")}&zoom=${1 / shrunk}&turn=${turn}&layer=`;
      const { page, complaints } = await openPage(browser, `${server.address}${hash}`);
      await settled(page);
      const box = await page.locator(".slide-view").boundingBox();
      const shown = await screenPixels(page, {
        x: (box?.x ?? 0) + (box?.width ?? 0) / 2 - SIDE / 2,
        y: (box?.y ?? 0) + (box?.height ?? 0) / 2 - SIDE / 2,
        width: SIDE,
        height: SIDE,
      });
      expect(meanDifference(shown, await expectedPixels(path, centre, shrunk, turn))).toBeLessThanOrEqual(
        tolerance,
      );
      expect(complaints).toEqual([]);
      await page.close();
    });
  });
});

/** The same square read from the file. */
async function expectedPixels(
  path: string,
  [x, y]: readonly [number, number],
  shrunk: number,
  turn: number,
): Promise<Uint8Array> {
  const side = SIDE * shrunk;
  const source = await openSlide(path);
  const origin = { space: "level-0" as const, x: x - side / 2, y: y - side / 2 };
  const { width, height, data } = await source.readRegion({ level: 0, width: side, height: side, origin });
  await source.close();
  const turned = await sharp(data, { raw: { width, height, channels: 3 } })
    .rotate(turn)
    .png()
    .toBuffer();
  return new Uint8Array(await sharp(turned).resize(SIDE, SIDE, { kernel: "linear" }).raw().toBuffer());
}
