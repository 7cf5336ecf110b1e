import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDataset, prepareDataset } from "../../src/dataset/index.js";
import {
  errorOf,
  makeImages,
  PATCH_SIZE,
  recordingReporter,
  temporaryFolder,
  writeGrey,
  writeNoise,
  writeText,
} from "./fixtures.js";

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
      ".ndpi files are no plain images; for slides give `annotations: FOLDER`",
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
      /^\[dataset\].*no negative patches are left.*positive and 0 negative.*`negativeLimit`/,
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
      'The split "val" has no positive patches: training needs them. Try another `seed` or `split`; where `patients` has a column split, change that.',
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

  it("a mask that is not binary tells about maskValues, which then accepts instance labels", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await writeGrey(join(folder, "masks", "tissue_2.png"), 80, 64, (x) => (x < 10 ? 1 : x < 20 ? 2 : 0));
    const message = await errorOf(prepareDataset(options));
    expect(message).toMatch(/^\[input-mask\].*masks\/tissue_2.png: is not a binary mask.*`maskValues: any`/);
    await prepareDataset({ ...options, maskValues: "any" });
    const patch = (await openDataset(options.out)).patches.find((p) => p.slide === "tissue_2" && p.x === 0);
    expect(patch?.tumourFraction).toBe(20 / PATCH_SIZE);
    await prepareDataset({ ...options, maskValues: 2, overwrite: true });
    const upper = (await openDataset(options.out)).patches.find((p) => p.slide === "tissue_2" && p.x === 0);
    expect(upper?.tumourFraction).toBe(10 / PATCH_SIZE);
  });

  it("images without masks", async () => {
    const { masks: _, ...options } = await makeImages(await temporaryFolder());
    expect(await errorOf(prepareDataset(options))).toMatch(/^\[usage\] images need masks.*`masks: FOLDER`/);
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
    [{ patchSize: 0 }, /`patchSize`: cannot be 0/],
    [{ stride: 1.5 }, /`stride`: cannot be 1.5/],
    [{ positiveRange: [0.9, 0.2] }, /`positiveRange`: cannot be 0.9,0.2/],
    [{ negativeLimit: 0.3 }, /`negativeLimit`: cannot be 0.3/],
    [{ split: [0, 0, 0] }, /`split`: cannot be 0,0,0/],
    [{ mpp: 0 }, /`mpp`: cannot be 0/],
    [{ maxPositives: -1 }, /`maxPositives`: cannot be -1/],
  ] as const)("an option out of range: %j", async (override, message) => {
    const error = await errorOf(prepareDataset({ inputs: ["x"], out: "y", ...override }));
    expect(error).toMatch(/^\[usage\]/);
    expect(error).toMatch(message);
  });
});
