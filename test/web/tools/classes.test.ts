import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { writeGeneratedSlides } from "../../../src/cli/demo/generated-slides.js";
import { silentReporter } from "../../../src/common/index.js";
import type { AnnotationState, Workspace } from "../../../src/contract/index.js";
import { describeWithChromium, launchChromium } from "../../support/chromium.js";
import { temporaryDirectory } from "../../support/temporary-directory.js";
import { ViewProcess } from "../../support/view-process.js";
import { findings, openPage, PHONE, quietPages, settled } from "../page-fixture.js";

const directory = temporaryDirectory();

describeWithChromium("classes and comments in the page", () => {
  let view: ViewProcess;
  let browser: Browser;
  let slides: string[] = [];
  let names: string[] = [];
  const opened = quietPages();

  beforeAll(async () => {
    await writeGeneratedSlides(directory.path("tissue"), {
      ...{ count: 2, seed: 3, size: 320, micronsPerPixel: 0.5, reporter: silentReporter },
    });
    view = await ViewProcess.start({
      stateDirectory: directory.path("state"),
      inputs: [directory.path("tissue")],
    });
    browser = await launchChromium();
    const workspace: Workspace = await (await fetch(`${view.address}api/workspace`)).json();
    slides = workspace.slides.map(({ id }) => id);
    names = workspace.slides.map(({ name }) => name);
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await view?.kill();
  });

  const state = async (slide = slides[0]): Promise<AnnotationState> =>
    (await fetch(`${view.address}api/slides/${slide}/annotations`)).json();
  const addressOf = (slide = slides[0]) => `${view.address}#/slides/${slide}?at=160,160&zoom=1&layer=`;
  const open = async () => {
    const watched = await openPage(browser, addressOf());
    watched.page.setDefaultTimeout(30_000);
    opened.push(watched);
    await settled(watched.page);
    return watched.page;
  };
  const goTo = async (page: Page, index: number) => {
    await page.goto(addressOf(slides[index]));
    await page.getByRole("region", { name: `Slide ${names[index]}` }).waitFor();
    await settled(page);
  };
  /** Draws a rectangle around the middle of the slide, so far from it to each side. */
  const box = async (page: Page, side: number) => {
    const { x, y, width, height } = (await page.locator(".slide-view").boundingBox()) ?? expect.unreachable();
    await page.keyboard.press("q");
    await page.mouse.move(x + width / 2 - side, y + height / 2 - side);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + side, y + height / 2 + side, { steps: 3 });
    await page.mouse.up();
    await page.locator(".save-mark[data-state=saved]").waitFor();
  };
  const classesOn = async (slide?: string) =>
    (await state(slide)).objects.map(({ classification }) => classification);

  it("have keys, colours and names that change all annotations of all slides", async () => {
    const page = await open();
    await box(page, 40);
    await expect.poll(() => classesOn()).toEqual(["Tumor"]);
    await page.keyboard.press("2");
    await expect.poll(() => classesOn()).toEqual(["Exclusion"]);
    await goTo(page, 1);
    await page.keyboard.press("Shift+C");
    const dialog = page.getByRole("dialog", { name: "Classes" });
    await dialog.getByLabel("Name of a new class").fill("Nest");
    await dialog.getByLabel("What the new class means to training").selectOption("tumour");
    await dialog.getByRole("button", { name: "Add" }).click();
    await dialog.getByLabel("Number key of Nest").selectOption("key 7");
    await dialog.getByLabel("Colour of Nest").fill("#123456");
    await dialog.getByLabel("Colour of Nest").blur();
    await expect
      .poll(async () => (await (await fetch(`${view.address}api/classes`)).json()).at(-1))
      .toMatchObject({ name: "Nest", meaning: "tumour", key: 7, colour: "#123456" });
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.keyboard.press("7");
    await box(page, 60);
    await expect.poll(() => classesOn(slides[1])).toEqual(["Nest"]);
    await goTo(page, 0);
    await page.keyboard.press("7");
    await box(page, 80);
    await expect.poll(() => classesOn()).toEqual(["Exclusion", "Nest"]);
    await page.keyboard.press("Shift+C");
    await dialog.getByLabel("Name of Nest").fill("Island");
    await dialog.getByRole("button", { name: "Rename" }).click();
    await page.getByText("“Nest” is “Island” now: 2 annotations on 2 slides.").first().waitFor();
    expect([await classesOn(), await classesOn(slides[1])]).toEqual([["Exclusion", "Island"], ["Island"]]);
    await dialog.getByRole("button", { name: "Delete class Island" }).click();
    await page.getByText("annotations have it: 1 on").first().waitFor();
    // The browser tells of every refusal.
    expect(opened.flatMap(({ complaints }) => complaints.splice(0)).join()).toMatch(/status of 400/);
    await dialog.getByLabel("Name of a new class").fill("Mistake");
    await dialog.getByLabel("What the new class means to training").selectOption("no tumour");
    await dialog.getByRole("button", { name: "Add" }).click();
    await dialog.getByRole("button", { name: "Delete class Mistake" }).click();
    await dialog.getByLabel("Name of Mistake").waitFor({ state: "detached" });
    await page.keyboard.press("Escape");
    // What is seen follows, and what is drawn next.
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.locator(".object-row", { hasText: "Island" }).waitFor();
    expect(await page.locator(".object-row rect").last().getAttribute("fill")).toBe("#123456");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    expect(await page.getByLabel("Class of new annotations").inputValue()).toBe("Island");
    await page.keyboard.press("?");
    await page.getByText("Class Island, of what is selected, or drawn next").waitFor();
  }, 120_000);

  it("are made, changed and taken away with fingers", async () => {
    const watched = await openPage(browser, addressOf(), { viewport: PHONE });
    opened.push(watched);
    const { page } = watched;
    page.setDefaultTimeout(30_000);
    await settled(page);
    await page.getByRole("button", { name: "Panel" }).tap();
    await page.getByRole("tab", { name: "Annotations" }).tap();
    await page.getByRole("button", { name: "Classes …" }).tap();
    const dialog = page.getByRole("dialog", { name: "Classes" });
    await dialog.getByLabel("Name of a new class").tap();
    await page.keyboard.type("Gland");
    await dialog.getByLabel("What the new class means to training").selectOption("no tumour");
    await dialog.getByRole("button", { name: "Add" }).tap();
    await dialog.getByLabel("Number key of Gland").selectOption("key 8");
    const classes = async () => (await fetch(`${view.address}api/classes`)).json();
    await expect.poll(async () => (await classes()).at(-1)).toMatchObject({ name: "Gland", key: 8 });
    expect(await findings(page)).toEqual([]);
    const said = () => dialog.locator("[aria-live=polite]").innerText();
    await expect.poll(said).toMatch(/^Gland: changed/);
    await dialog.getByRole("button", { name: "Delete class Gland" }).tap();
    await dialog.getByLabel("Name of Gland").waitFor({ state: "detached" });
    await expect.poll(said).toBe("Class Gland deleted");
    expect((await classes()).map(({ name }: { name: string }) => name)).not.toContain("Gland");
  }, 120_000);

  it("are made, renamed and deleted by keyboard alone, which is said", async () => {
    const page = await open();
    await page.keyboard.press("Shift+C");
    const dialog = page.getByRole("dialog", { name: "Classes" });
    const said = () => dialog.locator("[aria-live=polite]").innerText();
    await dialog.getByLabel("Name of a new class").focus();
    await page.keyboard.type("Fat");
    await page.keyboard.press("Tab");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await expect.poll(said).toBe("Class Fat added");
    await dialog.getByLabel("Name of Fat").focus();
    await page.keyboard.press("End");
    await page.keyboard.type("ty");
    await page.keyboard.press("Enter");
    await expect.poll(said).toMatch(/^“Fat” is “Fatty” now/);
    await dialog.getByRole("button", { name: "Delete class Fatty" }).focus();
    await page.keyboard.press("Enter");
    await expect.poll(said).toBe("Class Fatty deleted");
    await page.keyboard.press("Escape");
    await expect.poll(() => dialog.count()).toBe(0);
  }, 120_000);

  it("that are typed, and the size of the brush, are there after a reload; annotations open as outlines", async () => {
    const page = await open();
    await page.goto(`${view.address}#/slides/${slides[1]}`);
    await page.getByRole("region", { name: `Slide ${names[1]}` }).waitFor();
    await expect.poll(() => page.url()).toMatch(/layer=[^&]*:0\.8:outline$/);
    await page.getByRole("tab", { name: "Annotations" }).click();
    const name = page.getByRole("combobox", { name: "Class of new annotations" });
    await name.fill("Fibrosis");
    await name.press("Enter");
    await page.getByLabel("What “Fibrosis” means to training").waitFor();
    await page.locator("h1").click();
    await page.keyboard.press("b");
    await page.keyboard.press(".");
    expect(await page.getByLabel("Size", { exact: true }).inputValue()).toBe("50");
    await page.reload();
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    expect(await name.inputValue()).toBe("Fibrosis");
    await page.getByLabel("What “Fibrosis” means to training").selectOption("no tumour");
    await expect.poll(() => name.inputValue()).toBe("Fibrosis");
    await page.reload();
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    expect(await name.inputValue()).toBe("Fibrosis");
    await page.getByRole("button", { name: "Brush" }).click();
    expect(await page.getByLabel("Size", { exact: true }).inputValue()).toBe("50");
  }, 120_000);

  it("of nothing leave the key 1 to the view", async () => {
    const page = await open();
    await page.keyboard.press("+");
    await expect.poll(() => page.url()).toContain("zoom=1.5");
    await page.keyboard.press("1");
    await expect.poll(() => page.url()).toMatch(/zoom=1(&|$)/);
  }, 120_000);

  it("have comments on their annotations, which a reload does not lose while they are typed", async () => {
    const page = await open();
    const before = (await state()).objects.length;
    await box(page, 100);
    await expect.poll(async () => (await state()).objects.length).toBe(before + 1);
    await page.keyboard.press("Escape");
    await page.getByRole("tab", { name: "Annotations" }).click();
    const comment = page.getByRole("textbox", { name: "Comment" });
    await comment.fill("Looks odd");
    await page.reload();
    await settled(page);
    await page.getByRole("tab", { name: "Annotations" }).click();
    await page.locator(".object-row").last().click();
    expect(await comment.inputValue()).toBe("Looks odd");
    await comment.fill("Looks odd:\nnecrosis?");
    await comment.blur();
    await expect.poll(async () => (await state()).objects.at(-1)?.comment).toBe("Looks odd:\nnecrosis?");
    expect((await state()).undo).toMatch(/^Comment on /);
    expect(await findings(page)).toEqual([]);
    await page.keyboard.press("Control+z");
    await expect.poll(async () => (await state()).objects.at(-1)?.comment).toBeUndefined();
    await expect.poll(() => comment.inputValue()).toBe("");
  }, 120_000);
});
