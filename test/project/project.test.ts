import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { isEpSamError, type ProgressEvent, silentReporter } from "../../src/common/index.js";
import { claimDirectory } from "../../src/project/claim.js";
import { planProject, readProjectFile, resolveProject } from "../../src/project/index.js";
import { chooseForSegmenting, type DatasetDescription } from "../../src/project/left-over.js";
import { plannedWork } from "../../src/project/planned-work.js";
import { ProjectProgress } from "../../src/project/project-progress.js";
import { asStep, inStep } from "../../src/project/step-names.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const { path, write, folder } = temporaryDirectory();

const slides = { inputs: ["slides"], annotations: ["xml"], out: "project" };
const images = { inputs: ["images"], masks: "masks", out: "project" };

async function messageOf(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (failure) {
    if (isEpSamError(failure)) return failure.message;
    throw failure;
  }
  throw new Error("nothing was refused");
}

async function fromFile(text: string) {
  const { settings, file } = await readProjectFile(await write("project.yaml", text));
  return resolveProject(settings, file);
}

describe("what a project does unless told", () => {
  it("is the preset laptop with labels of windows, on slides at half a micron", () => {
    const project = resolveProject(slides);
    expect(project).toMatchObject({ kind: "slides", preset: "laptop", seed: 0, segment: "left-over" });
    expect(project.prepare).toEqual({ windows: { size: 112, stride: 56, share: 0.05 }, mpp: 0.5 });
    expect(project.inputs).toEqual([resolve("slides")]);
  });

  it("is what was said, where something was", () => {
    expect(resolveProject({ ...slides, prepare: { level: 1, windows: null } }).prepare).toEqual({
      level: 1,
      windows: null,
    });
    expect(resolveProject({ ...slides, prepare: { mpp: 0.25 } }).prepare).toMatchObject({ mpp: 0.25 });
    expect(resolveProject({ ...slides, prepare: { patchSize: 96 } }).prepare).toEqual({ patchSize: 96 });
    expect(resolveProject({ ...slides, preset: "paper" }).prepare).toEqual({});
  });

  it("is refused before any work where the keys of training do not go together", async () => {
    const train = { decoder: { samplesPerEpoch: 2 } };
    const refusal = await messageOf(() => resolveProject({ ...slides, preset: "paper", train }));
    expect(refusal).toContain("decoder.samplesPerEpoch: needs decoder.kind pyramid");
  });

  it("is the paper's with the authors' slides, in their order of steps, unless the file has another", () => {
    const project = resolveProject({ ...slides, profile: "camelyon16" });
    expect(project.preset).toBe("paper");
    expect(project.config.cam.profile).toBe("camelyon16");
    const other = resolveProject({
      ...slides,
      profile: "camelyon16",
      train: { cam: { profile: "camelyon17" } },
    });
    expect(other.config.cam.profile).toBe("camelyon17");
  });

  it("leaves images at their resolution, which their areas have, and segments slides as it prepares them", () => {
    const { prepare, infer } = resolveProject({ ...images, prepare: { mpp: 0.62 } });
    expect(prepare).toMatchObject({ mpp: 0.62, windows: { size: 112 } });
    expect(infer.mpp).toBe(0.62);
    expect(resolveProject(images).prepare.mpp).toBeUndefined();
    expect(resolveProject({ inputs: ["patches"], out: "p" }).prepare).toEqual({});
    expect(resolveProject({ ...slides, prepare: { tissue: "all" } }).infer).toMatchObject({ tissue: "all" });
    const both = { ...slides, prepare: { tissue: "all" as const }, infer: { tissue: 20 } };
    expect(resolveProject(both).infer.tissue).toBe(20);
  });

  it("has one seed for all steps, which goes before that of training", () => {
    const project = resolveProject({ ...slides, seed: 7, train: { seed: 3 } });
    expect([project.seed, project.config.seed]).toEqual([7, 7]);
  });
});

