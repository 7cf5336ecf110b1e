import { readdir, readFile, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { exists, silentReporter } from "../../src/common/index.js";
import { loadPatchMask, openDataset, type PrepareOptions, prepareDataset } from "../../src/dataset/index.js";
import {
  errorOf,
  greyValues,
  recordingReporter,
  rgbValues,
  temporaryFolder,
  writeGrey,
  writeNoise,
  writeText,
} from "./fixtures.js";

const SIZE = 32;

/** Six images of 80 × 64 pixels, tumour left of a border that moves from image to image. */
async function makeImages(folder: string, count = 6): Promise<PrepareOptions> {
  for (let index = 0; index < count; index++) {
    await writeNoise(join(folder, "images", `tissue_${index}.png`), 80, 64);
    await writeGrey(join(folder, "masks", `tissue_${index}.png`), 80, 64, (x) =>
      x < 20 + 2 * index ? 255 : 0,
    );
  }
  return {
    inputs: [join(folder, "images")],
    masks: join(folder, "masks"),
    out: join(folder, "dataset"),
    patchSize: SIZE,
    stride: 16,
    split: [4, 1, 1],
    mpp: 0.5,
  };
}

/** Every file of a folder with its bytes. */
async function contents(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = await Promise.all(
    files.map(async (path) => [relative(folder, path), await readFile(path)] as const),
  );
  return new Map(read);
}

describe("preparing a dataset from images and masks", () => {
  it("cuts the pixels the manifest says, with the tumour fraction of their mask", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const result = await prepareDataset(options);
    const dataset = await openDataset(options.out, { warn: (message) => expect.unreachable(message) });

    expect(dataset.patchSize).toBe(SIZE);
    expect(dataset.hash).toBe(result.hash);
    expect(result.skipped).toEqual([]);
    expect(dataset.patches).toHaveLength(
      Object.values(result.counts).reduce((sum, { positive, negative }) => sum + positive + negative, 0),
    );
    for (const patch of dataset.patches) {
      const index = Number(patch.slide.split("_")[1]);
      const tumourWidth = Math.min(SIZE, Math.max(0, 20 + 2 * index - (patch.x ?? Number.NaN)));
      expect(patch.tumourFraction).toBe(tumourWidth / SIZE);
      expect(patch.label).toBe(tumourWidth > 0 ? 1 : 0);
      expect(patch).toMatchObject({ id: `${patch.slide}_x${patch.x}_y${patch.y}`, level: 0, mpp: 0.5 });
      const mask = await loadPatchMask(patch, SIZE);
      expect(mask.data.reduce((sum, value) => sum + value, 0)).toBe(tumourWidth * SIZE);
      expect(patch.maskPath === null).toBe(patch.label === 0);
    }
    const [first] = dataset.patches;
    const source = await rgbValues(join(folder, "images", `${first?.slide}.png`));
    const cut = await rgbValues(first?.imagePath ?? "");
    const row = 5;
    const start = (((first?.y ?? 0) + row) * 80 + (first?.x ?? 0)) * 3;
    expect(cut.subarray(row * SIZE * 3, (row + 1) * SIZE * 3)).toEqual(
      source.subarray(start, start + SIZE * 3),
    );
  });

  it("writes masks as 0 and 255, and only for positives", async () => {
    const options = await makeImages(await temporaryFolder());
    await prepareDataset(options);
    const masks = await readdir(join(options.out, "train", "mask"));
    expect(masks.length).toBeGreaterThan(0);
    expect(masks.every((name) => name.endsWith("_1.png"))).toBe(true);
    expect(new Set(await greyValues(join(options.out, "train", "mask", masks[0] ?? "")))).toEqual(
      new Set([0, 255]),
    );
  });

  it("keeps the images of a split apart from the others", async () => {
    const options = await makeImages(await temporaryFolder());
    await prepareDataset(options);
    const { patches } = await openDataset(options.out);
    const images = (split: string) => new Set(patches.filter((p) => p.split === split).map((p) => p.slide));
    expect([images("train").size, images("val").size, images("test").size]).toEqual([4, 1, 1]);
    expect(new Set(patches.map((p) => p.slide)).size).toBe(6);
  });

  it("writes the same bytes for the same seed, however many images it works on at a time, and others for another", async () => {
    const folder = await temporaryFolder();
    const options = { ...(await makeImages(folder)), maxPositives: 5, maxNegatives: 5 };
    await prepareDataset({ ...options, out: join(folder, "a"), concurrency: 1 });
    await prepareDataset({ ...options, out: join(folder, "b"), concurrency: 4 });
    await prepareDataset({ ...options, out: join(folder, "c"), seed: 1 });
    expect(await contents(join(folder, "a"))).toEqual(await contents(join(folder, "b")));
    expect(await contents(join(folder, "a"))).not.toEqual(await contents(join(folder, "c")));
  });

  it("keeps to the limits in every split and counts what they discard", async () => {
    const options = await makeImages(await temporaryFolder());
    const free = await prepareDataset(options);
    const limited = await prepareDataset({ ...options, maxPositives: 4, maxNegatives: 3, overwrite: true });
    expect(limited.counts.train).toEqual({ positive: 4, negative: 3 });
    const all = (counts: typeof free.counts) =>
      Object.values(counts).reduce((sum, { positive, negative }) => sum + positive + negative, 0);
    expect(limited.discarded.overLimit).toBe(all(free.counts) - all(limited.counts));
  });

  it("keeps every lattice patch of val and test with evaluationPatches all", async () => {
    const options = await makeImages(await temporaryFolder());
    const { counts } = await prepareDataset({
      ...options,
      positiveRange: [0.5, 0.6],
      evaluationPatches: "all",
    });
    const lattice = 4 * 3;
    expect(counts.val.positive + counts.val.negative).toBe(lattice);
    expect(counts.test.positive + counts.test.negative).toBe(lattice);
    expect(counts.train.positive + counts.train.negative).toBeLessThan(4 * lattice);
  });

  it("records options, counts and source hashes, and no time or absolute path", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const result = await prepareDataset(options);
    const text = await readFile(join(options.out, "dataset.json"), "utf8");
    const description = JSON.parse(text);
    expect(text).not.toContain(folder);
    expect(description).toMatchObject({
      format: 1,
      hash: result.hash,
      counts: result.counts,
      settings: { seed: 0, stride: 16 },
    });
    expect(description.sources).toHaveLength(6);
    expect(description.sources[0].imageHash).toMatch(/^[0-9a-f]{64}$/);
  });

  it("finds masks named <stem>_mask and <stem>_anno, also beside the images", async () => {
    const folder = await temporaryFolder();
    for (const [index, suffix] of ["_mask", "_anno", "_mask"].entries()) {
      await writeNoise(join(folder, "all", `a${index}.png`), 80, 64);
      await writeGrey(join(folder, "all", `a${index}${suffix}.png`), 80, 64, (x) => (x < 20 ? 1 : 0));
    }
    const all = join(folder, "all");
    const result = await prepareDataset({
      inputs: [all],
      masks: all,
      out: join(folder, "out"),
      patchSize: SIZE,
      split: [1, 1, 1],
    });
    expect(result.counts.train.positive).toBeGreaterThan(0);
  });

  it("keeps patients together and follows a split column", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const patients = join(folder, "patients.csv");
    await writeText(
      patients,
      `image,patient\n${[0, 1, 2, 3, 4, 5].map((i) => `tissue_${i}.png,p${i >> 1}`).join("\n")}\n`,
    );
    await prepareDataset({ ...options, patients, split: [1, 1, 1] });
    const { patches } = await openDataset(options.out);
    expect(new Set(patches.map((p) => `${p.patient} ${p.split}`)).size).toBe(3);
    expect(patches.find((p) => p.slide === "tissue_3")?.patient).toBe("p1");

    const splits = ["test", "test", "val", "val", "train", "train"];
    const lines = splits.map((split, i) => `tissue_${i},p${i >> 1},${split}`);
    await writeText(patients, `name,patient_id,split\n${lines.join("\n")}\n`);
    await prepareDataset({ ...options, patients, overwrite: true });
    const decided = (await openDataset(options.out)).patches;
    expect(new Set(decided.map((p) => `${p.slide} ${p.split}`))).toEqual(
      new Set(splits.map((split, i) => `tissue_${i} ${split}`)),
    );
  });
});

