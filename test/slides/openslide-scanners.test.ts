import { mkdir, truncate, writeFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { cutTile, halved, picture } from "../../scripts/fixtures/pictures.js";
import { writeMirax, writeVmu } from "../../scripts/fixtures/scanner-files.js";
import type { RgbImage } from "../../src/imaging/index.js";
import { openSlide, type PixelSource } from "../../src/slides/index.js";
import { describeWithOpenSlideLibrary } from "../support/openslide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { expectSameImage, failureOf, readLevel, region } from "./made-up.js";

const files = temporaryDirectory();
const image = picture(256, 256);

/** A path in a folder of its own, since these slides are several files. */
async function fresh(name: string): Promise<string> {
  const folder = files.path(`${name}-files`);
  await mkdir(folder, { recursive: true });
  return `${folder}/${name}`;
}

async function expectPicture(slide: PixelSource, full: RgbImage, half: RgbImage): Promise<void> {
  expect(slide.levels.map(({ width, height, downsample }) => [width, height, downsample])).toEqual([
    [256, 256, 1],
    [128, 128, 2],
  ]);
  expect(slide.micronsPerPixel).toEqual({ x: 0.5, y: 0.5 });
  expect(slide.objectivePower).toBe(20);
  expectSameImage(await readLevel(slide, 0), full);
  expectSameImage(await readLevel(slide, 1), half);
  expectSameImage(await slide.readRegion(region(50, 61, 100, 90)), cutTile(full, 50, 61, 100, 90));
  const beyond = await slide.readRegion(region(250, 250, 10, 10));
  expect([...beyond.data.subarray(-3)], "white outside").toEqual([255, 255, 255]);
}

describeWithOpenSlideLibrary("formats that OpenSlide alone reads, through its process", () => {
  it("Hamamatsu VMU", async () => {
    const path = await fresh("slide.vmu");
    await writeVmu(path, image, 0.5);
    const slide = await openSlide(path);
    expect(slide.format).toMatch(/^hamamatsu through OpenSlide \d/);
    await expectPicture(slide, image, halved(image));
    await slide.close();
  });

  it("a level that shows something else than the one above is left out by name", async () => {
    const path = await fresh("other.vmu");
    const { width, height, data } = halved(image);
    await writeVmu(path, image, 0.5, { width, height, data: data.toReversed() });
    const slide = await openSlide(path);
    expect(slide.levels.map((level) => level.width)).toEqual([256]);
    expect(slide.warnings).toEqual(["level 1 shows something else than the level above, and is left out"]);
    expectSameImage(await readLevel(slide, 0), image);
    await slide.close();
  });

  it("MIRAX", async () => {
    const path = await fresh("slide.mrxs");
    await writeMirax(path, image, 0.5);
    const slide = await openSlide(path);
    expect(slide.format).toMatch(/^mirax through OpenSlide \d/);
    await expectPicture(slide, image, halved(image));
    await slide.close();
  });

  it("MIRAX whose scanner left tiles out, which are white", async () => {
    const path = await fresh("sparse.mrxs");
    await writeMirax(path, image, 0.5, (column, row) => column === 1 && row === 2);
    const slide = await openSlide(path);
    const blank = await slide.readRegion(region(64, 128, 64, 64));
    expect(blank.data.every((sample) => sample === 255)).toBe(true);
    const at = (x: number, y: number, level = 0) => slide.coverage?.(region(x, y, 64, 64, level));
    expect(await at(64, 128)).toBe("missing");
    expect(await at(100, 96)).toBe("missing");
    expect(await at(128, 128)).toBe("stored");
    expect(await at(0, 64)).toBe("stored");
    // The next level has pictures of its own.
    expect(await at(64, 128, 1)).toBe("stored");
    // What lies beyond the slide is not missing.
    expect(await at(224, 224)).toBe("stored");
    expect(await at(-32, -32)).toBe("stored");
    expectSameImage(await slide.readRegion(region(128, 128, 64, 64)), cutTile(image, 128, 128, 64, 64));
    await slide.close();
  });

  it("MIRAX of which the scanner took a part, whose bounds are told", async () => {
    const path = await fresh("bounds.mrxs");
    await writeMirax(path, image, 0.5, (column, row) => column === 0 || row < 2);
    const slide = await openSlide(path);
    expect(slide.levels[0]).toMatchObject({ width: 256, height: 256 });
    expect(slide.bounds).toEqual({ left: 64, top: 128, right: 256, bottom: 256 });
    await slide.close();
  });

  it("damaged ones are refused with OpenSlide's reason", async () => {
    const path = await fresh("damaged.mrxs");
    await writeMirax(path, image, 0.5);
    const folder = path.replace(/\.mrxs$/, "");
    await truncate(`${folder}/Data0000.dat`, 300);
    const cutShort = await failureOf(openSlide(path));
    expect(cutShort.tag).toBe("slide");
    expect(cutShort.fields.what).toBe("cannot be read by OpenSlide");
    expect(cutShort.fields.why).toContain("Data0000.dat");
    await writeFile(`${folder}/Slidedat.ini`, "[GENERAL]\nSLIDE_ID=1\n");
    const refusal = await failureOf(openSlide(path));
    expect(refusal.tag).toBe("slide");
    expect(refusal.fields.what).toBe("cannot be read by OpenSlide");
    expect(refusal.fields.why).toMatch(/SLIDE_VERSION|key/);
  });
});
