import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { annotationFolder, readAnnotations, writeCorrectionFiles } from "../../src/annotations/index.js";
import { silentReporter } from "../../src/common/index.js";
import type { AnnotationObject, ClassMeaning } from "../../src/contract/index.js";
import { openDataset, prepareSlides } from "../../src/dataset/index.js";
import { withChoice } from "../../src/server/annotations/classes.js";
import { AnnotationStore } from "../../src/server/annotations/store.js";
import { memorySlide } from "../support/memory-slide.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { areaFrom, objectOf, square } from "./annotation-fixtures.js";

const files = temporaryDirectory();
const side = (x: number, y: number, length: number) => ({ area: areaFrom(square(x, y, length)) });

/** A state directory with the corrections of `case.tif`, and the slide's path. */
async function corrected(objects: readonly AnnotationObject[]) {
  const folder = await files.folder();
  const path = join(folder, "case.tif");
  await writeFile(path, "slide");
  const slide = { id: "case", name: "case.tif", path };
  const store = new AnnotationStore(annotationFolder(folder), { reporter: silentReporter });
  const changes = objects.map((object) => ({ type: "add" as const, object }));
  await store.edit(slide, { revision: 0, title: "draw", changes });
  await store.close();
  return { folder, path };
}

/** Tumour on the left, rejected and unjudged results, and a region that was looked at, of 256 × 256 pixels. */
const objects = [
  objectOf(1, { ...side(0, 0, 96), classification: "Tumor" }),
  objectOf(2, { ...side(160, 160, 40), review: "rejected", origin: "result" }),
  objectOf(3, { ...side(160, 0, 30), review: "unreviewed", origin: "result" }),
  objectOf(4, { ...side(0, 0, 192), classification: "Region*" }),
  objectOf(5, { ...side(128, 64, 30), review: "unreviewed", origin: "drawn" }),
];

async function prepared(unmarked: "unknown" | "normal") {
  const { folder, path } = await corrected(objects);
  const { folder: annotations } = await writeCorrectionFiles(folder, [path]);
  const out = join(folder, "dataset");
  const result = await prepareSlides({
    inputs: [path],
    annotations,
    unmarked,
    out,
    patchSize: 64,
    tissue: "all",
    split: [1, 0, 0],
    positiveRange: [0.005, 1],
    openSlide: async () => memorySlide(path, 256, 256, () => [200, 100, 150], { downsamples: [1] }),
  });
  const { patches } = await openDataset(out);
  return { result, labels: Object.fromEntries(patches.map(({ x, y, label }) => [`${x},${y}`, label])) };
}

