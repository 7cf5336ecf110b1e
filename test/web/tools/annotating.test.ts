import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readAnnotations, TumourRegion } from "../../../src/annotations/index.js";
import { writeGeneratedSlides } from "../../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../../src/common/index.js";
import type { AnnotationState, Area, EmbeddingEntry, Workspace } from "../../../src/contract/index.js";
import { promptArrays } from "../../../src/contract/index.js";
import { areaContains, areaSize, ringOf } from "../../../src/geometry/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { InferenceSession, Tensor } from "../../support/onnxruntime.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { ViewProcess } from "../../support/view-process.js";
import { findings, openPage, PHONE, quietPages, settled } from "../page-fixture.js";

const directory = temporaryDirectory();
/** Milliseconds: the first click starts the models, on a machine that may be busy. */
const PATIENCE = 120_000;

/** The pixels of the slide that an area covers. */
function pixelsOf({ coordinates }: Area): Uint8Array {
  const ring = (positions: Area["coordinates"][number][number]) => ringOf(positions.slice(0, -1).flat());
  const polygons = coordinates.flatMap(([outer, ...holes]) =>
    outer === undefined ? [] : [{ outer: ring(outer), holes: holes.map(ring) }],
  );
  const grid = {
    origin: { space: "level-0", x: 0, y: 0 },
    pixelSize: { x: 1, y: 1 },
    width: 640,
    height: 640,
  } as const;
  return new TumourRegion(polygons).rasterise(grid).data;
}

/** Intersection over union. */
function overlapOf(one: Area, other: Area): number {
  const [first, second] = [pixelsOf(one), pixelsOf(other)];
  const both = first.reduce((sum, value, at) => sum + (value & (second[at] ?? 0)), 0);
  const either = first.reduce((sum, value, at) => sum + (value | (second[at] ?? 0)), 0);
  return both / either;
}

