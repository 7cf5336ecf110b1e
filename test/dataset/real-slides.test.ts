import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { exists } from "../../src/common/index.js";
import { openDataset, prepareSlides } from "../../src/dataset/index.js";
import { openSlide } from "../../src/slides/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { errorOf, greyValues, rgbValues, temporaryFolder, writeText } from "./fixtures.js";

vi.setConfig({ testTimeout: 480_000 });

const SLIDES = ["bcss1008", "bcss1015"] as const;
const files = SLIDES.flatMap((name) => [`data/slides/${name}.tif`, `data/slides/${name}.xml`]);

function slidePath(name: string): string {
  return sharedPath("data", "slides", name);
}

const common = {
  inputs: SLIDES.map((name) => slidePath(`${name}.tif`)),
  annotations: sharedPath("data", "slides"),
  patchSize: 256,
  split: [1, 0, 1] as const,
  maxPositives: 6,
  maxNegatives: 3,
};

/** `epsam prepare` in a process of its own, so that it can be killed. */
function startPrepare(out: string): { child: ChildProcess; errors: () => string } {
  const words = [
    ...common.inputs,
    "--annotations",
    common.annotations,
    "--patch-size",
    "128",
    "--level",
    "1",
    "--split",
    "1,0,1",
  ];
  const limits = ["--max-positives", "6", "--max-negatives", "3", "--out", out];
  const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
  const child = spawn(process.execPath, ["--import", "tsx", main, "prepare", ...words, ...limits], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let text = "";
  child.stderr?.on("data", (chunk) => {
    text += String(chunk);
  });
  return { child, errors: () => text };
}

describeWithShared("preparing real slides", files, () => {
  it("gives patches whose pixels and masks are those of slide and annotation, at any resolution", async () => {
    const folder = await temporaryFolder();
    const full = await prepareSlides({ ...common, out: join(folder, "full") });
    expect(full.skipped).toEqual([]);
    expect(full.counts.train).toEqual({ positive: 6, negative: 3 });
    const dataset = await openDataset(full.root);
    const positive = dataset.patches.find(({ label, slide }) => label === 1 && slide === "bcss1015");
    const origin = { space: "level-0", x: positive?.x ?? 0, y: positive?.y ?? 0 } as const;
    const slide = await openSlide(slidePath("bcss1015.tif"));
    const region = await slide.readRegion({ origin, level: 0, width: 256, height: 256 });
    await slide.close();
    expect(Buffer.compare(await rgbValues(positive?.imagePath ?? ""), region.data)).toBe(0);
    const tumour = TumourRegion.of(await readAnnotations(slidePath("bcss1015.xml")));
    const mask = tumour.rasterise({ origin, pixelSize: { x: 1, y: 1 }, width: 256, height: 256 });
    const expected = mask.data.map((value) => value * 255);
    expect(Buffer.compare(await greyValues(positive?.maskPath ?? ""), expected)).toBe(0);

    const coarse = await prepareSlides({ ...common, patchSize: 128, mpp: 0.6, out: join(folder, "coarse") });
    const patches = (await openDataset(coarse.root)).patches;
    expect(new Set(patches.map(({ mpp, level }) => `${mpp} ${level}`)).size).toBe(1);
    for (const { tumourFraction, slide: name, x, y } of patches.slice(0, 6)) {
      const region = TumourRegion.of(await readAnnotations(slidePath(`${name}.xml`)));
      const grid = {
        origin: { space: "level-0", x: x ?? 0, y: y ?? 0 },
        pixelSize: { x: 2.4, y: 2.4 },
      } as const;
      expect(region.fraction({ ...grid, width: 128, height: 128 })).toBeCloseTo(tumourFraction ?? -1, 6);
    }
  });

  it("goes on after a kill, with the result of an uninterrupted call", async () => {
    const folder = await temporaryFolder();
    const out = join(folder, "dataset");
    const images = join(`${out}.partial`, "train", "image");
    const first = startPrepare(out);
    const written = async () =>
      (await exists(images)) ? (await readdir(images)).filter((name) => name.endsWith(".png")).length : 0;
    while ((await written()) < 4 && first.child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    first.child.kill("SIGKILL");
    await once(first.child, "close");
    expect(first.child.signalCode).toBe("SIGKILL");
    expect(await exists(out)).toBe(false);
    const second = startPrepare(out);
    const [code] = await once(second.child, "close");
    expect(second.errors()).toContain("Going on with the preparation");
    expect(second.errors()).not.toContain("slide 1 of 2");
    expect(code).toBe(0);
    const whole = await prepareSlides({ ...common, patchSize: 128, level: 1, out: join(folder, "whole") });
    const read = (root: string, name: string) => readFile(join(root, name), "utf8");
    for (const name of ["manifest.csv", "dataset.json"]) {
      expect(await read(out, name)).toBe(await read(whole.root, name));
    }
    expect((await openDataset(out)).hash).toBe(whole.hash);
    expect(await exists(`${out}.partial`)).toBe(false);
  });

  it("skips a truncated slide, and says when no tissue is found", async () => {
    const folder = await temporaryFolder();
    for (const name of SLIDES) await cp(slidePath(`${name}.tif`), join(folder, "slides", `${name}.tif`));
    await truncate(join(folder, "slides", "bcss1015.tif"), 1_000_000);
    const inputs = [join(folder, "slides")];
    const result = await prepareSlides({ ...common, inputs, split: [1, 0, 0], out: join(folder, "dataset") });
    expect(result.skipped).toHaveLength(1);
    expect(result.skipped[0]?.file).toMatch(/bcss1015.tif$/);
    expect(result.counts.train).toEqual({ positive: 6, negative: 3 });
    const nothing = await errorOf(prepareSlides({ ...common, tissue: 250, out: join(folder, "none") }));
    expect(nothing).toMatch(
      /no patches are left \(2 slides used.*no tissue found in bcss1008.tif, bcss1015.tif/,
    );
  });

  it("needs the resolution of a slide that does not tell it", async () => {
    const folder = await temporaryFolder();
    await writeText(join(folder, "xml", "kidney-48-5.geojson"), "[]");
    const inputs = [slidePath("kidney-48-5.tif")];
    const options = { ...common, inputs, annotations: join(folder, "xml"), mpp: 0.5, out: join(folder, "d") };
    expect(await errorOf(prepareSlides(options))).toMatch(/does not tell its microns per pixel/);
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, "slide,mpp\nkidney-48-5,0.5\n");
    const noTumour = errorOf(prepareSlides({ ...options, mppTable, tissue: "all", split: [1, 0, 0] }));
    expect(await noTumour).toMatch(/no positive patches are left \(1 slides used.* 3 negative left/);
  });
});
