import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import type { AnnotationState, Problem } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { type PageServer, servePage } from "../../support/page-server.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { openPage, settled, type WatchedPage, writeWorkspace } from "../page-fixture.js";

const directory = temporaryDirectory();

vi.setConfig({ testTimeout: 120_000, hookTimeout: 240_000 });

/** What can become of a save, and whether it may pass, so that the page tries again by itself. */
const REFUSALS = [
  { how: "400", tag: "usage", isPassing: false },
  { how: "403", tag: "forbidden", isPassing: false },
  { how: "409", tag: "conflict", isPassing: false },
  { how: "413", tag: "too-large", isPassing: false },
  { how: "422", tag: "annotation", isPassing: false },
  { how: "500", tag: "internal", isPassing: false },
  { how: "502", tag: null, isPassing: true },
  { how: "503", tag: "busy", isPassing: true },
  { how: "507", tag: "storage", isPassing: true },
  { how: "no network", tag: null, isPassing: true },
  { how: "an answer that is lost", tag: null, isPassing: true },
  { how: "an answer of another version", tag: null, isPassing: true },
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
  /** Lets saves end in trouble until it is over. */
  const refuse = async (how: string, tag: string | null) => {
    const problem: Problem | null =
      tag === null ? null : { tag, what: "is not to be had", why: "so", where: "annotations", action: null };
    await page.route("**/annotations", async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      if (how === "no network") return route.abort("internetdisconnected");
      if (how === "an answer of another version")
        return route.fulfill({ status: 200, json: { saved: true } });
      if (how !== "an answer that is lost")
        return route.fulfill({
          status: Number(how),
          ...(problem === null ? { body: "Bad Gateway" } : { json: { problem } }),
        });
      await route.fetch();
      return route.abort("connectionreset");
    });
  };
  const listed = (count: number) =>
    page.getByRole("heading", { name: count === 1 ? "1 annotation" : `${count} annotations` }).waitFor();
  const notice = () => page.locator(".notice", { hasText: "could not be saved" });

  it.each(REFUSALS)("stays through $how, whatever is done meanwhile", async ({ how, tag, isPassing }) => {
    const before = (await state()).objects.length;
    const isLost = how === "an answer that is lost";
    await refuse(how, tag);
    await drawTriangle(100);
    await notice().waitFor();
    expect(await notice().innerText()).toContain(
      isPassing ? "tries again by itself" : "Try again, or drop it",
    );
    await listed(before + 1);
    // Tried again by the user, it still says that it is not saved, and nothing is lost.
    await page.getByRole("button", { name: "Not saved: try again" }).click();
    await page.getByRole("region", { name: "Not saved" }).waitFor();
    await listed(before + 1);
    expect((await state()).objects).toHaveLength(before + (isLost ? 1 : 0));
    // Leaving asks.
    const asked = page.waitForEvent("dialog");
    await page.evaluate(() => setTimeout(() => location.reload(), 0));
    const dialog = await asked;
    expect(dialog.type()).toBe("beforeunload");
    await dialog.dismiss();
    // Closed, the notice stays closed until there is something new to tell.
    await notice().getByRole("button", { name: "Close this notice" }).click();
    if (isPassing) await page.waitForRequest((request) => request.method() === "POST");
    expect(await notice().count()).toBe(0);
    // What is under way when the refusal ends would be saved without being asked.
    const answered = isPassing
      ? null
      : page.waitForResponse((response) => response.request().method() === "POST" && !response.ok());
    await drawTriangle(200);
    await answered;
    await notice().waitFor();
    await listed(before + 2);
    await page.unrouteAll({ behavior: "wait" });
    if (!isPassing) await page.getByRole("button", { name: "Not saved: try again" }).click();
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await notice().waitFor({ state: "detached" });
    expect((await state()).objects).toHaveLength(before + 2);
    await listed(before + 2);
    expect(await page.getByRole("dialog").count()).toBe(0);
  });

  it("goes when it is dropped, and takes nothing else along", async () => {
    const before = (await state()).objects.length;
    await refuse("422", "annotation");
    await drawTriangle(300);
    await notice().waitFor();
    await listed(before + 1);
    await page.unrouteAll({ behavior: "wait" });
    await page.getByRole("button", { name: "Drop “Draw Tumor”" }).click();
    await page.locator(".save-mark[data-state=saved]").waitFor();
    await notice().waitFor({ state: "detached" });
    await listed(before);
    expect((await state()).objects).toHaveLength(before);
  });

  it("stays while another slide is looked at, and is saved from there", async () => {
    const before = (await state()).objects.length;
    await refuse("507", "storage");
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
    await page.unrouteAll({ behavior: "wait" });
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
