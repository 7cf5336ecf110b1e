import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { EpSamError, exists, moduleBeside } from "../../src/common/index.js";
import { openDataset, type PrepareSlidesOptions, prepareSlides } from "../../src/dataset/index.js";
import type { PixelSource } from "../../src/slides/index.js";
import { type MemorySlide, type MemorySlideOptions, memorySlide } from "../support/memory-slide.js";
import { errorOf, greyValues, recordingReporter, rgbValues, temporaryFolder, writeText } from "./fixtures.js";
import { pink, pinkOf } from "./slide-pixels.js";

const PATCH = 64;
vi.setConfig({ testTimeout: 180_000 });

/** ASAP XML of one rectangle. */
function annotations(left: number, top: number, right: number, bottom: number, group = "Tumor"): string {
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  const lines = corners.map(([x, y], order) => `<Coordinate Order="${order}" X="${x}" Y="${y}"/>`).join("");
  return `<ASAP_Annotations><Annotations><Annotation Name="a" Type="Rectangle" PartOfGroup="${group}"><Coordinates>${lines}</Coordinates></Annotation></Annotations><AnnotationGroups/></ASAP_Annotations>`;
}

interface Workplace {
  readonly folder: string;
  readonly options: PrepareSlidesOptions;
  /** What slides are opened as, by name; missing ones are broken files. */
  readonly slides: Map<string, MemorySlide>;
  readonly warnings: readonly string[];
  readonly notes: readonly string[];
  /** Slides opened so far, by name. */
  readonly opened: string[];
}

/** Slides `a`, `b`, … of 256 × 192 pixels whose left 100 columns are tumour, and options to prepare them. */
async function workplace(names: readonly string[], slide: MemorySlideOptions = {}): Promise<Workplace> {
  const folder = await temporaryFolder();
  const slides = new Map<string, MemorySlide>();
  for (const name of names) {
    await writeText(join(folder, "slides", `${name}.svs`), name);
    await writeText(join(folder, "xml", `${name}.xml`), annotations(0, 0, 100, 192));
    slides.set(name, memorySlide(`${name}.svs`, 256, 192, pinkOf(`${name}.svs`), slide));
  }
  const reporter = recordingReporter();
  const opened: string[] = [];
  const openSlide = async (path: string): Promise<PixelSource> => {
    const name = path.replace(/.*\/|\.svs$/g, "");
    opened.push(name);
    const found = slides.get(name);
    if (found === undefined) throw new EpSamError("slide", { where: path, what: "is truncated" });
    return found;
  };
  const options: PrepareSlidesOptions = {
    inputs: [join(folder, "slides")],
    annotations: join(folder, "xml"),
    out: join(folder, "dataset"),
    patchSize: PATCH,
    tissue: "all",
    split: [1, 0, 0],
    openSlide,
    reporter,
  };
  return { folder, options, slides, warnings: reporter.warnings, notes: reporter.notes, opened };
}

/** Every file below a folder with its bytes, as text for comparisons. */
async function contents(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder, { recursive: true })).sort();
  const files: Record<string, string> = {};
  for (const name of names) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) files[name] = (await readFile(path)).toString("base64");
  }
  return files;
}

/** Leaves a preparation as a kill does that comes when a slide is examined, or its patches are written. */
async function killedAt(
  name: string,
  { options, folder }: Workplace,
  when: "examined" | "written",
): Promise<void> {
  const [partial, kept] = [join(folder, "dataset.partial"), join(folder, "as-killed")];
  let opened = 0;
  const openSlide = async (path: string): Promise<PixelSource> => {
    if (path.endsWith(`${name}.svs`) && ++opened === (when === "examined" ? 1 : 2)) {
      await cp(partial, kept, { recursive: true });
      throw new Error("killed");
    }
    return options.openSlide?.(path) ?? Promise.reject(new Error("no slide"));
  };
  await expect(prepareSlides({ ...options, openSlide })).rejects.toThrow("killed");
  await rm(partial, { recursive: true });
  await rename(kept, partial);
}

