import { readFile, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { NamedPictures, nameKey } from "../../src/dataset/file-names.js";
import { prepareDataset, prepareSlides } from "../../src/dataset/index.js";
import { memorySlide } from "../support/memory-slide.js";
import { errorOf, makeImages, temporaryFolder, writeText } from "./fixtures.js";
import { pinkOf } from "./slide-pixels.js";
import { slideWorkplace, TUMOUR } from "./slide-workplace.js";

vi.setConfig({ testTimeout: 60_000 });

/** Slides and annotation files of the given names, and a preparation of them. */
function workplace(slides: readonly string[], annotations: readonly string[]) {
  return slideWorkplace(slides, annotations, async (path) => {
    await readFile(path);
    const micronsPerPixel = { x: 0.5, y: 0.5 };
    return memorySlide(path, 256, 192, pinkOf(path), { micronsPerPixel });
  });
}

const annotationsOf = (description: { sources: { slide: string; annotations: string | null }[] }) =>
  Object.fromEntries(description.sources.map(({ slide, annotations }) => [slide, annotations]));

describe("a name", () => {
  it.each([
    ["one", "one.svs"],
    ["one.svs", "one.svs"],
    ["ONE.SVS", "one.svs"],
    ["two", "two.ome.tif"],
    ["two.ome", "two.ome.tif"],
    ["two.ome.tif", "two.ome.tif"],
    ["case1.HE", "case1.HE.tif"],
    ["Mu\u0308ller", "Müller.tif"],
    ["case1", null],
    ["case1.IHC", null],
    ["one.tif", null],
  ])("%s is that of %s", (name, path) => {
    const pictures = new NamedPictures(["one.svs", "two.ome.tif", "case1.HE.tif", "M\u00fcller.tif"]);
    expect(nameKey(pictures.find(name)?.path ?? "")).toBe(nameKey(path ?? ""));
  });

  it("goes to the picture that it is the fuller name of", () => {
    const pictures = new NamedPictures(["a.ome.tif", "a.svs", "b.svs.tif", "b.svs"]);
    expect(pictures.find("a")).toEqual({ path: "a.svs", rivals: ["a.ome.tif"] });
    expect(pictures.find("b.svs")).toEqual({ path: "b.svs", rivals: ["b.svs.tif"] });
    expect(pictures.findFile("folder/a.ome.tif")?.path).toBe("a.ome.tif");
    expect(pictures.findFile("a.tif")?.path).toBe("a.svs");
  });
});

describe("annotation files", () => {
  it("are matched with and without the image's extension, whichever way accents are written", async () => {
    const { options, description } = await workplace(
      ["one.svs", "three.ome.tif", "case1.HE.tif", "Mu\u0308ller.tif"],
      ["one.svs.geojson", "three.geojson", "case1.HE.geojson", "M\u00fcller.geojson"],
    );
    const result = await prepareSlides({ ...options, unannotated: "normal" });
    expect([result.skipped, result.warnings]).toEqual([[], []]);
    expect(annotationsOf(await description())).toEqual({
      "one.svs": "one.svs.geojson",
      "three.ome.tif": "three.geojson",
      "case1.HE.tif": "case1.HE.geojson",
      "Mu\u0308ller.tif": "M\u00fcller.geojson",
    });
    // Half of each slide's patches show tumour.
    expect(result.counts.train).toEqual({ positive: 24, negative: 24 });
  });

  it("of no slide are named; while slides have none, they count as left out", async () => {
    const { options, reporter, description } = await workplace(["a.svs"], ["a.geojson", "slide-b.geojson"]);
    const harmless = await prepareSlides(options);
    expect(harmless.skipped).toEqual([]);
    expect(harmless.warnings.join()).toMatch(/a file belongs to no slide: slide-b\.geojson/);
    expect(reporter.warnings).toEqual(harmless.warnings);
    expect((await description()).warnings).toEqual(harmless.warnings);

    const misspelt = await workplace(["a.svs", "b.svs"], ["a.geojson", "slide-b.geojson"]);
    const result = await prepareSlides({ ...misspelt.options, unannotated: "normal" });
    expect(result.skipped).toEqual([
      { file: misspelt.options.annotations, reason: expect.stringMatching(/no slide: slide-b\.geojson/) },
    ]);
    expect((await misspelt.description()).skipped[0].reason).toMatch(/slide-b\.geojson/);
  });

  it("that two slides could have go to one, and the other is left out", async () => {
    const { options } = await workplace(["a.ome.tif", "a.svs"], ["a.geojson"]);
    const result = await prepareSlides({ ...options, unannotated: "normal" });
    expect(result.skipped).toEqual([
      {
        file: expect.stringMatching(/a\.ome\.tif$/),
        reason: expect.stringMatching(/a\.geojson could be its/),
      },
    ]);
    expect(result.counts.train).toEqual({ positive: 6, negative: 6 });
  });

  it("of no format that is read keep their slides from counting as free of tumour", async () => {
    const names = ["packed.svs", "hamamatsu.ndpi", "mask.tif", "plain.svs", "good.svs"];
    const { folder, options } = await workplace(names, ["good.geojson"]);
    for (const name of ["packed.geojson.gz", "hamamatsu.ndpi.ndpa", "mask_mask.png"])
      await writeText(join(folder, "annotations", name), "annotations");
    // Beside slides lies what is none: checksums and the like.
    await writeText(join(folder, "slides", "plain.md5"), "0");
    const annotations = [options.annotations, join(folder, "slides")].flat();
    await writeText(join(folder, "slides", "other.json"), "{}");
    const result = await prepareSlides({ ...options, annotations, unannotated: "normal", split: [1, 0, 0] });
    const none = /^has no annotation file .* of its own; .*is named like it, and of no format of annotations/;
    expect(result.skipped.map(({ file }) => file.split("/").at(-1))).toEqual(
      expect.arrayContaining(["hamamatsu.ndpi", "mask.tif", "packed.svs"]),
    );
    expect(result.skipped.filter(({ reason }) => none.test(reason))).toHaveLength(3);
    // The good slide is half tumour, the plain one has none.
    expect(result.counts.train).toEqual({ positive: 6, negative: 6 + 12 });
  });

  it("are missing in a folder of masks, which is said", async () => {
    const { folder, options } = await workplace(["a.svs"], ["a.geojson"]);
    await writeText(join(folder, "masks", "a.png"), "a mask");
    const annotations = [options.annotations, join(folder, "masks")].flat();
    expect(await errorOf(prepareSlides({ ...options, annotations }))).toMatch(
      /^\[usage\].*masks: holds no annotation files \(known by \.xml, \.geojson and \.json\)/,
    );
  });

  it("lie in several folders, but not two of one slide", async () => {
    const { folder, options, description } = await workplace(["a.svs", "b.svs"], ["a.geojson"]);
    await writeText(join(folder, "more", "b.geojson"), TUMOUR);
    const annotations = [join(folder, "annotations"), join(folder, "more")];
    await prepareSlides({ ...options, annotations });
    expect(annotationsOf(await description())).toEqual({ "a.svs": "a.geojson", "b.svs": "b.geojson" });
    await writeText(join(folder, "more", "a.svs.xml"), "");
    expect(await errorOf(prepareSlides({ ...options, annotations, overwrite: true }))).toMatch(
      /annotations\/a\.geojson: and .*more\/a\.svs\.xml could both be the annotations of a/,
    );
    const swapped = { ...options, annotations: [...annotations, join(folder, "slides")], overwrite: true };
    expect(await errorOf(prepareSlides(swapped))).toMatch(
      /^\[usage\].*slides: holds slides and no annotation/,
    );
  });
});

it("a folder that is named like a slide is left out by name", async () => {
  const { folder, options } = await workplace(["b.svs"], ["b.geojson"]);
  await writeText(join(folder, "slides", "a.tif", "inside.txt"), "");
  const { skipped } = await prepareSlides(options);
  expect(skipped).toEqual([
    { file: join(folder, "slides", "a.tif"), reason: expect.stringMatching(/^is a folder .* like a slide/) },
  ]);
});

describe("lines of tables", () => {
  it.each([
    ["semicolons", "\uFEFFSlide;MPP\r\na.tif;0.25\r\n"],
    ["tabs", "slide\tmpp\na\t0.25\n"],
    ["a path of Windows", 'slide,mpp\n"C:\\slides\\A.TIF",0.25\n'],
  ])("are read with %s", async (_, text) => {
    const { folder, options, description } = await workplace(["a.tif"], ["a.geojson"]);
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, text);
    await prepareSlides({ ...options, mppTable, split: [1, 0, 0] });
    expect((await description()).sources).toMatchObject([{ slide: "a.tif", mpp: 0.25 }]);
  });

  it.each([
    ["0,25", /has mpp "0,25"\. Give a number greater than 0, such as 0\.25/],
    ["250", /has mpp "250"\. Give a number of at most 100, such as 0\.25/],
    ["0.00025", /has mpp "0\.00025"\. Give a number of at least 0\.01, such as 0\.25/],
  ])("with %s microns per pixel are refused", async (mpp, message) => {
    const { folder, options } = await workplace(["a.tif"], ["a.geojson"]);
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, `slide,mpp\na,"${mpp}"\n`);
    expect(await errorOf(prepareSlides({ ...options, mppTable }))).toMatch(message);
  });

  it("keep a patient in one split, however the name is spelt", async () => {
    const names = ["a", "b", "c", "d"];
    const files = names.map((name) => `${name}.geojson`);
    const { folder, options } = await workplace(
      names.map((name) => `${name}.svs`),
      files,
    );
    const splitTable = join(folder, "split.csv");
    const table = (second: string) =>
      `slide,split,patient\na,train,M\u00fcller\nb,${second},mu\u0308ller\nc,val,x\nd,test,y\n`;
    await writeText(splitTable, table("test"));
    expect(await errorOf(prepareSlides({ ...options, splitTable }))).toMatch(
      /patient "M\u00fcller": is in two splits/,
    );
    await writeText(splitTable, table("train"));
    const { root } = await prepareSlides({ ...options, splitTable, overwrite: true });
    const manifest = await readFile(join(root, "manifest.csv"), "utf8");
    expect(manifest).not.toContain("mu\u0308ller");
  });

  it("are matched as files are, and named when they belong to no slide", async () => {
    const { folder, options, description, reporter } = await workplace(
      ["case1.HE.tif", "case1.IHC.tif"],
      ["case1.HE.geojson", "case1.IHC.geojson"],
    );
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, "slide,mpp\ncase1.HE,0.25\ncase1.IHC,1\n");
    await prepareSlides({ ...options, patchSize: 32, mpp: 1, mppTable });
    const sizes = async () =>
      (await description()).sources.map((source: { pixelSize: { x: number } }) => source.pixelSize.x);
    expect(await sizes()).toEqual([4, 1]);

    await writeText(mppTable, "slide,mpp\ncase1.HE,0.25\ncase1.ICH,1\n");
    const again = { ...options, patchSize: 32, mpp: 1, mppTable, overwrite: true };
    const misspelt = await prepareSlides(again);
    expect(await sizes()).toEqual([4, 2]);
    expect(misspelt.skipped).toEqual([{ file: mppTable, reason: expect.stringMatching(/case1\.ICH/) }]);

    const patients = join(folder, "patients.csv");
    await writeText(patients, "image,patient\ncase1.HE,p\ncase1.IHC.tif,p\ncase2,q\n");
    const known = await prepareSlides({ ...options, patients, overwrite: true });
    expect(known.skipped).toEqual([]);
    expect(known.warnings).toEqual(["patients.csv: a line belongs to none of the slides: case2."]);
    expect(reporter.warnings).toContain(known.warnings[0]);
    await writeText(patients, "image,patient\ncase1.HE,p\ncase1.ICH,p\n");
    expect(await errorOf(prepareSlides({ ...options, patients, overwrite: true }))).toMatch(
      /no line for 1 of 2 slides: case1\.IHC \(lines that belong to no slide: case1\.ICH\)/,
    );
  });

  it("of images and masks without an image are named, too", async () => {
    const folder = await temporaryFolder();
    const { inputs, masks } = await makeImages(folder, 4);
    await writeText(join(masks ?? "", "left-over.png"), "");
    const patients = join(folder, "patients.csv");
    const lines = [0, 1, 2, 3].map((image) => `TISSUE_${image},p${image}`);
    await writeText(patients, `image,patient\n${lines.join("\n")}\ntissue_9.png,p9\n`);
    const out = join(folder, "out");
    const options = { inputs, masks, patients, out, patchSize: 32, split: [1, 0, 0] as const };
    const { warnings } = await prepareDataset(options);
    expect(warnings.join("\n")).toMatch(/left-over\.png/);
    expect(warnings.join("\n")).toMatch(/patients\.csv: a line belongs to none of the images: tissue_9\.png/);
  });
});

