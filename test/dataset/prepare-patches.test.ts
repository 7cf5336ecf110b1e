import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { hasPixelMasks, openDataset, prepareDataset } from "../../src/dataset/index.js";
import { errorOf, recordingReporter, temporaryFolder, writeGrey, writeNoise, writeText } from "./fixtures.js";

async function makePatches(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names) await writeNoise(join(folder, "patches", name), 32, 32);
  return join(folder, "patches");
}

const twelve = Array.from({ length: 12 }, (_, index) => `p${index}_${index % 2}.png`);

describe("preparing a dataset from ready patches", () => {
  it("takes labels from the suffix and warns that patients are unknown", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, twelve);
    const reporter = recordingReporter();
    const out = join(folder, "out");
    const result = await prepareDataset({ inputs: [patches], out, split: [8, 2, 2], reporter });
    expect(result).toMatchObject({ inputKind: "patches", patchSize: 32, skipped: [] });
    expect(reporter.warnings[0]).toMatch(/No patients are known/);
    const dataset = await openDataset(out);
    expect(dataset.patches.map(({ id, label }) => `${id}_${label}.png`).sort()).toEqual([...twelve].sort());
    expect(dataset.patches[0]).toMatchObject({
      x: null,
      y: null,
      level: null,
      mpp: null,
      tumourFraction: null,
    });
    expect(dataset.patches.filter(({ split }) => split === "train")).toHaveLength(8);
    expect(hasPixelMasks(dataset, "train")).toBe(false);
  });

  it("takes labels, patients and splits from labels.csv", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a.png", "b.png", "c_0.png", "d.png", "unlisted.png"]);
    await writeText(
      join(patches, "labels.csv"),
      "patch,label,patient,split,slide\na.png,1,x,train,s1\nb,0,x,train,s2\nc_0.png,1,y,val,\nd,0,z,test,\n",
    );
    const reporter = recordingReporter();
    const out = join(folder, "out");
    await prepareDataset({ inputs: [patches], out, reporter });
    const rows = (await openDataset(out)).patches.map((p) => [p.id, p.label, p.patient, p.slide, p.split]);
    expect(rows).toEqual([
      ["a", 1, "x", "s1", "train"],
      ["b", 0, "x", "s2", "train"],
      ["c_0", 1, "y", "c_0", "val"],
      ["d", 0, "z", "d", "test"],
    ]);
    expect(reporter.warnings[0]).toMatch(/does not list unlisted.png/);
  });

  it("drops a suffix in labels.csv when it repeats the label everywhere", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a_1.png", "b_0.png"]);
    await writeText(join(patches, "labels.csv"), "file,label\na_1.png,1\nb_0.png,0\n");
    const out = join(folder, "out");
    await prepareDataset({ inputs: [patches], out, split: [1, 0, 0] });
    expect((await openDataset(out)).patches.map(({ id }) => id)).toEqual(["a", "b"]);
  });

  it("takes masks for evaluation and refuses those that contradict the label", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, [
      "a_1.png",
      "b_1.png",
      "c_1.png",
      "d_0.png",
      "e_0.png",
      "f_1.png",
    ]);
    const masks = join(folder, "masks");
    await writeGrey(join(masks, "a_1.png"), 32, 32, (x) => (x < 8 ? 255 : 0));
    await writeGrey(join(masks, "b_1.png"), 32, 32, () => 0);
    await writeGrey(join(masks, "c_1.png"), 16, 16, () => 255);
    await writeGrey(join(masks, "d_0.png"), 32, 32, () => 0);
    await writeGrey(join(masks, "e_0.png"), 32, 32, () => 255);
    const reporter = recordingReporter();
    const out = join(folder, "out");
    const { skipped } = await prepareDataset({ inputs: [patches], masks, out, split: [1, 0, 0], reporter });
    expect(skipped.map(({ file, reason }) => `${file.split("/").at(-1)} ${reason}`)).toEqual([
      "b_1.png has the label 1, but its mask shows no tumour",
      expect.stringMatching(/^c_1.png .*16x16.*32x32/),
      "e_0.png has the label 0, but 100.00 % of its mask are tumour",
    ]);
    const dataset = await openDataset(out);
    expect(dataset.patches.map(({ id, tumourFraction }) => [id, tumourFraction])).toEqual([
      ["a", 0.25],
      ["d", 0],
      ["f", null],
    ]);
    expect(reporter.warnings.some((text) => /no mask for 1 positive patches: f_1.png/.test(text))).toBe(true);
    expect(hasPixelMasks(dataset, "train")).toBe(false);
  });

  it("skips patches of another size than most, and those that are not square", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a_1.png", "b_0.png", "c_0.png"]);
    await writeNoise(join(patches, "d_1.png"), 48, 48);
    await writeNoise(join(patches, "e_1.png"), 32, 48);
    const { skipped } = await prepareDataset({
      inputs: [patches],
      out: join(folder, "out"),
      split: [1, 0, 0],
    });
    expect(skipped.map(({ reason }) => reason)).toEqual([
      "is 32 x 48 pixels; patches are square",
      "is 48 x 48 pixels, the other patches are 32 x 32",
    ]);
  });

  it("keeps patients of a CSV file together", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, twelve);
    const patients = join(folder, "patients.csv");
    await writeText(
      patients,
      `image,patient\n${twelve.map((name, index) => `${name},${index >> 2}`).join("\n")}`,
    );
    const out = join(folder, "out");
    await prepareDataset({ inputs: [patches], out, patients, split: [1, 1, 1] });
    const dataset = await openDataset(out);
    expect(new Set(dataset.patches.map(({ patient, split }) => `${patient} ${split}`)).size).toBe(3);
  });

  it("no positives or no negatives", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a_1.png", "b_1.png"]);
    const message = await errorOf(prepareDataset({ inputs: [patches], out: join(folder, "out") }));
    expect(message).toMatch(/^\[dataset\].*no negative patches are left.*2 positive and 0 negative/);
    // For evaluation only, one label is enough.
    await prepareDataset({ inputs: [patches], out: join(folder, "out"), split: [0, 0, 1] });
  });

  it("duplicate ids: the same name with both labels", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a_1.png", "a_0.png"]);
    const message = await errorOf(prepareDataset({ inputs: [patches], out: join(folder, "out") }));
    expect(message).toMatch(/^\[dataset\] a_1: has the same id "a" as a_0/);
  });

  it("a labels.csv that lists a missing file, lacks a column or has a bad label", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a.png", "b.png"]);
    const attempt = async (text: string): Promise<string> => {
      await writeText(join(patches, "labels.csv"), text);
      return errorOf(prepareDataset({ inputs: [patches], out: join(folder, "out") }));
    };
    expect(await attempt("patch,label\na,1\nb,0\nc,1\n")).toMatch(
      /^\[dataset\].*lists 1 patches that are not beside it: c/,
    );
    expect(await attempt("patch,tumour\na,1\n")).toMatch(/lacks the column label/);
    expect(await attempt("patch,label\na,yes\n")).toMatch(/line 2: has the label "yes"/);
  });

  it("a file without a label among patches says which", async () => {
    const folder = await temporaryFolder();
    const patches = await makePatches(folder, ["a_1.png", "b_0.png", "c.png"]);
    const inputs = [patches];
    expect(await errorOf(prepareDataset({ inputs, out: join(folder, "out") }))).toMatch(/^\[usage\].*c.png/);
    const message = await errorOf(prepareDataset({ inputs, out: join(folder, "out"), inputKind: "patches" }));
    expect(message).toMatch(/^\[dataset\].*patches without a label: c.png/);
  });

  it("a folder that is a dataset already", async () => {
    const folder = await temporaryFolder();
    await writeNoise(join(folder, "data", "train", "image", "a_1.png"), 32, 32);
    const message = await errorOf(
      prepareDataset({ inputs: [join(folder, "data")], out: join(folder, "out") }),
    );
    expect(message).toMatch(/^\[usage\].*holds no images.*epsam train --data/);
  });
});
