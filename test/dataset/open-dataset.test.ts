import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  formatManifest,
  hasPixelMasks,
  loadPatchImage,
  loadPatchMask,
  type ManifestRow,
  openDataset,
  validateForTraining,
} from "../../src/dataset/index.js";
import { errorOf, temporaryFolder, writeGrey, writeNoise, writeText } from "./fixtures.js";

const NAMES = [
  "train/image/a_1",
  "train/image/b_0",
  "val/image/c_1",
  "val/image/d_0",
  "test/image/e_1",
  "test/image/f_0",
];

async function makeBareDataset(names = NAMES): Promise<string> {
  const root = await temporaryFolder();
  for (const name of names) await writeNoise(join(root, `${name}.png`), 32, 32);
  return root;
}

function rowsFor(names = NAMES): ManifestRow[] {
  return names.map((name, index) => {
    const [split, , file = ""] = name.split("/");
    return {
      id: file.slice(0, -2),
      slide: `slide${index}`,
      patient: `patient${index}`,
      x: 512 * index,
      y: 0,
      level: 0,
      mpp: 0.25,
      label: file.endsWith("1") ? 1 : 0,
      tumourFraction: null,
      split: split === "train" ? "train" : split === "val" ? "val" : "test",
    };
  });
}

describe("opening a dataset", () => {
  it("reads the original layout without a manifest, labels from the suffix", async () => {
    const root = await makeBareDataset();
    const warnings: string[] = [];
    const dataset = await openDataset(root, { warn: (message) => warnings.push(message) });
    expect(dataset.patches.map((p) => `${p.split}/image/${p.id}_${p.label}`)).toEqual(NAMES);
    expect(dataset.patches[0]).toMatchObject({ slide: "a", patient: "a", x: null, maskPath: null });
    expect(dataset.patchSize).toBe(32);
    expect(warnings).toEqual([expect.stringMatching(/has no manifest.csv/)]);
    expect((await loadPatchImage(dataset.patches[0] ?? { imagePath: "" })).data).toHaveLength(32 * 32 * 3);
  });

  it("reads what a manifest says, and leaves out files it does not list", async () => {
    const root = await makeBareDataset();
    await writeText(join(root, "manifest.csv"), formatManifest(rowsFor(NAMES.slice(0, 5))));
    const warnings: string[] = [];
    const dataset = await openDataset(root, { warn: (message) => warnings.push(message) });
    expect(dataset.patches).toHaveLength(5);
    expect(dataset.patches[2]).toMatchObject({
      id: "c",
      slide: "slide2",
      patient: "patient2",
      x: 1024,
      mpp: 0.25,
    });
    expect(warnings).toEqual([expect.stringMatching(/1 images are not in manifest.csv/)]);
  });

  it("has a hash that depends on images and labels, not on masks or the place", async () => {
    const [one, two] = [await makeBareDataset(), await makeBareDataset()];
    const { hash } = await openDataset(one);
    expect((await openDataset(two)).hash).toBe(hash);
    await writeGrey(join(two, "train", "mask", "a_1.png"), 32, 32, () => 255);
    expect((await openDataset(two)).hash).toBe(hash);
    await writeText(join(two, "manifest.csv"), formatManifest(rowsFor()));
    expect((await openDataset(two)).hash).not.toBe(hash);
    await writeNoise(join(one, "train/image/other.png"), 32, 32);
    await writeFile(join(one, "train/image/a_1.png"), await readFile(join(one, "train/image/other.png")));
    await rm(join(one, "train/image/other.png"));
    expect((await openDataset(one)).hash).not.toBe(hash);
  });

  it("gives masks: from the file, all background for negatives, an error for a positive without", async () => {
    const root = await makeBareDataset();
    await writeGrey(join(root, "train", "mask", "a_1.png"), 32, 32, (x) => (x < 8 ? 255 : 0));
    const dataset = await openDataset(root);
    const [a, b, c] = dataset.patches;
    if (a === undefined || b === undefined || c === undefined) return expect.unreachable("three patches");
    expect((await loadPatchMask(a, 32)).data.reduce((sum, value) => sum + value, 0)).toBe(8 * 32);
    expect((await loadPatchMask(b, 32)).data).toEqual(new Uint8Array(32 * 32));
    expect(await errorOf(loadPatchMask(c, 32))).toMatch(
      /^\[input-mask\].*c_1.png: is a positive patch without a mask/,
    );
    expect(await errorOf(loadPatchMask(a, 64))).toMatch(/^\[input-mask\].*a_1.png.*32x32.*64x64/);
    expect([hasPixelMasks(dataset, "train"), hasPixelMasks(dataset, "val")]).toEqual([true, false]);
  });

  it("says when a prepared dataset was changed", async () => {
    const root = await makeBareDataset();
    await writeText(join(root, "manifest.csv"), formatManifest(rowsFor()));
    await writeText(join(root, "dataset.json"), JSON.stringify({ hash: "0".repeat(64) }));
    const warnings: string[] = [];
    await openDataset(root, { warn: (message) => warnings.push(message) });
    await writeText(join(root, "dataset.json"), "{");
    await openDataset(root, { warn: (message) => warnings.push(message) });
    expect(warnings).toEqual([
      expect.stringMatching(/has changed since/),
      expect.stringMatching(/is damaged/),
    ]);
  });
});

