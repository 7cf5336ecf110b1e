import { copyFile, mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import sharp from "sharp";
import { describe, expect, it, vi } from "vitest";
import { openDataset, prepareDataset, prepareSlides } from "../../src/dataset/index.js";
import { decideSplits } from "../../src/dataset/preparation/patients.js";
import { memorySlide } from "../support/memory-slide.js";
import {
  makeImages,
  recordingReporter,
  temporaryFolder,
  writeGrey,
  writeNoise,
  writeText,
} from "./fixtures.js";
import { pink } from "./slide-pixels.js";
import { slideWorkplace } from "./slide-workplace.js";

vi.setConfig({ testTimeout: 60_000 });

const KEPT = /^The same picture under several names, kept in one split and counted as often: /;
const APART = /^The same picture under several names in several splits, as they were given: /;

describe("the same image under several names", () => {
  it("is told and kept in one split with the patients that it links, whatever the seed", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    for (const [from, to] of [
      [0, 3],
      [3, 5],
    ])
      await copyFile(
        join(folder, "images", `tissue_${from}.png`),
        join(folder, "images", `tissue_${to}.png`),
      );
    for (const seed of [0, 1, 2, 3, 4]) {
      const { root, warnings } = await prepareDataset({
        ...options,
        seed,
        split: [1, 1, 1],
        overwrite: true,
      });
      const told = warnings.filter((warning) => KEPT.test(warning));
      expect(told).toEqual([expect.stringMatching(/: tissue_0 = tissue_3 = tissue_5\.$/)]);
      const { patches } = await openDataset(root);
      const duplicates = patches.filter(({ slide }) => /_[035]$/.test(slide));
      expect(new Set(duplicates.map(({ split }) => split)).size).toBe(1);
      expect(new Set(patches.map(({ split }) => split)).size).toBe(3);
      expect(JSON.parse(await readFile(join(root, "dataset.json"), "utf8")).warnings).toEqual(warnings);
    }
  });

  it("that a table puts into two splits is told and stays there", async () => {
    const folder = await temporaryFolder();
    const options = await makeImages(folder);
    await copyFile(join(folder, "images", "tissue_0.png"), join(folder, "images", "tissue_3.png"));
    const patients = join(folder, "patients.csv");
    const split = (index: number) => ["train", "val", "val", "test", "train", "test"][index];
    const lines = Array.from({ length: 6 }, (_, index) => `tissue_${index},p${index},${split(index)}\n`);
    await writeText(patients, `image,patient,split\n${lines.join("")}`);
    const { root, warnings } = await prepareDataset({ ...options, patients });
    expect(warnings.filter((warning) => APART.test(warning))).toEqual([
      expect.stringMatching(/tissue_0 \(train\) = tissue_3 \(test\); figures/),
    ]);
    const { patches } = await openDataset(root);
    expect(new Set(patches.map(({ slide, split }) => `${slide} ${split}`))).toContain("tissue_3 test");
    const again: string[] = [];
    await openDataset(root, { warn: (message) => again.push(message) });
    expect(again).toEqual([
      expect.stringMatching(
        /patches are in two splits under two names.*tissue_0_x0_y0 \(train\) = tissue_3_x0_y0 \(test\)/,
      ),
    ]);
  });

  it("links patients through each other", () => {
    const origins = new Map(["a", "b", "c", "d", "e"].map((patient) => [patient, { patient, split: null }]));
    for (const seed of [0, 1, 2, 3]) {
      const splits = decideSplits(origins, { split: [1, 1, 1], seed }, [
        ["a", "b"],
        ["c", "b"],
      ]);
      expect(new Set([splits.get("a"), splits.get("b"), splits.get("c")]).size).toBe(1);
      expect(splits.size).toBe(5);
    }
  });
});

it("ready patches that are the same go into one split; blank ones may be many", async () => {
  const folder = await temporaryFolder();
  const names = Array.from({ length: 12 }, (_, index) => `p${index}_${index % 2}.png`);
  for (const name of names) await writeNoise(join(folder, "patches", name), 32, 32);
  await copyFile(join(folder, "patches", "p1_1.png"), join(folder, "patches", "p7_1.png"));
  const reporter = recordingReporter();
  const options = {
    inputs: [join(folder, "patches")],
    out: join(folder, "out"),
    split: [1, 1, 1] as const,
    reporter,
  };
  const { warnings } = await prepareDataset(options);
  expect(warnings.filter((warning) => KEPT.test(warning))).toEqual([
    expect.stringMatching(/: p1_1 = p7_1\.$/),
  ]);
});

it("slides of the same bytes go into one split", async () => {
  const folder = await temporaryFolder();
  for (const name of ["a", "b", "c", "d"]) {
    await writeText(join(folder, "slides", `${name}.svs`), `bytes of ${name === "c" ? "a" : name}`);
    await writeText(
      join(folder, "xml", `${name}.xml`),
      `<ASAP_Annotations><Annotations><Annotation Name="a" Type="Rectangle" PartOfGroup="Tumor"><Coordinates>${[
        [0, 0],
        [100, 0],
        [100, 192],
        [0, 192],
      ]
        .map(([x, y], order) => `<Coordinate Order="${order}" X="${x}" Y="${y}"/>`)
        .join("")}</Coordinates></Annotation></Annotations><AnnotationGroups/></ASAP_Annotations>`,
    );
  }
  const options = {
    inputs: [join(folder, "slides")],
    annotations: join(folder, "xml"),
    out: join(folder, "dataset"),
    patchSize: 64,
    tissue: "all",
    positiveRange: [0.1, 1],
    openSlide: async (path: string) => {
      const shift = { b: 3, d: 7 }[path.at(-5) ?? ""] ?? 0;
      return memorySlide(path, 256, 192, (x, y) => pink(x + shift, y));
    },
  } as const;
  for (const seed of [0, 1, 2]) {
    const { root, warnings } = await prepareSlides({ ...options, seed, split: [1, 1, 1], overwrite: true });
    expect(warnings).toEqual([expect.stringMatching(/kept in one split .*: a = c\.$/)]);
    const splits = new Map((await openDataset(root)).patches.map(({ slide, split }) => [slide, split]));
    expect(splits.get("a")).toBe(splits.get("c"));
  }
  const splitTable = join(folder, "split.csv");
  await writeText(splitTable, "slide,split\na,train\nb,val\nc,test\nd,train\n");
  const told = await prepareSlides({ ...options, splitTable, overwrite: true });
  expect(told.warnings).toEqual([expect.stringMatching(/a \(train\) = c \(test\); figures/)]);
});

