import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { AnnotationState, Problem } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { openPage, settled, type WatchedPage, writeWorkspace } from "../page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

const REFUSALS = [
  { status: 507, tag: "storage", what: "cannot be written", why: "no space left on device" },
  { status: 503, tag: "busy", what: "another server saves annotations here", why: null },
  { status: 502, tag: null, what: "Bad Gateway", why: null },
] as const;

describeWithChromium("what was drawn and not saved", () => {
  let server: PageServer;
  let browser: Browser;
  let watched: WatchedPage;
  let page: Page;
  let slides: string[] = [];

  beforeAll(async () => {
    const workspace = await writeWorkspace(directory.path("workspace"));
    server = await servePage({ ...workspace, stateDirectory: directory.path("state") });
    browser = await launchChromium();
    slides = server.context.workspace.slides.filter(({ name }) => name !== "broken.svs").map(({ id }) => id);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });
  beforeEach(async () => {
    watched = await openPage(browser, `${server.address}#/slides/${slides[0]}?at=320,320&zoom=1&layer=`);
    page = watched.page;
    page.setDefaultTimeout(30_000);
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
  });
  afterEach(async () => {
    // The browser itself complains of every refusal.
    expect(watched.complaints.filter((text) => !text.includes("Failed to load resource"))).toEqual([]);
    await page.close();
  });

  const state = async (slide = slides[0]): Promise<AnnotationState> =>
    (await (await fetch(`${server.address}api/slides/${slide}/annotations`)).json()) as AnnotationState;
  const at = async (x: number, y: number) => {
    const box = await page.locator(".slide-view").boundingBox();
    if (box === null) throw new Error("the slide is not on the screen");
    return { x: box.x + box.width / 2 + x - 320, y: box.y + box.height / 2 + y - 320 };
  };
  const clicks = async (...positions: readonly (readonly [number, number])[]) => {
    for (const [x, y] of positions) {
      const place = await at(x, y);
      await page.mouse.click(place.x, place.y);
    }
  };
  const drawTriangle = async (x: number) => {
    await page.keyboard.press("d");
    await clicks([x, 300], [x + 60, 300], [x + 30, 360]);
    await page.keyboard.press("Enter");
  };
  const refuse = (status: number, problem: Problem | null) =>
    page.route("**/annotations", (route) =>
      route.request().method() === "POST"
        ? route.fulfill({
            status,
            ...(problem === null ? { body: "Bad Gateway" } : { json: { problem } }),
          })
        : route.continue(),
    );
  const listed = (count: number) =>
    page.getByRole("heading", { name: count === 1 ? "1 annotation" : `${count} annotations` }).waitFor();
  const notice = () => page.locator(".notice", { hasText: "could not be saved" });

  it.each(REFUSALS)("stays through $status and is saved by itself afterwards", async (refusal) => {
    const { status, tag, what, why } = refusal;
    const before = (await state()).objects.length;
    await refuse(status, tag === null ? null : { tag, what, why, where: "annotations", action: null });
    await drawTriangle(100);
    await notice().waitFor();
    expect(await notice().innerText()).toContain("tries again by itself");
    await listed(before + 1);
    // Tried again by the user, it still says that it is not saved, and nothing is lost.
    await page.getByRole("button", { name: "Not saved: try again" }).click();
    await page.locator(".save-mark.trouble").waitFor();
    await listed(before + 1);
    expect((await state()).objects).toHaveLength(before);
    // Closed, the notice stays closed while the page goes on trying.
    await notice().getByRole("button", { name: "Close this notice" }).click();
    await page.waitForResponse((response) => response.status() === status);
    await page.waitForResponse((response) => response.status() === status);
    expect(await notice().count()).toBe(0);
    await drawTriangle(200);
    await notice().waitFor();
    await listed(before + 2);
    await page.unroute("**/annotations");
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await notice().waitFor({ state: "detached" });
    expect((await state()).objects).toHaveLength(before + 2);
    await listed(before + 2);
  });

  it("stays when it is refused for good, until it is dropped", async () => {
    const before = (await state()).objects.length;
    const problem = { tag: "usage", what: "is not wanted", why: null, where: null, action: null };
    await refuse(422, problem);
    await drawTriangle(300);
    await notice().waitFor();
    await listed(before + 1);
    await page.getByRole("button", { name: "Not saved: try again" }).click();
    await page.getByRole("region", { name: "Not saved" }).waitFor();
    await listed(before + 1);
    await page.unroute("**/annotations");
    await page.getByRole("button", { name: "Drop “Draw Tumor”" }).click();
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await notice().waitFor({ state: "detached" });
    await listed(before);
    expect((await state()).objects).toHaveLength(before);
  });

  it("stays while another slide is looked at, and is saved from there", async () => {
    const before = (await state()).objects.length;
    const problem = { tag: "storage", what: "cannot be written", why: null, where: null, action: null };
    await refuse(507, problem);
    await drawTriangle(400);
    await notice().waitFor();
    await page.evaluate((id) => {
      location.hash = `#/slides/${id}`;
    }, slides[1]);
    await settled(page);
    expect(await notice().count()).toBe(1);
    await page.goBack();
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    await listed(before + 1);
    await page.locator(".save-mark.trouble").waitFor();
    await page.goForward();
    await settled(page);
    await page.unroute("**/annotations");
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    await notice().waitFor({ state: "detached" });
    expect((await state(slides[1])).objects).toHaveLength(0);
  });

  it("is asked about before the page is loaded again, half drawn or refused", async () => {
    const asked: string[] = [];
    page.on("dialog", (dialog) => {
      asked.push(dialog.type());
      void dialog.dismiss();
    });
    const reload = () => page.evaluate(() => location.reload());
    await page.keyboard.press("d");
    await clicks([100, 100], [160, 100]);
    await reload();
    await expect.poll(() => asked).toEqual(["beforeunload"]);
    await clicks([130, 160]);
    const before = (await state()).objects.length;
    await page.keyboard.press("Enter");
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    await page.locator(".save-mark[data-state=saved]").waitFor();
    // Nothing is begun and all is saved: nobody is asked.
    await page.reload();
    expect(asked).toHaveLength(1);
  });

  it("keeps what was typed into a form over a reload, and a dialog when a selection ends outside", async () => {
    await page.goto(`${server.address}#/jobs?start=prepare`);
    const dialog = page.getByRole("dialog", { name: "Prepare a dataset" });
    const name = dialog.getByLabel("Name of the dataset");
    await name.fill("typed name");
    await dialog.getByLabel("Patch size").fill("224");
    await page.reload();
    await expect.poll(() => name.inputValue()).toBe("typed name");
    expect(await dialog.getByLabel("Patch size").inputValue()).toBe("224");
    const [field, whole] = [await name.boundingBox(), await dialog.boundingBox()];
    if (field === null || whole === null) throw new Error("there is no dialog on the screen");
    await page.mouse.move(field.x + 40, field.y + field.height / 2);
    await page.mouse.down();
    await page.mouse.move(whole.x - 40, field.y + field.height / 2, { steps: 5 });
    await page.mouse.up();
    expect(await dialog.isVisible()).toBe(true);
    expect(await name.inputValue()).toBe("typed name");
    await page.mouse.click(whole.x - 40, whole.y + 20);
    await dialog.waitFor({ state: "detached" });
  });
});
