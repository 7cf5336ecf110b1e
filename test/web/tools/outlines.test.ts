import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import type {
  AnnotationObject,
  AnnotationState,
  Area,
  EmbeddingRequest,
  Position,
} from "../../../src/contract/index.js";
import { areaSize, boundsOf, crossingsOf } from "../../../src/geometry/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { findings, openPage, settled, type WatchedPage, writeWorkspace } from "../page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

describeWithChromium("outlines drawn in the page", () => {
  let server: PageServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let slide = "";

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    server = await servePage({ ...workspace, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    slide = server.context.workspace.slides.find(({ name }) => name !== "broken.svs")?.id ?? "";
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  afterEach(async () => {
    expect(watched.complaints).toEqual([]);
    await page.close();
  });

  const open = async (zoom = 1) => {
    watched = await openPage(browser, `${server.address}#/slides/${slide}?at=320,320&zoom=${zoom}&layer=`);
    page = watched.page;
    page.setDefaultTimeout(30_000);
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
  };
  const state = async (): Promise<AnnotationState> =>
    (await (await fetch(`${server.address}api/slides/${slide}/annotations`)).json()) as AnnotationState;
  const at = async (x: number, y: number, zoom = 1) => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    return { x: box.x + box.width / 2 + (x - 320) * zoom, y: box.y + box.height / 2 + (y - 320) * zoom };
  };
  const drag = async (...positions: readonly (readonly [number, number])[]) => {
    const [first, ...others] = await Promise.all(positions.map(([x, y]) => at(x, y)));
    if (first === undefined) throw new Error("nowhere to drag from");
    await page.mouse.move(first.x, first.y);
    await page.mouse.down();
    for (const { x, y } of others) await page.mouse.move(x, y, { steps: 4 });
    await page.mouse.up();
  };
  /** Tells the processor time that the page takes from now on, in seconds. */
  const stopwatch = async () => {
    const devTools = await page.context().newCDPSession(page);
    await devTools.send("Performance.enable", { timeDomain: "threadTicks" });
    const read = async () =>
      (await devTools.send("Performance.getMetrics")).metrics.find(({ name }) => name === "ThreadTime")
        ?.value ?? expect.unreachable();
    const begin = await read();
    return async () => (await read()) - begin;
  };
  const saved = async (count: number) => {
    await expect.poll(async () => (await state()).objects.length).toBe(count);
    await page.locator(".save-mark[data-state=saved]").waitFor();
    return (await state()).objects.at(-1)?.area ?? expect.unreachable();
  };

  it("end where the slide does", async () => {
    await open();
    const before = (await state()).objects.length;
    await page.keyboard.press("d");
    await drag([-40, 200], [100, 200], [100, 300], [-40, 300], [-40, 200]);
    expect(boundsOf(await saved(before + 1))).toMatchObject({ left: 0 });
    await page.keyboard.press("b");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.keyboard.press("b");
    await drag([300, 635], [400, 660]);
    const stroke = boundsOf(await saved(before + 2));
    expect(stroke?.bottom).toBeLessThanOrEqual(640);
    await page.keyboard.press("d");
    await drag([660, 100], [700, 100], [700, 180], [660, 180], [660, 100]);
    await page
      .locator("[role=status]", { hasText: "That is not on the slide" })
      .waitFor({ state: "attached" });
    expect((await state()).objects).toHaveLength(before + 2);
  });

  it("stay selected for the tool that is taken next, until Escape", async () => {
    await open();
    const before = (await state()).objects.length;
    await page.keyboard.press("d");
    await drag([300, 100], [360, 100], [360, 160], [300, 160], [300, 100]);
    await saved(before + 1);
    await page.keyboard.press("v");
    await page.keyboard.press("Escape");
    expect(await page.locator(".tool-strip").count()).toBe(0);
    const inside = await at(330, 130);
    await page.mouse.click(inside.x, inside.y);
    await page.getByText("1 selected").waitFor();
    await page.keyboard.press("m");
    await page.getByText("Drag vertices").waitFor();
    await page.keyboard.press("b");
    await page.getByText("Adds to the selected one.").waitFor();
    await drag([350, 130], [420, 130]);
    await expect.poll(async () => boundsOf(await saved(before + 1))?.right).toBeGreaterThan(420);
    for (const tool of ["select", "nothing"]) {
      expect(await page.locator(".tool-strip").count(), tool).toBe(1);
      await page.keyboard.press("Escape");
    }
    await page.locator(".tool-strip").waitFor({ state: "detached" });
  });

  it("are brushed at once where they are tangles of thousands of vertices, which is told", async () => {
    const { revision, objects } = await state();
    // Lines across a circle, 3000 of them: painted or taken apart as they are, each picture would take seconds.
    const ring = Array.from({ length: 3001 }, (_, at): Position => {
      const angle = 2 * Math.PI * ((at * 1499) % 3000) * (1 / 3000);
      return [320 + 250 * Math.cos(angle), 320 + 250 * Math.sin(angle)];
    });
    const object: AnnotationObject = {
      ...{ id: crypto.randomUUID(), name: "tangle", classification: "Tumor", review: "accepted" },
      ...{ origin: "imported", area: { type: "MultiPolygon", coordinates: [[ring]] } },
    };
    const body = { revision, title: "Draw", changes: [{ type: "add", object }] };
    const headers = { "Content-Type": "application/json" };
    const path = `${server.address}api/slides/${slide}/annotations`;
    expect((await fetch(path, { method: "POST", headers, body: JSON.stringify(body) })).status).toBe(200);
    await open();
    const processorTime = await stopwatch();
    await page.getByRole("button", { name: /^tangle/ }).click();
    await page.getByText("1 selected").waitFor();
    await settled(page);
    await page.keyboard.press("b");
    await drag([320, 320], [350, 320]);
    const told = page.locator(".notice", {
      hasText: "The outline of tangle crosses itself in more than 200",
    });
    await told.waitFor();
    const area = await saved(objects.length + 1);
    expect(await processorTime()).toBeLessThan(3);
    expect(area.coordinates.flat().map((outline) => crossingsOf(outline, 1))).toEqual(
      area.coordinates.flat().map(() => 0),
    );
    // Towards the circle the lines are points with nothing between them.
    expect(areaSize(area) / (Math.PI * 250 * 250)).toBeCloseTo(0.52, 1);
  });

  it("are told when they end at the patch that was looked at, and go on beyond it", async () => {
    await open(4);
    const before = (await state()).objects.length;
    const asked: EmbeddingRequest[] = [];
    let box = { space: "level-0", x: 0, y: 0, width: 0, height: 0 };
    // What SAM makes of tissue is not the question here: a mask that fills its square, unless it is a large one.
    await page.route("**/decoder-worker.js", (route) =>
      route.fulfill({
        contentType: "text/javascript",
        body: "addEventListener('message', ({ data }) => postMessage({ id: data.id, failure: 'no', fromServer: false }));",
      }),
    );
    await page.route("**/embeddings", (route) => {
      const request: EmbeddingRequest = route.request().postDataJSON();
      asked.push(request);
      const { centre, side = 0 } = request;
      box = { space: "level-0", x: centre.x - side / 2, y: centre.y - side / 2, width: side, height: side };
      return route.fulfill({ json: { id: "embedding", box, patchSize: 1024, hasMap: false } });
    });
    await page.route("**/embeddings/embedding/mask", (route) => {
      const reach = Math.min(box.width / 2 - 0.2, 300);
      const [left, right] = [320 - reach, 320 + reach];
      const ring = [
        [left, left],
        [right, left],
        [right, right],
        [left, right],
        [left, left],
      ];
      return route.fulfill({
        json: { area: { type: "MultiPolygon", coordinates: [[ring]] }, estimatedIou: 1.03 },
      });
    });
    await page.keyboard.press("s");
    const middle = await at(320, 320, 4);
    await page.mouse.click(middle.x, middle.y);
    const status = page.locator(".tool-status[data-status=ready]");
    await status.getByText("Certainty 100 %; ends where the square does").waitFor();
    const whole = page.getByText("Nothing stands out here: drag a box around what you mean.");
    await whole.waitFor();
    await page.getByRole("button", { name: "Go on beyond it (W)" }).click();
    await expect.poll(() => asked.length).toBe(2);
    await status.waitFor();
    await page.keyboard.press("w");
    await expect.poll(() => status.innerText()).toBe("Certainty 100 %");
    const [first, second, third] = asked.map(({ side = 0 }) => side);
    expect(await whole.count()).toBe(0);
    expect([second, third]).toEqual([2 * (first ?? 0), 4 * (first ?? 0)]);
    expect(await page.getByRole("button", { name: /Go on beyond it/ }).count()).toBe(0);
    await page.keyboard.press("Enter");
    const area: Area = await saved(before + 1);
    expect(areaSize(area)).toBeCloseTo(600 * 600, -1);
    // The next click looks at as much as the view says again.
    await page.mouse.click(middle.x + 200, middle.y);
    await expect.poll(() => asked.length).toBe(4);
    expect(asked[3]?.side).toBe(first);
  });

  it("of a class that is new get it with its meaning, which other tabs and a reload know", async () => {
    await open();
    const before = (await state()).objects.length;
    const field = page.getByRole("combobox", { name: "Class of new annotations" });
    await field.fill("Nécrose");
    await field.press("Enter");
    const meaning = page.getByRole("combobox", { name: "What “Nécrose” means to training" });
    await meaning.waitFor();
    await page.getByRole("button", { name: "Draw", exact: true }).click();
    await drag([500, 500], [560, 500], [560, 560], [500, 560], [500, 500]);
    await saved(before + 1);
    // Nobody has said yet what it means: what is drawn is of the class that was chosen before.
    expect((await state()).objects.at(-1)?.classification).toBe("Tumor");
    const own = page.getByRole("combobox", { name: "Class", exact: true });
    await own.fill("Nécrose");
    await own.press("Enter");
    await meaning.selectOption("no tumour");
    await expect.poll(async () => (await state()).objects.at(-1)?.classification).toBe("Nécrose");
    const classes = async (): Promise<{ name: string; meaning: string }[]> =>
      JSON.parse(await (await fetch(`${server.address}api/classes`)).text());
    expect(await classes()).toContainEqual({ name: "Nécrose", meaning: "exclusion", isFixed: false });
    await page.reload();
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.getByRole("button", { name: /^Nécrose/ }).click();
    await expect.poll(() => meaning.inputValue()).toBe("exclusion");
    await meaning.selectOption("ignore: left out of training");
    await expect.poll(classes).toContainEqual({ name: "Nécrose", meaning: "unknown", isFixed: false });
    await own.fill("Tumor");
    await own.press("Enter");
    await expect.poll(async () => (await state()).objects.at(-1)?.classification).toBe("Tumor");
    expect(await meaning.count()).toBe(0);
    expect(await findings(page)).toEqual([]);
  });
});
