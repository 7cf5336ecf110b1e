import type { Browser, Page } from "playwright-core";

/** All in milliseconds, from the fifth click. */
export interface TeachTimes {
  /** Between clicks. */
  readonly pause: number;
  /** Until the first map, a draft, is painted. */
  readonly draft: number;
  /** Until the map is painted in its place. */
  readonly map: number;
}

/** Clicks in CSS pixels from the middle of the slide's view, of tumour and other tissue in turn: what is there takes no time. */
const PLACES = [
  [-200, 100],
  [200, -100],
  [-100, 220],
  [150, 200],
  [0, 60],
] as const;
/** CSS pixels for each half micron. */
const ZOOM = 0.8;
const PATIENCE = 300_000;

/**
 * Teaches the middle of the first slide with five squares, as soon as the page says that it is ready.
 * @param address of a server on which nobody has taught
 */
export async function timeTeaching(browser: Browser, address: string, pause: number): Promise<TeachTimes> {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(await middleOf(address));
  await page.locator(".stage[aria-busy=false]").waitFor({ timeout: PATIENCE });
  const box = await page.locator(".slide-view").boundingBox();
  if (box === null) throw new Error("the slide is not on the screen");
  await page.getByRole("button", { name: "Teach with squares" }).click();
  await page.locator(".tool-status", { hasText: "5 more for a map" }).waitFor({ timeout: PATIENCE });
  await watchMap(page);
  for (const [index, [x, y]] of PLACES.entries()) {
    if (index > 0) await page.waitForTimeout(pause);
    const at = { x: box.x + box.width / 2 + x, y: box.y + box.height / 2 + y };
    await page.mouse.click(at.x, at.y, { button: index % 2 === 0 ? "left" : "right" });
  }
  const { draft, map } = await page.evaluate<{ draft: number; map: number }>("window.mapShown");
  await page.close();
  return { pause, draft, map };
}

async function middleOf(address: string): Promise<string> {
  const { slides } = (await (await fetch(`${address}api/workspace`)).json()) as { slides: { id: string }[] };
  const id = slides[0]?.id ?? "";
  const detail = (await (await fetch(`${address}api/slides/${id}`)).json()) as {
    size: { width: number; height: number };
    micronsPerPixel: { x: number } | null;
  };
  const { width, height } = detail.size;
  const zoom = (ZOOM * (detail.micronsPerPixel?.x ?? 0.5)) / 0.5;
  return `${address}#/slides/${id}?at=${width / 2},${height / 2}&zoom=${zoom}&layer=`;
}

/** Until the draft's tiles were given to the page, and until the frame after those of the map were. */
async function watchMap(page: Page): Promise<void> {
  await page.evaluate(`void (window.mapShown = new Promise((resolve) => {
    let clicked = 0;
    let draft = null;
    addEventListener("pointerup", () => { clicked = performance.now(); }, { capture: true });
    const look = () => {
      const text = document.querySelector(".tool-status")?.innerText ?? "";
      if (!/(map|draft) shown/.test(text)) return;
      if (!text.includes("draft")) draft ??= performance.now();
      if (draft === null || performance.now() - draft < 50 || document.querySelector(".stage").ariaBusy !== "false") return;
      clearInterval(timer);
      requestAnimationFrame(() => setTimeout(() => resolve({ draft: draft - clicked, map: performance.now() - clicked })));
    };
    const timer = setInterval(look, 5);
  }))`);
}