describe("inputs that cannot be used", () => {
  it("a truncated image and one of another size than its mask are skipped and reported", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder, 8);
    const broken = join(folder, "images", "tissue_0.png");
    await writeFile(broken, (await readFile(broken)).subarray(0, 4000));
    await writeGrey(join(folder, "masks", "tissue_1.png"), 64, 80, () => 0);
    const { skipped } = await prepareDataset(options);
    expect(skipped.map(({ file }) => file)).toEqual([broken, join(folder, "images", "tissue_1.png")]);
    expect(skipped[0]?.reason).toMatch(/cannot be decoded/);
    expect(skipped[1]?.reason).toMatch(/64x80.*80x64/);
    const slides = new Set((await openDataset(options.out)).patches.map(({ slide }) => slide));
    expect(slides.size).toBe(6);
  });

  it("an image smaller than the patch size is skipped and reported", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeNoise(join(folder, "images", "small.png"), 80, 31);
    await writeGrey(join(folder, "masks", "small.png"), 80, 31, () => 0);
    const { skipped } = await prepareDataset(options);
    expect(skipped).toEqual([
      {
        file: join(folder, "images", "small.png"),
        reason: "is smaller than a patch (80 x 31 pixels, the patch size is 32)",
      },
    ]);
  });

  it("a slide file among the images is skipped and reported", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeText(join(folder, "images", "slide.ndpi"), "x");
    await writeText(join(folder, "images", "README.txt"), "not an image");
    expect((await prepareDataset(options)).skipped.map(({ reason }) => reason)).toEqual([
      ".ndpi files cannot be read here; convert it to PNG, JPEG or TIFF",
    ]);
  });

  it("nothing left: the error gives the count of every filter and an example", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const message = await errorOf(prepareDataset({ ...options, patchSize: 100 }));
    expect(message).toMatch(
      /^\[dataset\].*no patches are left.*0 images used, 6 skipped.*smaller than a patch/,
    );
    const range = { patchSize: 64, positiveRange: [0.9, 1] } as const;
    expect(await errorOf(prepareDataset({ ...options, ...range }))).toMatch(
      /no patches are left.*6 images used, 0 skipped.*discarded: 12 between the negative limit and the positive range/,
    );
    expect(await readdir(folder)).toEqual(["images", "masks"]);
  });

  it("no positives", async () => {
    const options = await makeImages(await temporaryFolder());
    const message = await errorOf(prepareDataset({ ...options, positiveRange: [0.99, 0.995] }));
    expect(message).toMatch(/^\[dataset\].*no positive patches are left.*0 positive and \d+ negative/);
  });

  it("no negatives", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const message = await errorOf(prepareDataset({ ...options, patchSize: 64, positiveRange: [0.1, 1] }));
    expect(message).toMatch(
      /^\[dataset\].*no negative patches are left.*positive and 0 negative.*--negative-limit/,
    );
  });

  it("a label missing from a split is a warning that names the split", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder, 2);
    await writeNoise(join(folder, "images", "healthy.png"), 80, 64);
    await writeGrey(join(folder, "masks", "healthy.png"), 80, 64, () => 0);
    const patients = join(folder, "patients.csv");
    await writeText(patients, "image,patient,split\ntissue_0,a,train\ntissue_1,b,test\nhealthy,c,val\n");
    const reporter = recordingReporter();
    await prepareDataset({ ...options, patients, reporter });
    expect(reporter.warnings).toEqual([
      'The split "val" has no positive patches: training needs them. Try another --seed or --split.',
    ]);
  });

  it("images lacking a mask are all named", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeNoise(join(folder, "images", "lonely.png"), 80, 64);
    await writeNoise(join(folder, "images", "orphan.jpg"), 80, 64);
    const message = await errorOf(prepareDataset(options));
    expect(message).toMatch(/^\[input-mask\].*no mask for 2 of 8 images: lonely.png, orphan.jpg/);
  });

  it("two images of the same name", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeNoise(join(folder, "images", "Tissue_3.jpg"), 80, 64);
    expect(await errorOf(prepareDataset(options))).toMatch(
      /^\[dataset\].*tissue_3.png: has the same name as .*Tissue_3.jpg/,
    );
  });

  it("a mask that is not binary tells about --mask-values, which then accepts instance labels", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeGrey(join(folder, "masks", "tissue_2.png"), 80, 64, (x) => (x < 10 ? 1 : x < 20 ? 2 : 0));
    const message = await errorOf(prepareDataset(options));
    expect(message).toMatch(/^\[input-mask\].*masks\/tissue_2.png: is not a binary mask.*--mask-values any/);
    await prepareDataset({ ...options, maskValues: "any" });
    const patch = (await openDataset(options.out)).patches.find((p) => p.slide === "tissue_2" && p.x === 0);
    expect(patch?.tumourFraction).toBe(20 / SIZE);
    await prepareDataset({ ...options, maskValues: 2, overwrite: true });
    const upper = (await openDataset(options.out)).patches.find((p) => p.slide === "tissue_2" && p.x === 0);
    expect(upper?.tumourFraction).toBe(10 / SIZE);
  });

  it("images without masks", async () => {
    const { masks: _, ...options } = await makeImages(await temporaryFolder());
    expect(await errorOf(prepareDataset(options))).toMatch(/^\[usage\] images need masks.*--masks/);
  });

  it("a malformed CSV file of patients", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const patients = join(folder, "patients.csv");
    const attempt = async (text: string): Promise<string> => {
      await writeText(patients, text);
      return errorOf(prepareDataset({ ...options, patients }));
    };
    expect(await attempt("image,patient\ntissue_0,a,b\n")).toMatch(
      /^\[dataset\].*patients.csv: is not a well-formed CSV/,
    );
    expect(await attempt('image,patient\n"tissue_0,a\n')).toMatch(/not a well-formed CSV/);
    expect(await attempt("image,who\ntissue_0,a\n")).toMatch(
      /lacks a column named patient or patient_id.*image, who/,
    );
    expect(await attempt("image,patient\ntissue_0,\n")).toMatch(/line 2: has no value for "patient"/);
    expect(await attempt("image,patient\ntissue_0,a\ntissue_0.png,b\n")).toMatch(
      /line 3: lists "tissue_0" twice/,
    );
    expect(await attempt("image,patient\ntissue_0,a\n")).toMatch(
      /no line for 5 of 6 images: tissue_1, tissue_2/,
    );
    expect(await attempt("image,patient,split\ntissue_0,a,training\n")).toMatch(
      /line 2: has the split "training"/,
    );
    expect(await attempt("")).toMatch(/is empty/);
  });

  it("a patient in two splits", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder, 2);
    const patients = join(folder, "patients.csv");
    await writeText(patients, "image,patient,split\ntissue_0,a,train\ntissue_1,a,test\n");
    expect(await errorOf(prepareDataset({ ...options, patients }))).toMatch(
      /^\[dataset\] patient "a": is in two splits/,
    );
  });

  it.each([
    [{ patchSize: 0 }, /--patch-size: cannot be 0/],
    [{ stride: 1.5 }, /--stride: cannot be 1.5/],
    [{ positiveRange: [0.9, 0.2] }, /--positive-range: cannot be 0.9,0.2/],
    [{ negativeLimit: 0.3 }, /--negative-limit: cannot be 0.3/],
    [{ split: [0, 0, 0] }, /--split: cannot be 0,0,0/],
    [{ mpp: 0 }, /--mpp: cannot be 0/],
    [{ maxPositives: -1 }, /--max-positives: cannot be -1/],
  ] as const)("an option out of range: %j", async (override, message) => {
    const error = await errorOf(prepareDataset({ inputs: ["x"], out: "y", ...override }));
    expect(error).toMatch(/^\[usage\]/);
    expect(error).toMatch(message);
  });
});

