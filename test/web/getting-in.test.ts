import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import type { SlideEntry } from "../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../support/chromium.js";
import { type PageServer, servePage } from "../support/page-server.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { writeGradientSlide } from "../support/test-server.js";
import { findings, mainThreadTime, openPage, PHONE, quietPages } from "./page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

describeWithChromium("slides of the workspace", () => {
  let server: PageServer;
  let browser: Browser;
  const opened = quietPages();

  beforeAll(async () => {
    await mkdir(directory.path("case"), { recursive: true });
    await writeGradientSlide(directory.path("case/one.tif"), 300, 200);
    const bytes = await readFile(directory.path("case/one.tif"));
    await writeFile(directory.path("case/two.tif"), bytes);
    await writeFile(directory.path("three.tif"), bytes);
    await writeFile(directory.path("broken.svs"), "no slide");
    server = await servePage({ inputs: [], stateDirectory: directory.path("state") });
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  const open = async (
    prepare: (page: Page) => Promise<void> = async () => undefined,
    options: Parameters<typeof openPage>[2] = {},
  ) => {
    const watched = await openPage(browser, `${server.address}#/`, options);
    opened.push(watched);
    watched.page.setDefaultTimeout(30_000);
    await prepare(watched.page);
    return watched.page;
  };

  it("come in when they are dropped with their folder, or chosen, and what is refused is named", async () => {
    const page = await open();
    const session = await page.context().newCDPSession(page);
    const drag = (type: "dragEnter" | "dragOver" | "drop", files: readonly string[]) =>
      session.send("Input.dispatchDragEvent", {
        ...{ type, x: 700, y: 400 },
        data: { items: [], files: [...files], dragOperationsMask: 1 },
      });
    const dropped = [directory.path("case")];
    await drag("dragEnter", dropped);
    await drag("dragOver", dropped);
    await page.getByText("Drop slides, annotation files, results, or folders of them").waitFor();
    await drag("drop", dropped);
    const region = page.getByRole("region", { name: "Files on their way" });
    await region.getByText("Added: 2 slides").waitFor();
    await page
      .getByRole("navigation")
      .getByRole("link", { name: /^two\.tif/ })
      .waitFor();
    await region.getByRole("button", { name: "Close" }).press("Enter");

    const add = page.getByRole("navigation").getByRole("button", { name: "Add files …" });
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), add.press("Enter")]);
    await chooser.setFiles([directory.path("three.tif"), directory.path("broken.svs")]);
    await region.getByText("Added: 1 slide; 1 file was refused").waitFor();
    await region.getByText("broken.svs:").waitFor();
    expect(await findings(page)).toEqual([]);
    await region.getByRole("link", { name: "three.tif" }).click();
    await page.getByRole("heading", { name: "three.tif" }).waitFor();
    const kept = server.context.workspace.slides.map(({ path }) => path);
    expect(kept.every((path) => path.startsWith(join(directory.path("state"), "received")))).toBe(true);
  });

  it("are chosen with a finger on a phone and opened there", async () => {
    const watched = await openPage(browser, `${server.address}#/`, { viewport: PHONE });
    opened.push(watched);
    const { page } = watched;
    page.setDefaultTimeout(30_000);
    await page.getByRole("button", { name: "Workspace" }).tap();
    const sheet = page.getByRole("navigation");
    const add = sheet.getByRole("button", { name: "Add files …" });
    const [chooser] = await Promise.all([page.waitForEvent("filechooser"), add.tap()]);
    await writeFile(directory.path("four.tif"), await readFile(directory.path("three.tif")));
    await chooser.setFiles([directory.path("four.tif")]);
    const region = page.getByRole("region", { name: "Files on their way" });
    await region.getByText("Added: 1 slide").waitFor();
    expect(await findings(page)).toEqual([]);
    await region.getByRole("button", { name: "Close" }).tap();
    await sheet.getByRole("link", { name: /^four\.tif/ }).tap();
    await page.getByRole("heading", { name: "four.tif" }).waitFor();
  });

  it("stay away when somebody cancels", async () => {
    const page = await open();
    // The second piece never ends.
    await page.route(/received\/\w+\/0\?offset=8388608/, () => undefined);
    const file = { name: "large.svs", mimeType: "", buffer: Buffer.alloc(9e6) };
    await page.getByLabel("Files to add").first().setInputFiles(file);
    const region = page.getByRole("region", { name: "Files on their way" });
    await expect
      .poll(async () => Number(await region.getByRole("progressbar").getAttribute("value")))
      .toBe(2 ** 23);
    await region.getByRole("button", { name: "Cancel" }).click();
    await expect.poll(() => region.count()).toBe(0);
    const slides = server.context.workspace.slides.map(({ name }) => name);
    expect(slides).not.toContain("large.svs");
  });

  it("are filtered, ordered and grouped, a thousand of them too, in the list and on the first page", async () => {
    const slides = Array.from(
      { length: 1000 },
      (_, at): SlideEntry => ({
        id: `s${at}`,
        name: `slide ${at}.svs`,
        status: { state: "ready" },
        size: { width: 1000 + at, height: 1000 },
        micronsPerPixel: { x: 0.25, y: 0.25 },
        format: at % 10 === 0 ? "DICOM" : "SVS",
        annotationCount: at % 4,
        unreviewedCount: at % 4 === 3 ? 1 : 0,
        annotationFile: at === 8,
        segmented: at % 5 === 0,
      }),
    );
    const withThousand = async (blank: Page) => {
      await blank.route("**/thumbnail*", (route) =>
        route.fulfill({ contentType: "image/svg+xml", body: '<svg xmlns="http://www.w3.org/2000/svg"/>' }),
      );
      await blank.route("**/api/workspace", (route) =>
        route.fulfill({ json: { version: "1", slides, datasets: [], runs: [], folders: [] } }),
      );
      await blank.reload();
    };
    const page = await open(withThousand);
    const navigation = page.getByRole("navigation");
    /** How many there are, as their first items tell screen readers. */
    const told = async (list: string) => {
      const first = await page.locator(`${list} > li:first-child`).all();
      const sizes = await Promise.all(first.map((item) => item.getAttribute("aria-setsize")));
      return sizes.reduce((sum, size) => sum + Number(size), 0);
    };
    const listed = () => told(".slide-list");
    const cards = () => told(".slide-cards");
    const current = () =>
      page.evaluate(() => document.activeElement?.querySelector(".item-name")?.textContent);
    await expect.poll(listed).toBe(1000);
    const name = navigation.getByRole("searchbox", { name: "Filter slides by name" });
    const typing = await mainThreadTime(page, async () => {
      await name.fill("slide 99");
      await expect.poll(listed).toBe(11);
    });
    expect(await cards()).toBe(11);
    const back = await mainThreadTime(page, async () => {
      await name.fill("");
      await expect.poll(cards).toBe(1000);
    });
    // Both budgets are several times what a quiet core takes.
    expect(Math.max(typing, back)).toBeLessThan(3000);
    process.stdout.write(
      `1,000 slides: filtered in ${typing.toFixed(0)} ms, all again in ${back.toFixed(0)} ms\n`,
    );
    // What is seen is drawn, wherever the list is scrolled to; the keyboard gets to all of it.
    expect(await page.locator(".slide-list > li, .slide-cards > li").count()).toBeLessThan(120);
    await page.locator(".sidebar-sections").evaluate((element) => element.scrollBy(0, 86 * 500));
    await navigation.getByRole("link", { name: /^slide 500\.svs/ }).focus();
    for (const [key, to] of [
      ["Tab", 503],
      ["Shift+Tab", 497],
    ] as const) {
      for (let at = Number(/\d+/.exec((await current()) ?? "")?.[0]); at !== to; at += Math.sign(to - at))
        await page.keyboard.press(key);
      expect(await current()).toBe(`slide ${to}.svs`);
    }
    await navigation.locator("summary", { hasText: "Datasets" }).focus();
    await page.keyboard.press("Shift+Tab");
    expect(await current()).toBe("slide 999.svs");
    await navigation.getByText("Filter, sort and group").press("Enter");
    await navigation.getByRole("combobox", { name: "Results", exact: true }).selectOption("yes");
    await navigation.getByRole("combobox", { name: "Kind", exact: true }).selectOption("DICOM");
    await expect.poll(listed).toBe(100);
    await navigation.getByRole("combobox", { name: "Review", exact: true }).selectOption("yes");
    // Of those in tens, every other has two annotations, all of them judged.
    await expect.poll(listed).toBe(50);
    await navigation.getByRole("combobox", { name: "Order", exact: true }).selectOption("largest");
    expect(await page.locator(".slide-cards .item-name").first().innerText()).toBe("slide 990.svs");
    await page.getByRole("main").getByRole("button", { name: "Show all" }).click();
    await expect.poll(listed).toBe(1000);
    await navigation.getByRole("combobox", { name: "Groups", exact: true }).selectOption("annotated");
    expect(await navigation.locator(".slide-group").allInnerTexts()).toEqual([
      "annotated 751",
      "not annotated 249",
    ]);
    await page.reload();
    await expect.poll(() => page.getByRole("main").locator(".slide-group").count()).toBe(2);
    await name.fill("slide 99");
    await expect.poll(listed).toBe(11);
    expect(await findings(page)).toEqual([]);

    // With a finger on a phone, where how many there are is said, too.
    const phone = await open(withThousand, { viewport: PHONE });
    await phone.getByRole("button", { name: "Workspace" }).tap();
    const sheet = phone.getByRole("navigation");
    await sheet.getByText("Filter, sort and group").tap();
    await sheet.getByRole("combobox", { name: "Kind", exact: true }).selectOption("DICOM");
    await expect.poll(() => sheet.getByRole("status").innerText()).toMatch(/^100 of 1\s?000 slides/);
    await sheet.getByRole("button", { name: "Show all" }).tap();
    await expect.poll(() => sheet.getByRole("status").innerText()).toBe("");
  });
});