it("slides of several files are the same by their pixels, whatever the file that names them holds", async () => {
  const names = ["a", "b", "c", "d"];
  const shifts: Record<string, number> = { a: 0, b: 3, c: 0, d: 7 };
  const { folder, options } = await slideWorkplace(
    names.map((name) => `${name}.mrxs`),
    names.map((name) => `${name}.geojson`),
    async (path: string) => {
      const shift = shifts[path.at(-6) ?? ""] ?? 0;
      return memorySlide(path, 256, 192, (x, y) => pink(x + shift, y));
    },
  );
  for (const name of names) {
    // MIRAX names its slides by a preview, which may be the same of all or differ by an edit.
    await writeText(join(folder, "slides", `${name}.mrxs`), name === "a" ? "an edited preview" : "a preview");
  }
  const { root, warnings } = await prepareSlides({ ...options, split: [1, 1, 1] });
  expect(warnings).toEqual([expect.stringMatching(/kept in one split .*: a = c\.$/)]);
  const splits = new Map((await openDataset(root)).patches.map(({ slide, split }) => [slide, split]));
  expect(splits.get("a")).toBe(splits.get("c"));
  expect(new Set(splits.values()).size).toBe(3);
});

/** Tissue of one kind, its places by a seed, as an RGB picture. */
function tissueLike(side: number, seed: number): Uint8Array {
  const wave = (x: number, y: number): number => Math.sin(x / 5 + seed) * Math.cos(y / 7 + 2 * seed) * 40;
  return Uint8Array.from({ length: side * side * 3 }, (_, at) => {
    const [x, y] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side)];
    return ([190, 100, 160][at % 3] ?? 0) + wave(x, y);
  });
}

it("images that were compressed anew are the same; others of the same tissue are not", async () => {
  const folder = await temporaryFolder();
  await mkdir(join(folder, "images"));
  const drawn = (seed: number) =>
    sharp(tissueLike(128, seed), { raw: { width: 128, height: 128, channels: 3 } });
  const at = (name: string) => join(folder, "images", name);
  for (const seed of [1, 2, 3, 4]) {
    await drawn(seed).toFile(at(`s${seed}.png`));
    await writeGrey(join(folder, "masks", `s${seed}.png`), 128, 128, (x) => (x < 50 ? 255 : 0));
  }
  await drawn(2).jpeg({ quality: 50 }).toFile(at("again.jpg"));
  await drawn(2).jpeg({ quality: 90, chromaSubsampling: "4:4:4" }).toFile(at("other.jpg"));
  for (const name of ["again", "other"])
    await writeGrey(join(folder, "masks", `${name}.png`), 128, 128, (x) => (x < 50 ? 255 : 0));
  const { warnings } = await prepareDataset({
    ...{ inputs: [join(folder, "images")], masks: join(folder, "masks"), out: join(folder, "out") },
    ...{ patchSize: 32, split: [2, 1, 1] },
  });
  expect(warnings.filter((warning) => /same picture/.test(warning))).toEqual([
    expect.stringMatching(/kept in one split .*: again = other = s2\.$/),
  ]);
});

it("a slide saved anew, with other bytes and metadata, is the same slide; blank ones are not", async () => {
  const side = 512;
  const tissue = (seed: number) => tissueLike(side, seed);
  const pictures: Record<string, Uint8Array> = {
    first: tissue(1),
    other: tissue(2),
    saved: await sharp(tissue(1), { raw: { width: side, height: side, channels: 3 } })
      .jpeg({ quality: 60 })
      .toBuffer()
      .then((bytes) => sharp(bytes).raw().toBuffer()),
    glassA: new Uint8Array(side * side * 3).fill(243),
    glassB: new Uint8Array(side * side * 3).map((_, index) => 240 + (index % 7)),
  };
  const names = Object.keys(pictures);
  const { options } = await slideWorkplace(
    names.map((name) => `${name}.svs`),
    names.map((name) => `${name}.geojson`),
    async (path: string) => {
      const data = pictures[basename(path, ".svs")] ?? new Uint8Array();
      const pixel = (x: number, y: number) =>
        [0, 1, 2].map((channel) => data[3 * (y * side + x) + channel] ?? 0);
      return memorySlide(path, side, side, (x, y) => {
        const [red = 0, green = 0, blue = 0] = pixel(x, y);
        return [red, green, blue];
      });
    },
  );
  const { warnings } = await prepareSlides({ ...options, positiveRange: [0.01, 1] });
  expect(warnings).toEqual([expect.stringMatching(/kept in one split .*: first = saved\.$/)]);
});
