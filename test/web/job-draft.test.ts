import { describe, expect, it } from "vitest";
import type { Workspace } from "../../src/contract/index.js";
import { draftOf, emptyDraft, readDraft, slidesGone } from "../../src/web/jobs/job-draft.js";
import { barOf, wholeText } from "../../src/web/jobs/job-progress.js";
import { durationText, timeText } from "../../src/web/jobs/times.js";

const slide = {
  status: { state: "ready" },
  size: { width: 10, height: 10 },
  format: "TIFF",
  annotationCount: 0,
  unreviewedCount: 0,
  annotationFile: false,
  segmented: false,
} as const;

const workspace: Workspace = {
  version: "0",
  slides: [
    { ...slide, id: "s1", name: "one.svs", micronsPerPixel: { x: 0.25, y: 0.25 } },
    { ...slide, id: "s2", name: "two.tif", micronsPerPixel: null },
  ],
  datasets: [],
  runs: [
    {
      id: "r1",
      name: "run",
      stages: ["round-1"],
      finished: true,
      teachable: false,
      taught: null,
      hasReport: true,
      dataset: null,
      problem: null,
    },
  ],
  folders: [],
};

const dataset = {
  id: "d1",
  name: "set",
  patchSize: 64,
  counts: {
    train: { positive: 1, negative: 1 },
    val: { positive: 0, negative: 0 },
    test: { positive: 0, negative: 0 },
  },
  problem: null,
};

const nothing = { run: null, dataset: null, slide: null };

describe("the form of a job", () => {
  it("begins with what the link named", () => {
    const draft = emptyDraft(workspace, { ...nothing, slide: "s1" });
    expect(draft.slides).toEqual(["s1"]);
    expect(draft.run).toBe("r1");
  });

  it("asks for a segmentation with the command line's defaults", () => {
    const draft = emptyDraft(workspace, { ...nothing, slide: "s1" });
    expect(readDraft("infer", draft, workspace)).toEqual({
      request: { kind: "infer", run: "r1", slides: ["s1"], tissue: "otsu" },
    });
  });

  it("asks for the resolution of slides that tell none, and never guesses it", () => {
    const draft = { ...emptyDraft(workspace, nothing), slides: ["s1", "s2"] };
    expect(readDraft("infer", draft, workspace)).toEqual({
      errors: { mpp: "two.tif: the file tells no resolution. Give it here." },
    });
    expect(readDraft("infer", { ...draft, mpp: "0.5" }, workspace)).toMatchObject({ request: { mpp: 0.5 } });
    expect(readDraft("infer", { ...draft, mpp: "half" }, workspace)).toHaveProperty("errors.mpp");
  });

  it("names every mistake", () => {
    const draft = { ...emptyDraft(workspace, nothing), overlap: "0.95", gate: "x", run: "gone" };
    const read = readDraft("infer", draft, workspace);
    expect("errors" in read ? Object.keys(read.errors).sort() : []).toEqual([
      "gate",
      "overlap",
      "run",
      "slides",
    ]);
  });

  it.each(["", "../up", ".hidden", "a/b", "x".repeat(65)])("refuses the name %j", (name) => {
    const draft = { ...emptyDraft(workspace, nothing), name, slides: ["s1"] };
    expect(readDraft("prepare", draft, workspace)).toHaveProperty("errors.name");
  });

  it("asks for patches of one resolution and for the shares of the split", () => {
    const draft = { ...emptyDraft(workspace, nothing), name: "set 1", slides: ["s1"] };
    expect(readDraft("prepare", draft, workspace)).toMatchObject({ request: { split: [70, 10, 20] } });
    const given = { ...draft, patchMpp: "0.5", split: "60, 10 15" };
    expect(readDraft("prepare", given, workspace)).toMatchObject({
      request: { patchMpp: 0.5, split: [60, 10, 15] },
    });
    expect(readDraft("prepare", { ...draft, split: "60,40" }, workspace)).toHaveProperty("errors.split");
    expect(readDraft("prepare", { ...draft, split: "a,b,c" }, workspace)).toHaveProperty("errors.split");
    expect(readDraft("prepare", { ...draft, patchMpp: "500" }, workspace)).toHaveProperty("errors.patchMpp");
  });

  it("reads whole numbers alone where they are meant", () => {
    const draft = { ...emptyDraft(workspace, nothing), name: "set 1", slides: ["s1"] };
    expect(readDraft("prepare", { ...draft, stride: "256" }, workspace)).toMatchObject({
      request: { name: "set 1", patchSize: 512, stride: 256, annotations: "corrections" },
    });
    expect(readDraft("prepare", { ...draft, patchSize: "1e3" }, workspace)).toHaveProperty(
      "errors.patchSize",
    );
  });
});

describe("a job that is repeated", () => {
  it("asks for the same under another name", () => {
    const request = {
      kind: "prepare",
      name: "set 1",
      slides: ["s1"],
      patchSize: 256,
      stride: 128,
      mpp: 0.5,
      patchMpp: 1,
      split: [50, 25, 25],
      tissue: "all",
      annotations: "corrections",
      unmarked: "normal",
      anyResolution: true,
    } as const;
    const draft = draftOf(request, workspace);
    expect(readDraft("prepare", draft, workspace)).toEqual({ request: { ...request, name: "set 2" } });
    const taken = { ...workspace, datasets: [{ ...dataset, name: "set 2" }] };
    expect(draftOf(request, taken).name).toBe("set 3");
  });

  it("keeps the command line's defaults where they were kept", () => {
    const request = { kind: "infer", run: "r1", slides: ["s1"], tissue: "otsu" } as const;
    expect(readDraft("infer", draftOf(request, workspace), workspace)).toEqual({ request });
  });

  it("says what is not here any more", () => {
    const request = { kind: "infer", run: "r9", slides: ["s1", "s9"] } as const;
    expect(draftOf(request, workspace)).toMatchObject({ run: "", slides: ["s1"] });
    expect(slidesGone(request, workspace)).toBe(1);
  });
});

describe("progress", () => {
  it("is of the whole job where that is known", () => {
    const progress = { task: "a: patches", done: 3, total: 4, detail: null };
    expect([barOf(progress), wholeText(progress)]).toEqual([{ value: 3, max: 4 }, null]);
    const whole = { share: 0.999, secondsLeft: 130 };
    expect([barOf({ ...progress, whole }), wholeText({ ...progress, whole })]).toEqual([
      { value: 0.999, max: 1 },
      "99 %, about 2 min left",
    ]);
    expect(wholeText({ ...progress, whole: { share: 0.5, secondsLeft: null } })).toBe("50 %");
    expect(barOf({ ...progress, total: 0 })).toEqual({});
  });
});

describe("times", () => {
  it.each([
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.2Z", "less than a second"],
    ["2026-01-01T00:00:00Z", "2026-01-01T00:00:59Z", "59 s"],
    ["2026-01-01T00:00:00Z", "2026-01-01T01:00:05Z", "1 h"],
    ["2026-01-01T00:00:00Z", "2026-01-01T02:03:05Z", "2 h 3 min"],
  ])("from %s to %s are %s", (from, to, text) => expect(durationText(from, to)).toBe(text));

  it("name the day when it is another", () => {
    const now = new Date(2026, 4, 2, 12, 0);
    const today = timeText(new Date(2026, 4, 2, 9, 5).toISOString(), now);
    const earlier = timeText(new Date(2026, 4, 1, 9, 5).toISOString(), now);
    expect(earlier).toContain(today);
    expect(earlier.length).toBeGreaterThan(today.length);
  });
});
