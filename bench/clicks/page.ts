import type { Browser, Page } from "playwright-core";

/** All in milliseconds. */
export interface ClickTimes {
  /** From the release of the button to the frame that shows the mask. */
  readonly first: number;
  readonly further: readonly number[];
  /** What the page itself says of each further click: the decoder's run and the outlines. */
  readonly decoding: readonly number[];
  readonly engine: string;
  readonly threads: number;
}

/** Clicks of one segmentation, in CSS pixels from the middle of the slide's view. */
const PLACES = [
  [0, 0],
  [30, 35],
  [-35, 20],
  [-10, -40],
  [45, -15],
  [15, 60],
] as const;
const PATIENCE = 300_000;

/** Clicks on the first slide of the page at an address, in a window of a usual size. */
export async function timeClicks(browser: Browser, address: string, count: number): Promise<ClickTimes> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(address);
  await page.locator("a[href*='#/slides/']").first().click();
  await page.locator(".stage[aria-busy=false]").waitFor({ timeout: PATIENCE });
  await page.getByRole("tab", { name: "Annotations" }).click();
  await page.keyboard.press("s");
  const box = await page.locator(".slide-view").boundingBox();
  if (box === null) throw new Error("the slide is not on the screen");
  const click = (index: number) => {
    const [x, y] = PLACES[index % PLACES.length] ?? PLACES[0];
    return timeClick(page, box.x + box.width / 2 + x, box.y + box.height / 2 + y);
  };
  const first = await click(0);
  const [further, decoding]: [number[], number[]] = [[], []];
  for (let index = 1; further.length < count; index++) {
    if (index % PLACES.length === 0) {
      // The patch stays: the first click of the next segmentation only decodes, too.
      await page.keyboard.press("Escape");
      await page.keyboard.press("s");
    }
    further.push(await click(index));
    decoding.push(await shownMilliseconds(page));
  }
  const engine = (await page.locator(".tool-status").getAttribute("data-engine")) ?? "";
  const threads = await page.evaluate("crossOriginIsolated ? navigator.hardwareConcurrency : 1");
  return { first, further, decoding, engine, threads: Number(threads) };
}

/** Milliseconds from the release of the button until the frame after the mask was given to the page. */
async function timeClick(page: Page, x: number, y: number): Promise<number> {
  await page.evaluate(`void (window.clicked = new Promise((resolve) => {
    addEventListener("pointerup", () => {
      const began = performance.now();
      const status = () => document.querySelector(".tool-status")?.dataset.status;
      let isUnderWay = false;
      const look = () => {
        if (status() !== "ready") isUnderWay = true;
        else if (isUnderWay) {
          watcher.disconnect();
          requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
        }
      };
      const watcher = new MutationObserver(look);
      watcher.observe(document.body, { subtree: true, childList: true, attributes: true });
    }, { capture: true, once: true });
  }))`);
  await page.mouse.click(x, y);
  const time = await page.evaluate("window.clicked");
  return Number(time);
}

async function shownMilliseconds(page: Page): Promise<number> {
  const text = await page.locator(".segmenter-choice .hint").innerText();
  return Number(/\((\d+) ms\)/.exec(text)?.[1] ?? Number.NaN);
}