describe("the output directory", () => {
  it("is not overwritten unless asked to, and never when it is something else", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const { hash } = await prepareDataset(options);
    expect(await errorOf(prepareDataset({ ...options, seed: 1 }))).toMatch(
      /^\[usage\].*holds a dataset already.*--overwrite/,
    );
    expect((await openDataset(options.out)).hash).toBe(hash);
    await prepareDataset({ ...options, seed: 1, overwrite: true });
    expect((await openDataset(options.out)).hash).not.toBe(hash);
    expect(await readdir(folder)).toEqual(["dataset", "images", "masks"]);

    const precious = join(folder, "home");
    await writeText(join(precious, "thesis.txt"), "words");
    const message = await errorOf(prepareDataset({ ...options, out: precious, overwrite: true }));
    expect(message).toMatch(/^\[usage\].*not a prepared dataset/);
    expect(await exists(join(precious, "thesis.txt"))).toBe(true);
    expect(await errorOf(prepareDataset({ ...options, out: folder, overwrite: true }))).toMatch(
      /the input .* lies in it/,
    );
  });

  it("stays as it was when writing fails midway", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const { hash } = await prepareDataset(options);
    const stop = new Error("stopped from outside");
    const reporter = {
      ...silentReporter,
      progress: ({ task, done }: { task: string; done: number }) => {
        if (task === "writing patches" && done > 10) throw stop;
      },
    };
    await expect(prepareDataset({ ...options, seed: 1, overwrite: true, reporter })).rejects.toBe(stop);
    expect((await openDataset(options.out)).hash).toBe(hash);
    expect(await readdir(folder)).toEqual(["dataset", "images", "masks"]);
  });
});