describe("corrections as a dataset", () => {
  it("hold what is accepted or drawn, and nothing of what nobody has looked at", async () => {
    const { result, labels } = await prepared("unknown");
    // A lattice of 4 × 4: the last column and row lie outside the region, one patch holds an unjudged result.
    expect(labels).toEqual({
      "0,0": 1,
      "64,0": 1,
      "0,64": 1,
      "64,64": 1,
      "128,64": 1,
      "0,128": 0,
      "64,128": 0,
      "128,128": 0,
    });
    expect(result.discarded.notKnown).toBe(8);
  });

  it("take the rest as free of tumour when they are told so, unjudged results excepted", async () => {
    const { labels } = await prepared("normal");
    // Column 160 to 190 of the first row holds the unjudged result.
    expect(Object.keys(labels)).toHaveLength(15);
    expect(labels["128,0"]).toBeUndefined();
    expect(labels["192,192"]).toBe(0);
  });

  it("of classes that somebody has made mean what was chosen for them", async () => {
    const made = [
      objectOf(1, { ...side(0, 0, 96), classification: "Nécrose" }),
      objectOf(2, { ...side(0, 96, 32), classification: "Karzinom" }),
      objectOf(3, { ...side(96, 0, 32), classification: "Artefakt" }),
      objectOf(4, { ...side(0, 0, 192), classification: "Region*" }),
      objectOf(5, { ...side(64, 64, 64), classification: "Karzinom" }),
      objectOf(6, { ...side(100, 100, 10), classification: "Artefakt" }),
    ];
    const { folder, path } = await corrected(made);
    const store = new AnnotationStore(annotationFolder(folder), { reporter: silentReporter });
    const choose = (name: string, meaning: ClassMeaning) =>
      store.changeClasses((chosen) => withChoice(chosen, { name, meaning }));
    // The accent is written as a letter and a mark here.
    await choose("nécrose".normalize("NFD"), "exclusion");
    await choose("KARZINOM", "exclusion");
    await Promise.all([
      choose("Karzinom", "tumour"),
      choose("Artefakt", "unknown"),
      choose("Stroma", "exclusion"),
    ]);
    await store.close();
    const { folder: annotations, classes } = await writeCorrectionFiles(folder, [path]);
    // Of the classes that were made, those that are drawn.
    expect(classes.map(({ name, meaning }) => [name.normalize("NFC"), meaning])).toEqual([
      ...[
        ["nécrose", "exclusion"],
        ["Karzinom", "tumour"],
        ["Artefakt", "unknown"],
      ],
    ]);
    const { annotations: written } = await readAnnotations(join(annotations, "case.geojson"));
    expect(written.map(({ group }) => group)).toEqual([
      ...["Exclusion", "Tumor", "Left out", "Region*", "Tumor", "Left out"],
    ]);
    const out = join(folder, "dataset");
    await prepareSlides({
      ...{ inputs: [path], annotations, unmarked: "unknown", out, patchSize: 64, tissue: "all" },
      ...{ split: [1, 0, 0], positiveRange: [0.005, 1] },
      openSlide: async () => memorySlide(path, 256, 256, () => [200, 100, 150], { downsamples: [1] }),
    });
    const { patches } = await openDataset(out);
    const labels = Object.fromEntries(patches.map(({ x, y, label }) => [`${x},${y}`, label]));
    // Tumour reaches the first of the second row; what is to be ignored, the second of the first.
    expect([labels["0,0"], labels["0,64"], labels["64,0"], labels["128,128"]]).toEqual([0, 1, undefined, 0]);
    // What is to be ignored is left out where it lies on tumour, too.
    expect([labels["64,64"], labels["64,128"]]).toEqual([undefined, 0]);
  });

  it("are the same files as long as nothing is corrected, and others afterwards", async () => {
    const { folder, path } = await corrected(objects);
    const first = await writeCorrectionFiles(folder);
    expect(first.slides).toEqual([path]);
    expect(await writeCorrectionFiles(folder, [path])).toEqual(first);
    const text = await readFile(join(first.folder, "case.geojson"), "utf8");
    const names = JSON.parse(text).features.map(
      ({ properties }: { properties: { classification: { name: string } } }) =>
        properties.classification.name,
    );
    expect(names).toEqual(["Tumor", "Unreviewed", "Region*", "Tumor"]);
    const store = new AnnotationStore(annotationFolder(folder), { reporter: silentReporter });
    await store.undo({ id: "case", name: "case.tif", path }, { revision: 1 });
    await store.redo({ id: "case", name: "case.tif", path }, { revision: 2 });
    await store.edit(
      { id: "case", name: "case.tif", path },
      { revision: 3, title: "remove", changes: [{ type: "remove", id: objectOf(2).id }] },
    );
    // A rejected object says nothing, so removing it changes nothing.
    expect(await writeCorrectionFiles(folder)).toEqual(first);
    await store.undo({ id: "case", name: "case.tif", path }, { revision: 4 });
    await store.edit(
      { id: "case", name: "case.tif", path },
      { revision: 5, title: "remove", changes: [{ type: "remove", id: objectOf(1).id }] },
    );
    expect((await writeCorrectionFiles(folder)).folder).not.toBe(first.folder);
    await store.close();
  });

  it("are refused where there are none", async () => {
    const { folder } = await corrected([objectOf(1)]);
    await expect(writeCorrectionFiles(folder, ["/elsewhere/case.tif"])).rejects.toThrow(
      "holds no corrections of these slides",
    );
    await expect(writeCorrectionFiles(await files.folder())).rejects.toMatchObject({ tag: "usage" });
  });

  it("of annotation files with reviewed regions need to be told what lies outside", async () => {
    const { folder, path } = await corrected(objects);
    const { folder: annotations } = await writeCorrectionFiles(folder);
    const openSlide = async () => memorySlide(path, 256, 256, () => [200, 100, 150]);
    const options = { inputs: [path], annotations, out: join(folder, "dataset"), patchSize: 64, openSlide };
    await expect(prepareSlides({ ...options, tissue: "all" })).rejects.toThrow(/`unmarked: unknown`/);
  });
});
