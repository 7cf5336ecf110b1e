import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { judgeFiles, listInputs } from "../../src/dataset/index.js";
import { listSlides } from "../../src/dataset/slide-preparation/find-slides.js";
import { SLIDE_RESULT_FILES } from "../../src/inference/index.js";
import { temporaryFolder, writeText } from "./fixtures.js";

const kindsOf = (...names: string[]) => judgeFiles(names).map(({ kind }) => kind);

describe("what a file in a folder is", () => {
  it.each([
    ["a.svs", "slide"],
    ["a.QPTIFF", "slide"],
    ["a.tif", "tiff"],
    ["a.dcm", "dicom"],
    ["a.JPG", "image"],
    ["a.gif", "unreadable-image"],
    ["a.geojson", "annotation"],
    ["labels.csv", "labels"],
    ["notes.txt", "other"],
    ["mask.tif", "tiff"],
    ["a_mask.png", "image"],
  ])("%s alone is: %s", (name, kind) => {
    expect(kindsOf(name)).toEqual([kind]);
  });

  it("is a mask beside the picture it is named after, whatever formats they have, and beside nothing else", () => {
    expect(kindsOf("a.svs", "a_mask.tif", "a_anno.png")).toEqual(["slide", "mask", "mask"]);
    expect(kindsOf("a.xml", "a_mask.tif")).toEqual(["annotation", "tiff"]);
    expect(kindsOf("a.png", "a_mask.xml")).toEqual(["image", "annotation"]);
  });

  it("is a result beside the file that says so, for all that inference writes for a slide", () => {
    const names = Object.values(SLIDE_RESULT_FILES);
    const files = [...names, "inference.json", "other.tif"].map((name) => join("out", "a", name));
    const kinds = judgeFiles(files).map(({ kind }) => kind);
    expect(kinds).toEqual([...names.map(() => "result"), "result", "tiff"]);
  });

  it("is judged alike in a folder and where a shell lists its files", async () => {
    const folder = await temporaryFolder();
    for (const name of [".hidden.png", "a.png", "a_anno.png", "b.tif"])
      await writeText(join(folder, name), "");
    await mkdir(join(folder, "below"));
    const [listed] = await listInputs([folder]);
    const names = ["a.png", "a_anno.png", "b.tif"].map((name) => join(folder, name));
    expect(listed?.files.map(({ path }) => path)).toEqual(names);
    const apart = (await listInputs(names)).flatMap(({ files }) => files);
    expect(apart).toEqual(listed?.files);
  });
});

describe("slides among files and folders", () => {
  it("are not their masks, nor results; DICOM files beside other slides are slides of their own", async () => {
    const folder = await temporaryFolder();
    for (const name of ["a.tif", "a_mask.tif", "a_anno.tif"]) await writeFile(join(folder, name), "");
    const stems = async (...inputs: string[]) => (await listSlides(inputs)).slides.map(({ stem }) => stem);
    expect(await stems(folder)).toEqual(["a"]);
    expect(await stems(join(folder, "a.tif"), join(folder, "a_mask.tif"))).toEqual(["a"]);
    await writeFile(join(folder, "1.dcm"), "");
    expect(await stems(folder)).toEqual(["1", "a"]);
  });
});
