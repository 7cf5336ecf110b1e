import { readdir, readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { exists, silentReporter } from "../../src/common/index.js";
import { loadPatchMask, openDataset, prepareDataset } from "../../src/dataset/index.js";
import {
  errorOf,
  greyValues,
  makeImages,
  PATCH_SIZE,
  rgbValues,
  temporaryFolder,
  writeGrey,
  writeNoise,
  writeText,
} from "./fixtures.js";

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

    expect(dataset.patchSize).toBe(PATCH_SIZE);
    expect(dataset.hash).toBe(result.hash);
    expect(result.skipped).toEqual([]);
    expect(dataset.patches).toHaveLength(
      Object.values(result.counts).reduce((sum, { positive, negative }) => sum + positive + negative, 0),
    );
    for (const patch of dataset.patches) {
      const index = Number(patch.slide.split("_")[1]);
      const tumourWidth = Math.min(PATCH_SIZE, Math.max(0, 20 + 2 * index - (patch.x ?? Number.NaN)));
      expect(patch.tumourFraction).toBe(tumourWidth / PATCH_SIZE);
      expect(patch.label).toBe(tumourWidth > 0 ? 1 : 0);
      expect(patch).toMatchObject({ id: `${patch.slide}_x${patch.x}_y${patch.y}`, level: 0, mpp: 0.5 });
      const mask = await loadPatchMask(patch, PATCH_SIZE);
      expect(mask.data.reduce((sum, value) => sum + value, 0)).toBe(tumourWidth * PATCH_SIZE);
      expect(patch.maskPath === null).toBe(patch.label === 0);
    }
    const [first] = dataset.patches;
    const source = await rgbValues(join(folder, "images", `${first?.slide}.png`));
    const cut = await rgbValues(first?.imagePath ?? "");
    const row = 5;
    const start = (((first?.y ?? 0) + row) * 80 + (first?.x ?? 0)) * 3;
    expect(cut.subarray(row * PATCH_SIZE * 3, (row + 1) * PATCH_SIZE * 3)).toEqual(
      source.subarray(start, start + PATCH_SIZE * 3),
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
      patchSize: PATCH_SIZE,
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

describe("the output directory", () => {
  it("is not overwritten unless asked to, and never when it is something else", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const { hash } = await prepareDataset(options);
    expect(await errorOf(prepareDataset({ ...options, seed: 1 }))).toMatch(
      /^\[usage\].*holds a dataset already.*`overwrite: true`/,
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

  it("is left as it was, with nothing beside it, when the job is stopped", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    const stop = new AbortController();
    const reporter = {
      ...silentReporter,
      progress: ({ task }: { task: string }) => {
        if (task === "writing patches") stop.abort(new Error("Ctrl-C"));
      },
    };
    const job = prepareDataset({ ...options, reporter, signal: stop.signal });
    await expect(job).rejects.toThrow("Ctrl-C");
    expect(await readdir(folder)).toEqual(["images", "masks"]);
  });
});