describe("datasets that cannot be opened", () => {
  const withManifest = async (edit: (text: string) => string): Promise<string> => {
    const root = await makeBareDataset();
    await writeText(join(root, "manifest.csv"), edit(formatManifest(rowsFor())));
    return errorOf(openDataset(root));
  };

  it("directory missing, or no dataset", async () => {
    expect(await errorOf(openDataset("/nowhere/at/all"))).toMatch(/^\[dataset\].*does not exist/);
    expect(await errorOf(openDataset(await temporaryFolder()))).toMatch(/^\[dataset\].*is not a dataset/);
  });

  it("manifest columns missing", async () => {
    const message = await withManifest((text) => text.replace("label", "lable").replace(",split", ",part"));
    expect(message).toMatch(/^\[dataset\].*manifest.csv: lacks the columns label, split/);
  });

  it("malformed manifest", async () => {
    expect(await withManifest((text) => `${text}extra,line\n`)).toMatch(
      /^\[dataset\].*not a well-formed CSV/,
    );
    expect(await withManifest(() => "")).toMatch(/manifest.csv: is empty/);
    expect(await withManifest((text) => text.split("\n").slice(0, 1).join("\n"))).toMatch(/no data line/);
  });

  it("values out of range, with their line", async () => {
    expect(await withManifest((text) => text.replace("0.25,1,", "0.25,2,"))).toMatch(
      /line 2: has the label "2"/,
    );
    expect(await withManifest((text) => text.replace("0.25,1,", "wide,1,"))).toMatch(
      /line 2: has mpp "wide"/,
    );
    expect(await withManifest((text) => text.replace(",train", ",valid"))).toMatch(
      /line 2: has the split "valid"/,
    );
    expect(await withManifest((text) => text.replace("a,slide0", "../a,slide0"))).toMatch(
      /line 2: names the patch/,
    );
  });

  it("duplicate ids in the manifest and in folders", async () => {
    const message = await withManifest((text) => text.replace("c,slide2", "a,slide2"));
    expect(message).toMatch(/^\[dataset\].*line 4: lists the patch "a" again \(first on line 2\)/);
    const root = await makeBareDataset([...NAMES, "test/image/a_0"]);
    expect(await errorOf(openDataset(root))).toMatch(
      /^\[dataset\].*test.image.a_0.png: has the same id as .*train.image.a_1/,
    );
  });

  it("patient in two splits", async () => {
    const message = await withManifest((text) => text.replace("patient4", "patient0"));
    expect(message).toMatch(/^\[dataset\].*: puts patient "patient0" into test, who is in train already/);
  });

  it("patch file missing", async () => {
    const root = await makeBareDataset();
    await writeText(join(root, "manifest.csv"), formatManifest(rowsFor()));
    await rm(join(root, "val/image/c_1.png"));
    expect(await errorOf(openDataset(root))).toMatch(
      /^\[dataset\].*val.image: lacks 1 of the 2 patches.*c_1.png/,
    );
  });

  it("file without a label", async () => {
    const root = await makeBareDataset([...NAMES, "val/image/x"]);
    expect(await errorOf(openDataset(root))).toMatch(/^\[dataset\].*x.png: does not tell its label/);
  });

  it("truncated, empty and foreign patch files", async () => {
    const root = await makeBareDataset();
    const path = join(root, "val/image/c_1.png");
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 20));
    expect(await errorOf(openDataset(root))).toMatch(/^\[input-image\].*c_1.png: is truncated/);
    await writeFile(path, "");
    expect(await errorOf(openDataset(root))).toMatch(
      /^\[input-image\].*c_1.png: is not a PNG image \(the file is empty\)/,
    );
    await writeFile(path, "GIF89a, and then some more bytes");
    expect(await errorOf(openDataset(root))).toMatch(/is not a PNG image/);
  });

  it("patches of several sizes", async () => {
    const root = await makeBareDataset();
    await writeNoise(join(root, "val/image/c_1.png"), 48, 32);
    expect(await errorOf(openDataset(root))).toMatch(/^\[dataset\].*c_1.png: is 48 x 32 pixels, not 32 x 32/);
  });
});

describe("validation before training", () => {
  const validate = async (names: string[]): Promise<string> => {
    const dataset = await openDataset(await makeBareDataset(names));
    return errorOf(Promise.resolve().then(() => validateForTraining(dataset)));
  };

  it("passes when train and val have both labels, warning of a one-sided test split", async () => {
    const warnings: string[] = [];
    const warn = (message: string): void => {
      warnings.push(message);
    };
    validateForTraining(await openDataset(await makeBareDataset()), { warn });
    expect(warnings).toEqual([]);
    validateForTraining(await openDataset(await makeBareDataset(NAMES.slice(0, 5))), { warn });
    expect(warnings).toEqual([expect.stringMatching(/test split has no negative patches/)]);
  });

  it("no positives, no negatives", async () => {
    expect(await validate(NAMES.filter((name) => name.endsWith("0")))).toMatch(
      /^\[dataset\].*has no positive patches/,
    );
    expect(await validate(NAMES.filter((name) => name.endsWith("1")))).toMatch(
      /^\[dataset\].*has no negative patches/,
    );
  });

  it("a class missing from a split", async () => {
    const withoutValidationPositive = NAMES.filter((name) => !name.startsWith("val/image/c"));
    expect(await validate(withoutValidationPositive)).toMatch(
      /^\[dataset\].*split "val" has no positive patches \(train 1\+1, val 0\+1, test 1\+1 patches/,
    );
    expect(await validate(NAMES.filter((name) => !name.startsWith("train/image/b")))).toMatch(
      /split "train" has no negative patches/,
    );
  });
});