/** As {@link killedAt} while the slide is examined in a process of its own: both processes end. */
async function killedInOwnProcess(name: string, { options, folder }: Workplace): Promise<void> {
  const [partial, kept] = [join(folder, "dataset.partial"), join(folder, "as-killed")];
  const stop = new AbortController();
  let copied: Promise<void> | undefined;
  const reporter = {
    ...recordingReporter(),
    note: (note: string) => {
      if (!note.includes(`${name}.svs: the program ended`)) return;
      copied = cp(partial, kept, { recursive: true });
      void copied.then(() => stop.abort(new Error("killed")));
    },
  };
  await expect(prepareSlides({ ...options, reporter, signal: stop.signal })).rejects.toThrow("killed");
  await copied;
  await rm(partial, { recursive: true });
  await rename(kept, partial);
}

describe("prepareSlides", () => {
  it("cuts patches with tissue, labels them by the annotated tumour and writes masks", async () => {
    const { options, slides } = await workplace(["a", "b"], { micronsPerPixel: { x: 0.25, y: 0.25 } });
    // Of 4 columns, one is all tumour, one has 36 of its 64, two have none.
    const wide = await prepareSlides({ ...options, positiveRange: [0.1, 1] });
    expect(wide.counts.train).toEqual({ positive: 12, negative: 12 });

    const dataset = await openDataset(wide.root);
    expect(dataset.hash).toBe(wide.hash);
    const partial = dataset.patches.find(({ id }) => id === "a_x64_y128");
    expect(partial).toMatchObject({
      slide: "a",
      x: 64,
      y: 128,
      level: 0,
      mpp: 0.25,
      label: 1,
      tumourFraction: 0.5625,
    });
    const mask = await greyValues(partial?.maskPath ?? "");
    expect([...mask.subarray(0, PATCH)]).toEqual(Array.from({ length: PATCH }, (_, x) => (x < 36 ? 255 : 0)));
    const origin = { space: "level-0", x: 64, y: 128 } as const;
    const region = await slides.get("a")?.readRegion({ origin, level: 0, width: PATCH, height: PATCH });
    expect(Buffer.from(await rgbValues(partial?.imagePath ?? ""))).toEqual(Buffer.from(region?.data ?? []));
    const negative = dataset.patches.find(({ label }) => label === 0);
    expect(negative?.maskPath).toBeNull();
    const description = JSON.parse(await readFile(join(wide.root, "dataset.json"), "utf8"));
    expect(description.inputKind).toBe("slides");
    expect(description.sources[0]).toMatchObject({
      slide: "a.svs",
      annotations: "a.xml",
      width: 256,
      patches: 12,
    });
    expect(await exists(`${options.out}.partial`)).toBe(false);
  });

  it("samples evenly over the bins of tumour, up to the limits", async () => {
    const { options, folder } = await workplace(["a"]);
    await writeText(join(folder, "xml", "a.xml"), annotations(0, 0, 180, 160));
    const result = await prepareSlides({
      ...options,
      maxPositives: 3,
      maxNegatives: 2,
      positiveRange: [0.1, 1],
    });
    expect(result.counts.train).toEqual({ positive: 3, negative: 2 });
    expect(result.discarded.overLimit).toBe(6 + 1);
    const fractions = (await openDataset(result.root)).patches.map(({ tumourFraction }) => tumourFraction);
    // Full patches are most, yet no bin gives two before the others have given one.
    expect(new Set(fractions).size).toBe(4);
  });

  it("reads a level or a resolution; the manifest says which", async () => {
    const { options, folder } = await workplace(["a"], { micronsPerPixel: { x: 0.25, y: 0.25 } });
    const level = await prepareSlides({ ...options, patchSize: 16, level: 1, positiveRange: [0.1, 1] });
    const [first] = (await openDataset(level.root)).patches;
    expect(first).toMatchObject({ level: 1, mpp: 1 });
    const out = join(folder, "resampled");
    const resampled = await prepareSlides({
      ...options,
      out,
      mpp: 0.6,
      patchSize: 32,
      positiveRange: [0.1, 1],
    });
    const patches = (await openDataset(resampled.root)).patches;
    expect(patches[0]).toMatchObject({ level: 0, mpp: 0.6 });
    expect(resampled.patchSize).toBe(32);
    const partial = patches.find(
      ({ tumourFraction }) => (tumourFraction ?? 1) < 1 && (tumourFraction ?? 0) > 0,
    );
    const columns = Math.round((100 - (partial?.x ?? 0)) / 2.4);
    expect(partial?.tumourFraction).toBeCloseTo(columns / 32, 6);
  });

  it("asks for the resolution of slides that do not tell theirs, and takes it from a table", async () => {
    const { options, folder } = await workplace(["a", "b"]);
    expect(await errorOf(prepareSlides({ ...options, mpp: 0.5 }))).toMatch(
      /a.svs: does not tell its microns .*`mppTable`/,
    );
    const mppTable = join(folder, "mpp.csv");
    await writeText(mppTable, "slide,mpp\na.svs,0.25\nB,0.5\n");
    const given = await prepareSlides({ ...options, mpp: 0.5, mppTable, positiveRange: [0.1, 1] });
    expect(given.skipped).toEqual([]);
    const ids = (await openDataset(given.root)).patches.map(({ id }) => id);
    expect(ids).toContain("a_x128_y0");
    expect(ids).not.toContain("a_x64_y0");
    expect(ids).toContain("b_x64_y0");
    await writeText(mppTable, "slide,mpp\na,zero\n");
    expect(await errorOf(prepareSlides({ ...options, mpp: 0.5, mppTable, overwrite: true }))).toMatch(
      /line 2.*mpp "zero"/,
    );
  });

  it("skips what is broken, wrongly annotated or not annotated, and says so", async () => {
    const { options, folder, slides, warnings } = await workplace(["a", "b", "c", "d"]);
    slides.delete("b");
    await writeText(join(folder, "xml", "c.xml"), annotations(0, 0, 9, 9, "Stroma"));
    await writeText(join(folder, "slides", "e.svs"), "e");
    const result = await prepareSlides({ ...options, positiveRange: [0.1, 1] });
    const reasons = Object.fromEntries(result.skipped.map(({ file, reason }) => [file.at(-5), reason]));
    expect(reasons.b).toMatch(/is truncated/);
    expect(reasons.c).toMatch(/unknown group "Stroma".*`groups\.tumour: "Stroma"`/);
    expect(reasons.e).toMatch(/has no annotation file e.xml.*`unannotated: normal`/);
    expect(warnings.filter((warning) => warning.startsWith("Skipped"))).toHaveLength(3);
    slides.set("e", memorySlide("e.svs", 256, 192, pinkOf("e.svs")));
    const again = {
      ...options,
      overwrite: true,
      unannotated: "normal",
      groups: { ignored: ["stroma"] },
    } as const;
    const normal = await prepareSlides({ ...again, positiveRange: [0.1, 1] });
    expect(normal.skipped).toHaveLength(1);
    const sources = (await openDataset(normal.root)).patches
      .filter(({ label }) => label === 0)
      .map(({ slide }) => slide);
    expect(new Set(sources)).toEqual(new Set(["a", "c", "d", "e"]));
  });

  it("goes on where it was stopped, and ends with the same bytes", async () => {
    const names = ["a", "b", "c"];
    const whole = await workplace(names);
    const expected = await prepareSlides({ ...whole.options, positiveRange: [0.1, 1] });

    const { options, opened, folder } = await workplace(names);
    const stop = new AbortController();
    const stopping = async (path: string): Promise<PixelSource> => {
      if (path.endsWith("c.svs")) stop.abort(new Error("stopped"));
      return options.openSlide?.(path) ?? Promise.reject(new Error("no slide"));
    };
    const half = { ...options, positiveRange: [0.1, 1] as const, openSlide: stopping, signal: stop.signal };
    await expect(prepareSlides(half)).rejects.toThrow("stopped");
    expect(await exists(options.out)).toBe(false);
    const state = JSON.parse(await readFile(join(`${options.out}.partial`, "state.json"), "utf8"));
    expect(state.slides).toMatchObject({
      a: { state: "examined" },
      c: { state: "interrupted" },
    });

    // Stopped once more, while patches are written.
    const later = new AbortController();
    const reporter = {
      ...recordingReporter(),
      progress: ({ task, done }: { task: string; done: number }) => {
        if (task === "writing patches" && done === 20) later.abort(new Error("stopped again"));
      },
    };
    opened.length = 0;
    const second = { ...options, positiveRange: [0.1, 1] as const, signal: later.signal, reporter };
    await expect(prepareSlides(second)).rejects.toThrow("stopped again");
    expect(opened.slice(0, 2)).toEqual(["c", "a"]);

    const result = await prepareSlides({ ...options, positiveRange: [0.1, 1] });
    expect(result.hash).toBe(expected.hash);
    expect(await contents(result.root)).toEqual(await contents(expected.root));
    expect(await exists(join(folder, "dataset.partial"))).toBe(false);
  });

  it("examines a slide anew when it or its annotations changed, and refuses other options", async () => {
    const { options, folder, opened } = await workplace(["a", "b"]);
    const stop = new AbortController();
    const stopping = async (path: string): Promise<PixelSource> => {
      if (path.endsWith("b.svs")) stop.abort(new Error("stopped"));
      return options.openSlide?.(path) ?? Promise.reject(new Error("no slide"));
    };
    await expect(prepareSlides({ ...options, openSlide: stopping, signal: stop.signal })).rejects.toThrow(
      "stopped",
    );
    expect(await errorOf(prepareSlides({ ...options, patchSize: 32 }))).toMatch(
      /begun with other options.*`overwrite: true`/,
    );
    await writeFile(join(folder, "xml", "a.xml"), annotations(0, 0, 40, 192));
    opened.length = 0;
    const result = await prepareSlides({ ...options, positiveRange: [0.1, 1], overwrite: true });
    expect(opened.filter((name) => name === "a").length).toBeGreaterThan(1);
    expect(result.counts.train.positive).toBe(3 + 6);
  });

  const slideModule = moduleBeside(import.meta.url, "./slide-process");
  const notesOfOwnProcess = (notes: readonly string[]) =>
    notes.filter((note) => note.includes("read in a process of its own"));

  it("holds no kill against a slide, however often it came and while the slide was what", async () => {
    const expected = await prepareSlides((await workplace(["a", "b"])).options);
    const place = await workplace(["a", "b"]);
    const options = { ...place.options, slideModule };
    await killedAt("b", place, "examined");
    for (let kills = 0; kills < 4; kills++) await killedInOwnProcess("b", place);
    const result = await prepareSlides(options);
    expect(result.skipped).toEqual([]);
    expect(place.warnings).toEqual([]);
    expect(notesOfOwnProcess(place.notes).at(-1)).toContain("b.svs");
    expect(result.hash).toBe(expected.hash);
    expect(await exists(join(place.folder, "dataset.partial"))).toBe(false);

    const second = await workplace(["a", "b"]);
    await killedAt("b", second, "written");
    const { skipped, hash } = await prepareSlides({ ...second.options, slideModule });
    expect([skipped, hash]).toEqual([[], expected.hash]);
  });

  it.each(["examined", "written"] as const)(
    "leaves out a slide that ends a process of its own while it is %s, and tries it again without the others",
    async (when) => {
      const place = await workplace(["a", "crash"]);
      const { options, warnings, opened } = place;
      await killedAt("crash", place, when);
      const left = await prepareSlides({ ...options, slideModule });
      expect(left.skipped).toMatchObject([{ reason: expect.stringContaining("ended by SIGSEGV") }]);
      expect(warnings.join("\n")).toMatch(/crash.svs: ends the program .*`overwrite: true` tries this slide/);
      expect((await openDataset(left.root)).hash).toBe(left.hash);
      expect((await readdir(left.root)).sort()).toEqual(["dataset.json", "manifest.csv", "train"]);

      const whole = await prepareSlides((await workplace(["a", "crash"])).options);
      opened.length = 0;
      const mended = moduleBeside(import.meta.url, "./mended-slide-process");
      const result = await prepareSlides({ ...options, overwrite: true, slideModule: mended });
      expect([result.skipped, result.hash]).toEqual([[], whole.hash]);
      // Once, to write its patches: it is not examined again.
      expect(opened).toEqual(["a"]);
      expect(await exists(join(place.folder, "dataset.partial"))).toBe(false);
    },
  );

  it("gives a slide a second process of its own, since a machine may be short of memory once", async () => {
    const place = await workplace(["a", "once"]);
    await killedAt("once", place, "examined");
    expect((await prepareSlides({ ...place.options, slideModule })).skipped).toEqual([]);
  });

  it("draws anew without a slide whose patches turn out to be damaged", async () => {
    const names = ["a", "b", "c"];
    const without = await workplace(["a", "c"]);
    const limits = { positiveRange: [0.1, 1], maxPositives: 6, maxNegatives: 6 } as const;
    const expected = await prepareSlides({ ...without.options, ...limits });
    const { options, slides } = await workplace(names);
    const damaged = { left: 0, top: 0, right: 256, bottom: 192 };
    slides.set("b", memorySlide("b.svs", 256, 192, pinkOf("b.svs"), { damaged }));
    const result = await prepareSlides({ ...options, ...limits });
    expect(result.skipped).toMatchObject([{ reason: "has a damaged tile" }]);
    expect(result.hash).toBe(expected.hash);
    const images = await readdir(join(result.root, "train", "image"));
    expect(images.filter((name) => name.startsWith("b_"))).toEqual([]);
  });

  it("keeps patients in one split: from the name, a table or the profile", async () => {
    const names = ["patient_004_node_1", "patient_004_node_4", "patient_010_node_4", "patient_012_node_0"];
    const { options, folder, warnings, notes } = await workplace(names);
    const wide = { ...options, positiveRange: [0.1, 1] as const };
    const drawn = await prepareSlides({ ...wide, split: [1, 1, 1] });
    const splitsOf = async (root: string) =>
      Object.fromEntries(
        (await openDataset(root)).patches.map(({ slide, split, patient }) => [slide, `${patient} ${split}`]),
      );
    const splits = await splitsOf(drawn.root);
    expect(splits.patient_004_node_1).toBe(splits.patient_004_node_4);
    expect(new Set(Object.values(splits)).size).toBe(3);

    const splitTable = join(folder, "split.csv");
    await writeText(
      splitTable,
      `slide,split\n${names.map((name, i) => `${name}.svs,${i < 3 ? "train" : "test"}`).join("\n")}\n`,
    );
    const decided = await splitsOf((await prepareSlides({ ...wide, splitTable, overwrite: true })).root);
    expect(decided.patient_010_node_4).toBe("patient_010 train");
    expect(decided.patient_012_node_0).toBe("patient_012 test");
    await writeText(splitTable, "slide,split\npatient_004_node_1,train\n");
    expect(await errorOf(prepareSlides({ ...wide, splitTable, overwrite: true }))).toMatch(
      /no line for 3 of 4 slides/,
    );

    const profile = await prepareSlides({ ...wide, profile: "camelyon17", overwrite: true });
    expect(await splitsOf(profile.root)).toEqual({
      patient_004_node_4: "patient_004 test",
      patient_010_node_4: "patient_010 test",
      patient_012_node_0: "patient_012 train",
    });
    // A download has many slides that the authors did not use: they are counted, not skipped.
    expect(profile.skipped).toEqual([]);
    expect(warnings).toEqual([]);
    expect(JSON.parse(await readFile(join(profile.root, "dataset.json"), "utf8"))).toMatchObject({
      outsideProfile: 1,
      skipped: [],
    });
    expect(notes.filter((note) => note.includes("profile"))).toEqual([
      "1 slide is not among those of the profile camelyon17 (such as patient_004_node_4) and left out.",
    ]);
  });

  it("says why nothing is left", async () => {
    const { options, folder, slides } = await workplace(["a", "b"]);
    for (const name of ["a", "b"])
      slides.set(
        name,
        memorySlide(`${name}.svs`, 256, 192, () => [245, 243, 244]),
      );
    const empty = await errorOf(prepareSlides({ ...options, tissue: "otsu" }));
    expect(empty).toMatch(
      /no patches are left \(2 slides used, 0 skipped; no tissue found in a.svs, b.svs; 24 patches/,
    );
    expect(empty).toMatch(/24 left out with less than 10 % tissue/);
    expect(empty).toMatch(/epsam slide thumbnail.*`tissue: all`/);
    expect(await exists(`${options.out}.partial`)).toBe(false);
    const noPositive = await errorOf(prepareSlides({ ...options, positiveRange: [0.2, 0.5] }));
    expect(noPositive).toMatch(
      /no positive patches are left.*0 with tumour below 20 %; 12 above 50 %; .*12 negative left/,
    );
    slides.clear();
    expect(await errorOf(prepareSlides(options))).toMatch(
      /0 slides used, 2 skipped, for example a.svs: is truncated/,
    );
    await writeText(join(folder, "empty", "notes.txt"), "");
    expect(await errorOf(prepareSlides({ ...options, inputs: [join(folder, "empty")] }))).toMatch(
      /holds no slides/,
    );
  });

  it("refuses what contradicts itself", async () => {
    const { options, folder } = await workplace(["a"]);
    const message = (more: Partial<PrepareSlidesOptions>) => errorOf(prepareSlides({ ...options, ...more }));
    expect(await message({ level: 1, mpp: 0.5 })).toMatch(/\[usage\] `level` and `mpp`: are both given/);
    expect(await message({ patients: "p.csv", profile: "camelyon16" })).toMatch(
      /the split: is given more than once/,
    );
    expect(await message({ minimumTissue: 2 })).toMatch(/`minimumTissue`: cannot be 2/);
    expect(await message({ tissue: 300 })).toMatch(/`tissue`: cannot be 300/);
    expect(await message({ annotations: join(folder, "none") })).toMatch(/none: does not exist/);
    await mkdir(join(folder, "dataset.partial"));
    expect(await message({})).toMatch(/dataset.partial: is in the way/);
    await writeText(join(folder, "xml", "A.geojson"), "[]");
    expect(await message({})).toMatch(/could both be the annotations of a/);
    await writeText(join(folder, "slides", "A.tif"), "");
    expect(await message({})).toMatch(/\[dataset\].*has the same name as/);
  });

  it("reads slides in parts, whatever their size", async () => {
    const { options, slides, folder } = await workplace(["a"]);
    await writeText(join(folder, "xml", "a.xml"), annotations(5000, 5000, 8000, 10_000));
    const spots = (x: number, y: number) =>
      x > 4000 && x < 10_000 && y > 4000 && y < 11_000 ? pink(x, y) : ([245, 244, 246] as const);
    const huge = memorySlide("a.svs", 16_000, 16_000, spots);
    slides.set("a", huge);
    const limits = { maxPositives: 3, maxNegatives: 3, patchSize: 512 };
    const result = await prepareSlides({ ...options, ...limits, tissue: "otsu" });
    expect(result.counts.train).toEqual({ positive: 3, negative: 3 });
    expect(result.discarded.withoutTissue).toBeGreaterThan(600);
    expect(huge.largestRead()).toBeLessThanOrEqual(2048 ** 2);
  });
});