describeWithChromium("annotating in the page", () => {
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
    const workspace = await fetched<Workspace>("api/workspace");
    slide = workspace.slides[0]?.id ?? "";
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await view?.kill();
  });

  const fetched = async <Body>(path: string): Promise<Body> =>
    (await (await fetch(`${view.address}${path}`)).json()) as Body;
  const state = () => fetched<AnnotationState>(`api/slides/${slide}/annotations`);
  const open = async (options: Parameters<typeof openPage>[2] = {}) => {
    const watched = await openPage(
      browser,
      `${view.address}#/slides/${slide}?at=320,320&zoom=1&layer=`,
      options,
    );
    watched.page.setDefaultTimeout(30_000);
    opened.push(watched);
    await settled(watched.page);
    return watched;
  };
  /** A place of the slide on the screen: the view shows it one to one, its middle in the middle. */
  const place = async (page: Page, x: number, y: number) => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    return { x: box.x + box.width / 2 + x - 320, y: box.y + box.height / 2 + y - 320 };
  };
  const click = async (
    page: Page,
    x: number,
    y: number,
    options: Parameters<Page["mouse"]["click"]>[2] = {},
  ) => {
    const at = await place(page, x, y);
    await page.mouse.click(at.x, at.y, options);
    await drawn(page);
  };
  /** What the last event changed is on the screen. */
  const drawn = (page: Page) =>
    page.evaluate(
      () => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))),
    );
  const drag = async (page: Page, positions: readonly (readonly [number, number])[]) => {
    const points = await Promise.all(positions.map(([x, y]) => place(page, x, y)));
    const [first, ...others] = points;
    if (first === undefined) throw new Error("nowhere to drag from");
    await page.mouse.move(first.x, first.y);
    await page.mouse.down();
    for (const { x, y } of others) await page.mouse.move(x, y, { steps: 4 });
    await page.mouse.up();
  };
  /** Does something in the page and waits until the server has saved what it changed, and the page says so. */
  const edited = async (page: Page, action: () => Promise<void>) => {
    const { revision } = await state();
    await action();
    await expect.poll(async () => (await state()).revision).toBeGreaterThan(revision);
    await page.locator(".save-mark[data-state=saved]").waitFor();
  };
  const tool = (page: Page, name: string) => page.getByRole("button", { name, exact: true }).click();
  const masked = (page: Page) =>
    page.locator(".tool-status[data-status=ready]").waitFor({ timeout: PATIENCE });

  it("segments what is clicked, in the browser as on the server, and keeps it", async () => {
    const { page } = await open();
    const embedding = page.waitForResponse((response) => response.url().endsWith("/embeddings"), {
      timeout: PATIENCE,
    });
    await tool(page, "Segment with a click");
    await click(page, 300, 300);
    const entry: EmbeddingEntry = await (await embedding).json();
    await masked(page);
    expect(await page.locator(".tool-status").getAttribute("data-engine")).toMatch(/wasm|webgpu/);
    const times: number[] = [];
    for (const [x, y] of [
      [310, 320],
      [290, 310],
      [305, 285],
    ] as const) {
      await click(page, x, y);
      await masked(page);
      await page.getByRole("tab", { name: "Annotations" }).click();
      const [, time] = /\((\d+) ms\)/.exec(await page.locator(".segmenter-choice .hint").innerText()) ?? [];
      times.push(Number(time));
    }
    console.log(`further clicks were decoded in ${times.join(", ")} ms`);
    await edited(page, () => page.getByRole("button", { name: "Keep (Enter)" }).click());
    const [object] = (await state()).objects;
    expect(object).toMatchObject({ classification: "Tumor", origin: "segmented", review: "accepted" });
    if (object === undefined) throw new Error("nothing was saved");
    expect(areaContains(object.area, [300, 300])).toBe(true);
    // It gets the outline that a box around it gives, and undo brings its own back.
    await page.getByRole("button", { name: "Sharpen" }).click();
    await masked(page);
    await edited(page, () => page.getByRole("button", { name: "Keep (Enter)" }).click());
    const sharpened = (await state()).objects;
    expect(sharpened.map(({ id, origin }) => [id, origin])).toEqual([[object.id, "segmented"]]);
    expect(sharpened[0]?.area).not.toEqual(object.area);
    await edited(page, () => page.keyboard.press("Control+z"));
    expect((await state()).objects).toEqual([object]);

    const inPatch = (x: number, y: number) => ({
      space: "patch" as const,
      x: ((x - entry.box.x) * entry.patchSize) / entry.box.width,
      y: ((y - entry.box.y) * entry.patchSize) / entry.box.height,
      label: 1 as const,
    });
    const points = [inPatch(300, 300), inPatch(310, 320), inPatch(290, 310), inPatch(305, 285)];
    const prompt = { points, box: null };
    const answer = await fetch(`${view.address}api/embeddings/${entry.id}/mask`, {
      method: "POST",
      body: JSON.stringify(prompt),
      headers: { "Content-Type": "application/json" },
    });
    const { area } = (await answer.json()) as { readonly area: Area };
    expect(overlapOf(object.area, area)).toBeGreaterThan(0.97);

    const bytes = async (path: string) => (await fetch(`${view.address}${path}`)).arrayBuffer();
    const session = await InferenceSession.create(new Uint8Array(await bytes("api/segmenters/sam/decoder")));
    const { coordinates, labels } = promptArrays(prompt);
    const results = await session.run({
      image_embedding: new Tensor(
        "float32",
        new Float32Array(await bytes(`api/embeddings/${entry.id}`)),
        [1, 256, 64, 64],
      ),
      point_coordinates: new Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new Tensor("float32", labels, [1, labels.length]),
    });
    await session.release();
    const here = await page.evaluate(logitsInWorker, {
      id: 1,
      withLogits: true,
      decoder: `${view.address}api/segmenters/sam/decoder`,
      embedding: `${view.address}api/embeddings/${entry.id}`,
      map: null,
      box: entry.box,
      patchSize: entry.patchSize,
      prompt,
    });
    const there = results.logits?.data;
    if (!(there instanceof Float32Array)) throw new Error("no logits");
    const worst = there.reduce((most, value, at) => Math.max(most, Math.abs(value - (here[at] ?? NaN))), 0);
    expect([here.length, there.length]).toEqual([65_536, 65_536]);
    expect(worst).toBeLessThan(1e-3);
  }, 240_000);

  it("decodes on the server, and says so, where the browser cannot", async () => {
    const { page, complaints } = await open();
    await page.route("**/decoder-worker.js", (route) => route.abort());
    await tool(page, "Segment with a click");
    await drag(page, [
      [200, 200],
      [260, 260],
      [330, 340],
    ]);
    await masked(page);
    expect(await page.locator(".tool-status").getAttribute("data-engine")).toBe("server");
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.getByText("Masks are decoded on the server").waitFor();
    await page.keyboard.press("Escape");
    // The aborted request is what the browser complains of.
    complaints.splice(0);
  }, 240_000);

  it("draws, brushes, erases, moves vertices, classifies, deletes and undoes", async () => {
    const { page } = await open();
    const before = (await state()).objects.length;
    await page.keyboard.press("d");
    await edited(page, () =>
      drag(page, [
        [100, 100],
        [200, 100],
        [200, 200],
        [100, 200],
      ]),
    );
    const last = async () => (await state()).objects.at(-1) ?? expect.unreachable();
    expect(areaSize((await last()).area)).toBeCloseTo(10_000, -3);

    await page.keyboard.press("b");
    await edited(page, () =>
      drag(page, [
        [200, 150],
        [260, 150],
      ]),
    );
    expect(areaContains((await last()).area, [255, 150])).toBe(true);
    await page.keyboard.press("e");
    await edited(page, () =>
      drag(page, [
        [80, 150],
        [300, 150],
      ]),
    );
    const cut = await last();
    expect(areaContains(cut.area, [150, 150])).toBe(false);
    expect(cut.area.coordinates).toHaveLength(2);

    await page.keyboard.press("m");
    await edited(page, () =>
      drag(page, [
        [100, 100],
        [70, 70],
      ]),
    );
    expect(areaContains((await last()).area, [85, 85])).toBe(true);

    await page.getByRole("tab", { name: "Annotations" }).click();
    const name = page.getByRole("combobox", { name: "Class" });
    await name.fill("Stroma");
    await name.press("Enter");
    await page.getByRole("combobox", { name: "What “Stroma” means to training" }).selectOption("no tumour");
    await expect.poll(async () => (await last()).classification).toBe("Stroma");
    await page.getByRole("button", { name: "Reject" }).first().click();
    await expect.poll(async () => (await last()).review).toBe("rejected");
    await edited(page, () => page.getByRole("button", { name: "Delete" }).first().click());
    expect((await state()).objects).toHaveLength(before);
    await edited(page, () => page.keyboard.press("Control+z"));
    expect((await state()).objects).toHaveLength(before + 1);
    // Keys that are pressed while the step before is being saved take their turn.
    const { revision } = await state();
    let save = (): void => undefined;
    const allPressed = new Promise<void>((resolve) => {
      save = resolve;
    });
    await page.route("**/annotations/*do", async (route) => {
      await allPressed;
      await route.continue();
    });
    for (const key of ["Control+Shift+z", "Control+z", "Control+y", "Control+z"]) {
      await page.keyboard.press(key);
    }
    expect((await state()).revision).toBeLessThan(revision + 4);
    save();
    await expect.poll(async () => (await state()).revision).toBe(revision + 4);
    await page.unroute("**/annotations/*do");
    await page.locator(".save-mark[data-state=saved]").waitFor();
    expect((await last()).review).toBe("rejected");
    await edited(page, () => page.getByRole("button", { name: "Undo: Reject Stroma" }).click());
    expect((await last()).review).toBe("accepted");
    expect(await findings(page)).toEqual([]);
  }, 120_000);

  it("works by keyboard alone: a click, an outline, a stroke, a vertex", async () => {
    const { page } = await open();
    const before = (await state()).objects.length;
    const press = async (...keys: readonly string[]) => {
      for (const key of keys) await page.keyboard.press(key);
    };
    await page.locator(".openseadragon-canvas").first().focus();
    await press("s", "ArrowLeft", "ArrowUp", "Space");
    await masked(page);
    await press("Alt+ArrowRight");
    await masked(page);
    await edited(page, () => press("Enter"));
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    await press("Escape", "d", "Space", "Shift+ArrowRight", "Space", "Shift+ArrowDown", "Space", "Enter");
    await expect.poll(async () => (await state()).objects.length).toBe(before + 2);
    const triangle = (await state()).objects.at(-1) ?? expect.unreachable();
    expect(areaSize(triangle.area)).toBeCloseTo(1800, 0);
    await press("b", "Space", "Shift+ArrowLeft", "Space");
    await expect
      .poll(async () => areaSize((await state()).objects.at(-1)?.area ?? triangle.area))
      .toBeGreaterThan(2500);
    await edited(page, () => press("m", ".", "Shift+ArrowUp"));
    await press("Escape", "Escape", ".", "Delete");
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    expect((await state()).undo).toMatch(/^Delete /);
  }, 240_000);

  it("finds everything again after the server was killed, and exports it", async () => {
    const { page, complaints } = await open();
    await page.keyboard.press("d");
    await edited(page, () =>
      drag(page, [
        [400, 400],
        [500, 400],
        [450, 500],
      ]),
    );
    const before = await state();
    await view.kill();
    await view.restart();
    expect(await state()).toEqual(before);
    await page.reload();
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.getByRole("heading", { name: `${before.objects.length} annotations` }).waitFor();
    complaints.splice(0);
    for (const format of ["GeoJSON", "ASAP XML"]) {
      const download = page.waitForEvent("download");
      await page.getByRole("link", { name: `Export ${format}` }).click();
      const file = directory.path(`exported-${format === "GeoJSON" ? "a.geojson" : "a.xml"}`);
      await (await download).saveAs(file);
      const { annotations } = await readAnnotations(file);
      const kept = before.objects.filter(({ review }) => review !== "rejected");
      const outer = annotations.flatMap(({ polygons }) => polygons).length;
      expect(outer).toBeGreaterThanOrEqual(kept.flatMap(({ area }) => area.coordinates).length);
      if (format === "GeoJSON") expect(annotations.map(({ id }) => id)).toEqual(kept.map(({ id }) => id));
    }
    // Brought in again, it says the same: nothing changes.
    await page
      .locator(".annotation-panel input[type=file]")
      .setInputFiles(directory.path("exported-a.geojson"));
    await page.locator(".notice", { hasText: "0 annotations were added." }).waitFor();
    expect((await state()).objects).toHaveLength(before.objects.length);
  }, 120_000);

  it("shows in a second tab what the first saved, and a conflict where that had not heard of it", async () => {
    const [first, second] = [await open(), await open()];
    const deaf = await browser.newPage({ reducedMotion: "reduce" });
    // Without the worker that tabs share, the page listens by itself, which can be kept from it.
    await deaf.addInitScript(() => Reflect.deleteProperty(globalThis, "SharedWorker"));
    await deaf.route("**/api/events", (route) => route.abort());
    await deaf.goto(first.page.url());
    await settled(deaf);
    await deaf.getByRole("tab", { name: "Annotations" }).click();
    await second.page.getByRole("tab", { name: "Annotations" }).click();
    const count = (await state()).objects.length;
    await deaf.getByRole("heading", { name: `${count} annotations` }).waitFor();
    const corner = [
      [20, 500],
      [60, 500],
      [40, 560],
    ] as const;
    await first.page.keyboard.press("d");
    await edited(first.page, () => drag(first.page, corner));
    await second.page.getByRole("heading", { name: `${count + 1} annotations` }).waitFor();

    await deaf.keyboard.press("d");
    await drag(
      deaf,
      corner.map(([x, y]) => [x + 80, y] as const),
    );
    const dialog = deaf.getByRole("dialog", { name: "Saved elsewhere meanwhile" });
    await dialog.waitFor();
    expect(await dialog.getByRole("list").first().innerText()).toBe("Draw Tumor");
    expect(await findings(deaf)).toEqual([]);
    expect((await state()).objects).toHaveLength(count + 1);
    await edited(deaf, () => dialog.getByRole("button", { name: "Reload and apply mine again" }).click());
    expect((await state()).objects).toHaveLength(count + 2);
    await second.page.getByRole("heading", { name: `${count + 2} annotations` }).waitFor();
    await deaf.close();
  }, 120_000);

  it("fits a phone, with fingers", async () => {
    const { page } = await open({ viewport: PHONE });
    await page.getByRole("button", { name: "Brush" }).tap();
    const before = (await state()).objects.length;
    const at = await place(page, 330, 360);
    await page.touchscreen.tap(at.x, at.y);
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    expect(await findings(page)).toEqual([]);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(PHONE.width);
  }, 60_000);
});

/** Runs in the page: what its worker makes of a request. */
function logitsInWorker(request: object): Promise<number[]> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("decoder-worker.js", document.baseURI), { type: "module" });
    worker.addEventListener("message", ({ data }) => {
      if ("failure" in data) reject(new Error(data.failure));
      else resolve(Array.from(data.logits as Float32Array));
      worker.terminate();
    });
    worker.postMessage(request);
  });
}