describe("inputs", () => {
  it("without slides are named, whatever the others have", async () => {
    const { folder, options } = await workplace(["a.svs", "notes.zvi"], ["a.geojson"]);
    await writeText(join(folder, "empty", "below", "b.svs"), "");
    const { skipped } = await prepareSlides({
      ...options,
      inputs: [...options.inputs, join(folder, "empty")],
    });
    expect(skipped).toEqual([
      { file: join(folder, "empty"), reason: expect.stringMatching(/holds no slides .*below \(1\)/) },
    ]);
  });

  it("that lead nowhere are left out with the reason, slides and annotations alike", async () => {
    const { folder, options } = await workplace(["a.svs", "c.svs"], ["a.geojson", "b.geojson"]);
    await symlink(join(folder, "gone"), join(folder, "slides", "b.svs"));
    await symlink(join(folder, "gone"), join(folder, "annotations", "c.geojson"));
    const openSlide = async (path: string) =>
      path.endsWith("b.svs") ? (await import("../../src/slides/index.js")).openSlide(path) : slideOf(path);
    const slideOf = options.openSlide ?? (() => Promise.reject(new Error("no slide")));
    const { skipped } = await prepareSlides({ ...options, openSlide });
    expect(skipped.map(({ file }) => file.slice(-5))).toEqual(["b.svs", "c.svs"]);
    expect(skipped.map(({ reason }) => reason).join()).toMatch(/cannot be opened .*ENOENT.*cannot be read/);
  });

  it("of a profile are those of its list, whatever else a download has", async () => {
    const { options } = await workplace(
      ["tumor_061.tif", "tumor_018.tif", "normal_001.tif", "test_001.tif"],
      ["tumor_061.xml", "tumor_018.xml", "tumor_999.xml"],
    );
    const result = await prepareSlides({ ...options, profile: "camelyon16" });
    expect(result.skipped).toEqual([]);
    const { options: others } = await workplace(["normal_001.tif"], []);
    expect(await errorOf(prepareSlides({ ...others, profile: "camelyon16" }))).toMatch(
      /has none of the 1 slides: normal_001 \(its slides are named like tumor_001\)/,
    );
  });
});