describe("a project's file", () => {
  it("counts its paths from its folder, those of training too, and knows a pulled model by its name", async () => {
    const project = await fromFile(
      "inputs: slides\nannotations: [a, b]\nout: p\nprepare: {patients: t.csv}\n" +
        "train: {classifier: {model: resnet-adl, initialWeights: w.pth}, sam: {weights: medsam}}\n",
    );
    expect(project.inputs).toEqual([path("slides")]);
    expect(project.annotations).toEqual([path("a"), path("b")]);
    expect(project.root).toBe(path("p"));
    expect(project.prepare.patients).toBe(path("t.csv"));
    expect(project.config.classifier.initialWeights).toBe(path("w.pth"));
    expect(project.config.sam.weights).toBe("medsam");
  });

  it.each([
    ["out: p\nprepare:\n  patchSize: -3\n", /project\.yaml: line 3, prepare\.patchSize: Give a whole number/],
    [
      "prepare:\n  mpp: 0.5\n  windows:\n    sized: 5\n",
      /line 4, prepare\.windows\.sized: is not a known key/,
    ],
    ["inputs: 5\n", /line 1, inputs: Give a path, or a list/],
    ["infer: {overlap: 2}\n", /line 1, infer\.overlap: Give a number from 0 to 0\.9/],
    ["preset: huge\n", /line 1, preset: Choose laptop, best, paper or paper-small/],
    ["train: [1]\n", /line 1, train: Give keys and values/],
    ["segment: rest\n", /line 1, segment: Choose left-over/],
    ["inputs: s\nout: p\ntrain:\n  classifier: {epochs: 0}\n", /yaml, train: line 4, classifier\.epochs/],
    ["inputs: s\nout: p\nmasks: m\nprepare:\n  tissue: all\n", /line 5, prepare\.tissue: is for slides/],
    [
      "inputs: s\nout: p\nannotations: a\nprepare: {maskValues: binary}\n",
      /line 4, prepare\.maskValues: is for images/,
    ],
    ["inputs: s\nout: p\nannotations: a\nmasks: m\n", /are both given/],
    ["inputs: s\nout: p\nprofile: camelyon16\n", /`profile`: is for slides/],
    ["out: p\n", /inputs: is needed/],
    ["inputs: s\n", /`out`: is needed/],
  ])("%j is refused with line and key", async (text, message) => {
    expect(await messageOf(() => fromFile(text))).toMatch(message);
  });
});

describe("the plan", () => {
  it("says that annotations were forgotten, before anything is made", async () => {
    const inputs = await folder();
    await writeFile(join(inputs, "a.svs"), "");
    const project = resolveProject({ inputs: [inputs], out: path("none") });
    expect(await messageOf(() => planProject(project))).toMatch(
      /a\.svs: is a slide, and slides need annotations/,
    );
  });

  it("says that there are too few slides for the split, before anything is prepared", async () => {
    const inputs = await folder();
    const annotations = await folder();
    const plan = (prepare = {}) =>
      planProject(
        resolveProject({ inputs: [inputs], annotations: [annotations], out: path("none"), prepare }),
      );
    for (const name of ["a", "b", "c"]) await writeFile(join(inputs, `${name}.svs`), "");
    for (const name of ["a", "b"]) await writeFile(join(annotations, `${name}.xml`), "");
    expect(await messageOf(() => plan())).toMatch(
      /`split`: cannot be 70,10,20 with 2 slides with annotations.*1,1,0/s,
    );
    expect((await plan({ split: [1, 1, 0] })).prepare).toMatchObject({ inputs: 3, labelled: 2 });
    await writeFile(join(annotations, "c.xml"), "");
    expect((await plan()).segment.unlabelled).toBe(0);
  });
});

const counts = { positive: 10, negative: 10 };
const description: DatasetDescription = {
  counts: { train: counts, val: counts, test: counts },
  skipped: [{ file: "broken.tif", reason: "is damaged" }],
  warnings: [],
  sources: [
    { slide: "learned.tif", split: "train", patches: 9, latticePatches: 20, withoutTissue: 5 },
    { slide: "chosen.tif", split: "val", patches: 9, latticePatches: 20, withoutTissue: 5 },
    { slide: "empty.tif", split: "train", patches: 0, latticePatches: 0, withoutTissue: 0 },
    { slide: "held-out.tif", split: "test", patches: 9, latticePatches: 20, withoutTissue: 5 },
  ],
};

describe("what is segmented", () => {
  const names = ["learned", "chosen", "empty", "held-out", "broken", "new"].map((name) => `${name}.tif`);
  it.each([
    ["left-over", ["empty.tif", "held-out.tif", "new.tif"]],
    ["test", ["held-out.tif"]],
    ["all", names],
    ["none", []],
  ] as const)("%s", (which, wanted) => {
    const paths = names.map((name) => `/slides/${name}`);
    const chosen = chooseForSegmenting(paths, description, which);
    expect(chosen).toEqual(wanted.map((name) => `/slides/${name}`));
  });
});

