import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { JobEntry } from "../../src/contract/index.js";
import { openSlide } from "../../src/slides/index.js";
import { differenceClasses } from "../../src/web/viewer/colour-maps.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import {
  FOCUS,
  findings,
  meanDifference,
  openPage,
  PHONE,
  screenPixels,
  settled,
  type WatchedPage,
  writeWorkspace,
} from "./page-fixture.js";

const directory = temporaryDirectory();

/** As `expect`, of something that comes about; a busy machine takes its time. */
function eventually<Value>(probe: () => Value | Promise<Value>) {
  return expect.poll(probe, { timeout: 20_000 });
}

vi.setConfig({ testTimeout: 180_000, hookTimeout: 240_000 });

describeWithChromium("the page", () => {
  let server: PageServer;
  let browser: Browser;
  let slide: { readonly id: string; readonly path: string };
  let watched: WatchedPage;
  let page: Page;

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    server = await servePage({ ...workspace, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    const [first] = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs");
    if (first === undefined) throw new Error("the generated slides are not in the workspace");
    slide = first;
  }, 240_000);

  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = async (hash = "", options: Parameters<typeof openPage>[2] = {}, address = server.address) => {
    watched = await openPage(browser, `${address}${hash}`, options);
    page = watched.page;
    page.setDefaultTimeout(40_000);
  };
  const slideAt = (query = "") => `#/slides/${slide.id}${query}`;
  /** The middle of the slide on the screen. */
  const middle = async (width: number, height: number) => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    return {
      x: Math.floor(box.x + box.width / 2 - width / 2),
      y: Math.floor(box.y + box.height / 2 - height / 2),
      width,
      height,
    };
  };
  const fragment = () => new URLSearchParams(new URL(page.url()).hash.split("?")[1] ?? "");

  beforeEach(() => {
    watched = { complaints: [], page };
  });
  afterEach(async () => {
    expect(watched.complaints).toEqual([]);
    await page.close();
    // It is no listener any longer, for those that wait for the next one.
    await eventually(() => server.context.events.listeners).toBe(0);
  });

  it("lists slides with size and resolution, and a broken one with the reason", async () => {
    await open();
    const list = page.getByRole("navigation", { name: "Workspace" });
    await list.getByText("640 × 640 · 0.5 µm/px").first().waitFor();
    expect(await list.locator(".broken").innerText()).toMatch(/broken\.svs\s+Cannot be opened: .+/);
    expect(await findings(page)).toEqual([]);
  });

  it("shows a slide's own colours, pixel for pixel", async () => {
    await open(slideAt("?at=320,320&zoom=1&layer="));
    await settled(page);
    const clip = await middle(200, 160);
    const shown = await screenPixels(page, clip);
    const source = await openSlide(slide.path);
    const origin = { space: "level-0" as const, x: 220, y: 240 };
    const expected = await source.readRegion({ level: 0, width: 200, height: 160, origin });
    await source.close();
    expect(meanDifference(shown, expected.data)).toBeLessThan(0.5);
  });

  it("moves, zooms and turns, and its link brings the view back", async () => {
    await open(slideAt());
    await settled(page);
    await page.locator(".openseadragon-canvas").first().focus();
    await page.keyboard.press("1");
    await eventually(() => fragment().get("zoom")).toBe("1");
    await page.keyboard.press("r");
    await eventually(() => fragment().get("turn")).toBe("90");
    // The link tells where movements end: what is compared with it is seen after the last one.
    const unmoved = fragment().get("at");
    await page.keyboard.press("ArrowRight");
    await eventually(() => fragment().get("at")).not.toBe(unmoved);
    await settled(page);
    const before = await screenPixels(page, await middle(100, 100));
    const link = page.url();
    await page.reload();
    await settled(page);
    expect(page.url()).toBe(link);
    expect(meanDifference(await screenPixels(page, await middle(100, 100)), before)).toBeLessThan(1);
    const at = fragment().get("at");
    await page.mouse.move(600, 500);
    await page.mouse.down();
    await page.mouse.move(500, 400, { steps: 4 });
    await page.mouse.up();
    await eventually(() => fragment().get("at")).not.toBe(at);
    await page.mouse.wheel(0, -240);
    await eventually(() => Number(fragment().get("zoom"))).toBeGreaterThan(1);
  });

  it("goes back to the view that was left", async () => {
    await open(slideAt("?at=100,100&zoom=2&layer="));
    await settled(page);
    await page.getByRole("link", { name: /^Jobs/ }).click();
    await page.getByRole("heading", { name: "Jobs", exact: true }).waitFor();
    await page.goBack();
    await settled(page);
    expect(fragment().get("at")).toBe("100,100");
    expect(fragment().get("zoom")).toBe("2");
  });

  it("lays the ground truth over the slide, in the opacity and colours that are chosen", async () => {
    await open(slideAt("?at=320,320&zoom=1&layer="));
    await settled(page);
    const whole = await middle(400, 320);
    const bare = await screenPixels(page, whole);
    await page.getByRole("checkbox", { name: /^Ground truth/ }).check();
    await settled(page);
    await eventually(async () => meanDifference(await screenPixels(page, whole), bare)).toBeGreaterThan(3);
    await page.getByRole("slider", { name: "Opacity of Ground truth" }).fill("0");
    await eventually(async () => meanDifference(await screenPixels(page, whole), bare)).toBeLessThan(0.5);
    await page.getByRole("slider", { name: "Opacity of Ground truth" }).fill("1");
    await page.getByRole("combobox", { name: "Colours of Ground truth" }).selectOption("tint");
    await eventually(() => fragment().get("layer")).toMatch(/:1:tint$/);
    await settled(page);
    const tinted = await screenPixels(page, whole);
    await page.getByRole("combobox", { name: "Colours of Ground truth" }).selectOption("outline");
    await settled(page);
    await eventually(async () => meanDifference(await screenPixels(page, whole), tinted)).toBeGreaterThan(2);
    await page.keyboard.press("h");
    await eventually(async () => meanDifference(await screenPixels(page, whole), bare)).toBeLessThan(0.5);
  });

  it("flies to a focus that is chosen, and back", async () => {
    const [, second] = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs");
    await open(`#/slides/${second?.id}`);
    await settled(page);
    const before = fragment().get("at");
    expect(before).toBe("320,320");
    await page.getByRole("tab", { name: "Results" }).click();
    await page.getByRole("button", { name: /^Focus 1/ }).click();
    const centre = [FOCUS.left + FOCUS.side / 2, FOCUS.top + FOCUS.side / 2];
    await eventually(() =>
      Math.hypot(
        ...(fragment().get("at") ?? "").split(",").map((text, axis) => Number(text) - (centre[axis] ?? 0)),
      ),
    ).toBeLessThan(2);
    await settled(page);
    expect(await findings(page)).toEqual([]);
    await page.goBack();
    await eventually(() => fragment().get("at")).toBe(before);
  });

  it("shows where result and truth differ in the colours of its legend", async () => {
    const [, second] = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs");
    await open(`#/slides/${second?.id}?at=192,448&zoom=2&layer=`);
    await settled(page);
    await page.getByRole("checkbox", { name: /^Difference/ }).check();
    await page.getByRole("slider", { name: /^Opacity of Difference/ }).fill("1");
    await settled(page);
    const clip = await middle(40, 40);
    const known = differenceClasses.map(({ colour }) => colour.join());
    await eventually(async () => {
      const pixels = await screenPixels(page, clip);
      return known.includes([...pixels.subarray(0, 3)].join());
    }).toBe(true);
  });

  it("can be used by keyboard alone", async () => {
    await open();
    await page.locator(".slide-item").first().waitFor();
    for (let presses = 0; presses < 30; presses += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(() => document.activeElement?.matches(".slide-item:not(.broken)"))) break;
    }
    await page.keyboard.press("Enter");
    await settled(page);
    await page.keyboard.press("?");
    await page.getByRole("dialog", { name: "Keyboard shortcuts" }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    const tab = async (name: string) => {
      for (let presses = 0; presses < 80; presses += 1) {
        await page.keyboard.press("Tab");
        const label = await page.evaluate(
          () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent,
        );
        if (label?.startsWith(name)) return;
      }
      throw new Error(`the Tab key does not come to ${name}`);
    };
    await tab("Layers");
    await page.keyboard.press("ArrowRight");
    await page.getByRole("tab", { name: "Results", selected: true }).waitFor();
    await page.keyboard.press("End");
    await page.getByRole("tab", { name: "Slide", selected: true }).waitFor();
    await page.getByText("0.5 × 0.5 µm/px").waitFor();
  });

  it("shows a dataset's patches and enlarges one with its mask", async () => {
    await open();
    await page.getByRole("link", { name: /^patches/ }).click();
    await page.getByRole("combobox", { name: "Label" }).selectOption("tumour");
    await page.getByText("1–2 of 2").waitFor();
    await page.locator(".patch-card").first().click();
    const dialog = page.getByRole("dialog");
    await dialog.locator("canvas").waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
  });

  it("follows a job as the server tells of it", async () => {
    await open("#/jobs");
    await page.getByText("Nothing has been started yet.").waitFor();
    const job: JobEntry = {
      id: "job-1",
      title: "Segment one slide",
      request: { kind: "infer", run: "r", slides: ["s"] },
      state: "running",
      createdAt: new Date().toISOString(),
      startedAt: new Date().toISOString(),
      finishedAt: null,
      progress: { task: "Patches", done: 3, total: 12, detail: "1 s each" },
      log: [],
      problem: null,
      result: null,
      revision: 1,
      resumable: false,
      stopping: false,
    };
    await eventually(() => server.context.events.listeners).toBeGreaterThan(0);
    server.context.events.publish({ event: "jobs", data: job });
    await page.getByText("Patches 3 of 12 · 1 s each").waitFor();
    // Cancelled, it goes on to its next safe point, and says so.
    server.context.events.publish({ event: "jobs", data: { ...job, stopping: true, revision: 2 } });
    await page.getByRole("article", { name: "Segment one slide, stopping" }).waitFor();
    expect(await page.getByRole("button", { name: "Cancel" }).count()).toBe(0);
    const problem = {
      tag: "slide",
      what: "is damaged",
      where: "one.svs",
      why: null,
      action: "Copy it again.",
    };
    server.context.events.publish({
      event: "jobs",
      data: {
        ...job,
        revision: 3,
        state: "failed",
        problem,
        progress: null,
        resumable: true,
        log: ["begun"],
      },
    });
    await page.getByRole("article", { name: "Segment one slide, failed" }).waitFor();
    expect(await page.locator(".job .problem").innerText()).toMatch(
      /one\.svs: Is damaged\.\s+Copy it again\./,
    );
    await page.getByRole("button", { name: "Resume" }).waitFor();
    expect(await findings(page)).toEqual([]);
  });

  it("tells how far a job is as a whole, and when it ends, and repeats it with changes", async () => {
    await open("#/");
    await page.context().grantPermissions(["notifications"]);
    await page.evaluate(() => {
      class Told extends EventTarget {
        static readonly permission = "granted";
        static requestPermission = () => Promise.resolve("granted");
        constructor(title: string) {
          super();
          // As on Android, whatever it permits.
          if (document.body.dataset.told === undefined) {
            document.body.dataset.told = "none";
            throw new TypeError("Illegal constructor");
          }
          document.body.dataset.told = title;
        }
      }
      Object.assign(window, { Notification: Told });
    });
    const job: JobEntry = {
      id: "job-2",
      title: "Prepare set from one slide",
      request: {
        ...{ kind: "prepare", name: "set", slides: [slide.id, "gone"], patchSize: 128, stride: 64 },
        ...{ annotations: "files", split: [60, 20, 20] },
      },
      state: "running",
      createdAt: new Date().toISOString(),
      startedAt: new Date(Date.now() - 65_000).toISOString(),
      finishedAt: null,
      progress: {
        ...{ task: "writing patches", done: 1, total: 10, detail: null },
        whole: { share: 0.625, secondsLeft: 600 },
      },
      log: [],
      problem: null,
      result: null,
      revision: 1,
      resumable: false,
      stopping: false,
    };
    await eventually(() => server.context.events.listeners).toBeGreaterThan(0);
    server.context.events.publish({ event: "jobs", data: job });
    await page.getByRole("link", { name: /^Jobs/ }).click();
    const card = page.getByRole("article", { name: /^Prepare set/ });
    await card.getByText("62 %, about 10 min left").waitFor();
    await card.getByText(/^since .*, for 1 min \d+ s$/).waitFor();
    expect(await card.getByRole("progressbar").getAttribute("value")).toBe("0.625");
    const wanted = page.getByRole("checkbox", { name: /^Let the browser tell/ });
    await wanted.click();
    await page.getByText("The title of this page tells when a job ends.").waitFor();
    await page.getByRole("link", { name: "EP-SAM" }).click();
    await page.getByRole("link", { name: /^Jobs/ }).click();
    await wanted.check();
    await eventually(() => page.locator("body").getAttribute("data-told")).toMatch(/^Ends of jobs/);
    await page.getByRole("link", { name: "EP-SAM" }).click();
    // As while somebody is in another window.
    await page.evaluate(() => Object.assign(document, { hasFocus: () => false }));
    const finishedAt = new Date().toISOString();
    server.context.events.publish({
      event: "jobs",
      data: { ...job, revision: 2, state: "done", progress: null, finishedAt },
    });
    await eventually(() => page.title()).toBe("(1 job has ended) Slides · EP-SAM");
    expect(await page.locator("body").getAttribute("data-told")).toBe("Prepare set from one slide: done.");
    await page.getByText("Prepare set from one slide: done.").last().waitFor();
    await page.evaluate(() => Object.assign(document, { hasFocus: () => true }));
    await page.getByRole("link", { name: /^Jobs/ }).press("Enter");
    await eventually(() => page.title()).toBe("Jobs · EP-SAM");
    await card.getByRole("link", { name: "Repeat with changes …" }).press("Enter");
    const form = page.getByRole("form", { name: "Prepare a dataset" });
    expect(await form.getByLabel("Name of the dataset").inputValue()).toBe("set 2");
    expect(await form.getByLabel("Patch size").inputValue()).toBe("128");
    expect(await form.getByLabel("Split").inputValue()).toBe("60,20,20");
    expect(await form.getByLabel("Annotations").inputValue()).toBe("files");
    await form.getByText("A slide of that job is not here any more and left out.").waitFor();
    expect(await form.getByRole("checkbox", { checked: true }).count()).toBe(1);
    expect(await findings(page)).toEqual([]);
  });

  it("runs a job that was started in it, shows what it made, and cancels another", async () => {
    await open("#/jobs?start=prepare");
    const form = page.getByRole("form", { name: "Prepare a dataset" });
    await form.getByLabel("Name of the dataset").fill("cut here");
    for (const box of await form.getByRole("checkbox").all()) await box.check();
    await form.getByLabel("Annotations").selectOption("files");
    await form.getByLabel("Where to look").selectOption("all");
    await form.getByLabel("Patch size").fill("64");
    await form.getByLabel("Microns per pixel of the patches").fill("0.5");
    await form.getByLabel("Split").fill("1,0,0");
    await form.getByLabel("Step between patches").fill("64");
    await form.getByRole("button", { name: "Start" }).click();
    const prepared = page.getByRole("article", { name: /cut here/ });
    await prepared.getByRole("progressbar").waitFor();
    await page.getByRole("article", { name: /cut here.*, done/ }).waitFor({ timeout: 120_000 });
    await prepared.getByRole("link", { name: "The dataset" }).click();
    await page.getByRole("heading", { name: "cut here" }).waitFor();
    await page.locator(".patch-card img").first().waitFor();
    const { datasets } = await server.workspace();
    const made = datasets.find(({ name }) => name === "cut here");
    expect(made).toMatchObject({ patchSize: 64, problem: null });
    expect([made?.counts.val, made?.counts.test]).toEqual([
      { positive: 0, negative: 0 },
      { positive: 0, negative: 0 },
    ]);
    const { root } = server.context.workspace.dataset(made?.id ?? "");
    expect(JSON.parse(await readFile(join(root, "dataset.json"), "utf8"))).toMatchObject({
      settings: { resolution: { mpp: 0.5 }, split: [1, 0, 0] },
    });

    await page.getByRole("link", { name: "Train …" }).click();
    await page.getByLabel("Name of the run").fill("given up");
    await page.getByRole("button", { name: "Start" }).click();
    const training = page.getByRole("article", { name: /given up/ });
    await training.getByRole("progressbar").waitFor();
    await training.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("article", { name: /given up.*, cancelled/ }).waitFor({ timeout: 120_000 });
    expect(await findings(page)).toEqual([]);

    // Jobs leave the list, with their logs; what they made stays.
    for (const name of ["given up", "cut here"]) {
      await page.getByRole("article", { name }).getByRole("button", { name: "Remove …" }).first().click();
      await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).click();
      await expect
        .poll(() => page.getByRole("article", { name: new RegExp(`${name}.*, (done|cancelled)`) }).count())
        .toBe(0);
    }
    await page.reload();
    await page.getByRole("navigation").getByText("cut here").waitFor();
    expect(await page.getByRole("article", { name: /cut here|given up/ }).count()).toBe(0);
  });

  it("runs, cancels and removes jobs with fingers on a phone, and says so", async () => {
    await open("#/jobs?start=prepare", { viewport: PHONE });
    const spoken = () => page.locator("[aria-live=polite]").last().innerText();
    const form = page.getByRole("form", { name: "Prepare a dataset" });
    await form.getByLabel("Name of the dataset").fill("by finger");
    await form.getByRole("checkbox").first().tap();
    await form.getByLabel("Patch size").fill("64");
    await form.getByLabel("Microns per pixel of the patches").fill("0.5");
    await form.getByLabel("Where to look").selectOption("all");
    await form.getByLabel("Annotations").selectOption("files");
    await form.getByRole("button", { name: "Start" }).tap();
    await eventually(spoken).toContain("started.");
    const card = page.getByRole("article", { name: /by finger/ });
    await card.getByRole("button", { name: "Cancel" }).tap();
    await eventually(spoken).toMatch(/(stopping|cancelled)\.$/);
    await page.getByRole("article", { name: /by finger.*, cancelled/ }).waitFor({ timeout: 120_000 });
    expect(await page.evaluate(controlsBeyondTheSides)).toEqual([]);
    await card.getByRole("button", { name: "Remove …" }).tap();
    await page.getByRole("dialog").getByRole("button", { name: "Remove", exact: true }).tap();
    await eventually(() => card.count()).toBe(0);
    await eventually(spoken).toContain("removed.");
  });

  it("says that the server is gone", async () => {
    const gone = await servePage({ inputs: [], stateDirectory: directory.path("gone") });
    await open("", {}, gone.address);
    await page.getByText("No slides here.").waitFor();
    await eventually(() => gone.context.events.listeners).toBe(1);
    await gone.close();
    await page.getByText("The server does not answer. Trying again …").waitFor();
    await page.evaluate(() => {
      location.hash = "#/slides/some";
    });
    await page.getByText("See whether `epsam view` still runs in its terminal").waitFor();
    // The browser itself complains of every request that finds nobody.
    expect(watched.complaints.filter((text) => !text.includes("Failed to load resource"))).toEqual([]);
    watched.complaints.length = 0;
  });

  it("says what is wrong with a form, and takes it to the field", async () => {
    await open("#/jobs?start=prepare");
    await page.getByRole("button", { name: "Start" }).click();
    await page.getByText("Choose at least one slide.").waitFor();
    await eventually(() => page.evaluate(() => document.activeElement?.getAttribute("aria-invalid"))).toBe(
      "true",
    );
    expect(await findings(page)).toEqual([]);
  });

  it.each([
    ["light", false],
    ["dark", true],
  ])("has nothing serious against it with a slide open, %s", async (_, dark) => {
    await open(slideAt(), { dark });
    await settled(page);
    expect(await findings(page)).toEqual([]);
  });

  it.each([
    ["light", false],
    ["dark", true],
  ])("has buttons that can be read with the pointer on them, %s", async (_, dark) => {
    await open("#/jobs?start=prepare", { dark });
    await page.getByRole("form").waitFor();
    const contrasts: Record<string, number> = {};
    const measure = async () => {
      for (const button of await page.locator(".button:visible").all()) {
        if (await button.isDisabled()) continue;
        await button.hover();
        contrasts[await button.innerText()] = await button.evaluate(contrastOf);
      }
    };
    // Those of the dialog, then those behind it.
    await page.getByRole("button", { name: "Start" }).hover();
    contrasts.Start = await page.getByRole("button", { name: "Start" }).evaluate(contrastOf);
    await page.keyboard.press("Escape");
    await page.getByRole("form").waitFor({ state: "detached" });
    await measure();
    await page.evaluate((hash) => {
      location.hash = hash;
    }, slideAt());
    await settled(page);
    await page.getByRole("tab", { name: "Results" }).click();
    await measure();
    await page.getByRole("tab", { name: "Annotations" }).click();
    await measure();
    expect(Object.keys(contrasts)).toEqual(
      expect.arrayContaining(["Start", "Train …", "Segment this slide …", "Export GeoJSON"]),
    );
    // WCAG 2.2, 1.4.3.
    for (const [name, contrast] of Object.entries(contrasts)) expect(contrast, name).toBeGreaterThan(4.5);
  });

  it.each([
    [1024, 768],
    [820, 1180],
    [1280, 720],
  ])("has every button on a screen of %i × %i", async (width, height) => {
    await open(slideAt(), { viewport: { width, height } });
    await settled(page);
    for (const tab of ["Layers", "Results", "Annotations", "Slide"]) {
      await page.getByRole("tab", { name: tab }).click();
      expect(await page.evaluate(controlsBeyondTheSides), tab).toEqual([]);
    }
    const view = await page.locator(".slide-view").boundingBox();
    expect(view?.height).toBeGreaterThan(height / 2);
  });

  it("fits a phone: workspace and panel come when they are asked for", async () => {
    await open(slideAt(), { viewport: PHONE });
    await settled(page);
    expect(await page.getByRole("navigation", { name: "Workspace" }).count()).toBe(0);
    await page.getByRole("button", { name: "Panel" }).click();
    await page.getByRole("checkbox", { name: /^Ground truth/ }).waitFor();
    const view = await page.locator(".slide-view").boundingBox();
    expect(view?.height).toBeGreaterThan(250);
    expect(await findings(page)).toEqual([]);
    await page.getByRole("button", { name: "Workspace" }).click();
    await page.getByRole("navigation", { name: "Workspace" }).waitFor();
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("navigation", { name: "Workspace" }).waitFor({ state: "detached" });
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width).toBeLessThanOrEqual(PHONE.width);
  });
});

/** Runs in the page: the contrast of an element's text on its ground (WCAG 2.2, relative luminance). */
function contrastOf(element: Element): number {
  const luminance = (colour: string) => {
    const [red = 0, green = 0, blue = 0] = (colour.match(/[\d.]+/g) ?? []).map((text) => {
      const value = Number(text) / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const { color, backgroundColor } = getComputedStyle(element);
  const [one, other] = [luminance(color), luminance(backgroundColor)];
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}

/** Runs in the page: what can be used and lies beyond the left or the right side of the window. */
function controlsBeyondTheSides(): string[] {
  return [...document.querySelectorAll("button, a, select, input")].flatMap((control) => {
    const { left, right, width } = control.getBoundingClientRect();
    const isSeen = width > 0 && !control.classList.contains("skip-link");
    const isBeyond = right > innerWidth + 1 || left < -1;
    return isSeen && isBeyond ? [control.getAttribute("aria-label") ?? control.textContent ?? "?"] : [];
  });
}