describe("a project's directory", () => {
  const claim = (settings: object, overwrite = false) =>
    claimDirectory(path("claimed"), {
      name: "project",
      settings,
      resume: "if-there",
      overwrite,
      advice: "Give the same settings.",
      entries: ["dataset"],
    });

  it("is gone on with by the same settings alone, which are told apart by key", async () => {
    await claim({ prepare: { mpp: 0.5 }, inputs: ["a"] });
    await claim({ prepare: { mpp: 0.5 }, inputs: ["a"] });
    expect(await messageOf(() => claim({ prepare: {}, inputs: ["a"] }))).toMatch(
      /other settings.*prepare\.mpp was 0\.5 and is not told now.*Give the same settings/s,
    );
    expect(await messageOf(() => claim({ prepare: { mpp: 0.5 }, inputs: ["b"] }))).toMatch(
      /inputs was \["a"\] and is \["b"\] now/,
    );
  });

  it("loses what is ours alone when it is replaced, and is refused when it is somebody else's", async () => {
    await mkdir(path("claimed/dataset"));
    await writeFile(path("claimed/notes.txt"), "mine");
    await claim({ inputs: ["c"] }, true);
    expect(await messageOf(() => claim({ inputs: ["d"] }))).toContain('inputs was ["c"]');
    await write("claimed/dataset", "free again");
    const foreign = {
      name: "project",
      settings: {},
      resume: "if-there",
      overwrite: true,
      advice: "",
    } as const;
    await mkdir(path("foreign"));
    await write("foreign/notes.txt", "mine");
    expect(await messageOf(() => claimDirectory(path("foreign"), foreign))).toContain("holds no project");
  });
});

describe("messages of steps", () => {
  it("call settings as the file does, and what the command line has as flags", async () => {
    expect(inStep("prepare", "Try another `patchSize` or `windows.size`.")).toBe(
      "Try another prepare.patchSize or prepare.windows.size.",
    );
    expect(inStep("prepare", "Give `mpp`, `overwrite: true` or `unmarked: normal`.")).toBe(
      "Give `mpp`, `overwrite: true` or prepare.unmarked: normal.",
    );
    expect(inStep("infer", "Give those of full resolution with `mpp`.")).toContain("with infer.mpp.");
    const warnings: string[] = [];
    const reporter = { ...silentReporter, warn: (message: string) => warnings.push(message) };
    await asStep("infer", reporter, async (named) => named.warn("Lower `overlap`."));
    expect(warnings).toEqual(["Lower infer.overlap."]);
  });
});

describe("progress", () => {
  it("tells the step, and the time left for everything once the speed is known", () => {
    let now = 0;
    const events: ProgressEvent[] = [];
    const progress = new ProjectProgress(
      { ...silentReporter, progress: (event) => events.push(event) },
      () => now,
    );
    const left = () => events.at(-1)?.detail;
    progress.progress({ task: "slide 1 of 2, a: tissue", done: 1, total: 2 });
    expect(events[0]).toMatchObject({ task: "1/4 prepare: slide 1 of 2, a: tissue", detail: undefined });
    const project = resolveProject(slides);
    const work = plannedWork(project, description, 2);
    expect(work.every(({ seconds }) => seconds > 0)).toBe(true);
    progress.plan(work);
    progress.begin("train");
    const secondsOf = (task: string) => work.find(({ isTask }) => isTask(task))?.seconds ?? 0;
    const [features, decoder] = [secondsOf("classifier: features"), secondsOf("preliminary: epoch 1/12")];
    const later = secondsOf("evaluation: test") + secondsOf("b (2 of 2): patches");
    // Twice as slow as two quiet cores.
    progress.progress({ task: "classifier: features", done: 0, total: 20 });
    now += 2000 * features;
    progress.progress({ task: "classifier: features", done: 20, total: 20 });
    expect(left()).toBeUndefined();
    progress.progress({ task: "preliminary: epoch 1/12", done: 0, total: 60 });
    now += 1000 * decoder;
    progress.progress({ task: "preliminary: epoch 6/12", done: 60, total: 60 });
    expect(left()).toBe(`about ${Math.round((decoder + 2 * later) / 60)} min left for everything`);
    now += 1e6;
    progress.progress({ task: "evaluation: test", done: 20, total: 20, detail: "ok" });
    expect(events.at(-1)?.task).toBe("3/4 evaluate: evaluation: test");
    expect(left()).toMatch(/left for everything {2}ok$/);
    progress.begin("segment");
    progress.progress({ task: "b (2 of 2): patches", done: 9, total: 9 });
    expect(left()).toBe("about 5 s left for everything");
  });
});
