import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { silentReporter, type WorkDone } from "../../src/common/index.js";
import { createServerContext, type ServerContext } from "../../src/server/context.js";
import { JobLog } from "../../src/server/jobs/job-log.js";
import { workOfJob } from "../../src/server/jobs/job-work.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { writeDataset } from "../training/fixtures.js";

const files = temporaryDirectory();
let context: ServerContext;
let slides: string[];

beforeEach(async () => {
  const signal = new AbortController().signal;
  context = createServerContext({
    stateDirectory: files.path("state"),
    signal,
    reporter: silentReporter,
  });
  slides = [];
  for (const [name, megabytes] of [
    ["a.tif", 2],
    ["b.tif", 6],
  ] as const) {
    const path = await files.write(name, Buffer.alloc(megabytes * 1e6));
    slides.push(context.workspace.addSlide(path).id);
  }
});

const near = (value: number) => expect.closeTo(value, 6);

/** How far a job is after each of the events that its commands tell of. */
async function shares(request: Parameters<typeof workOfJob>[1], events: readonly [string, number, number][]) {
  const told: (WorkDone | undefined)[] = [];
  const log = new JobLog([], await workOfJob(context, request), ({ progress }) => told.push(progress?.whole));
  for (const [task, done, total] of events) log.progress({ task, done, total });
  return told.map((whole) => whole?.share ?? null);
}

it("of segmenting is all its slides, by the size of their files", async () => {
  const request = { kind: "infer", run: "run", slides } as const;
  expect(
    await shares(request, [
      ["downloading weights", 5, 10],
      ["a (1 of 2): tissue", 1, 2],
      ["a (1 of 2): patches", 10, 20],
      ["a (1 of 2): blending", 9, 9],
      ["a: writing", 6, 6],
      ["b (2 of 2): patches", 30, 30],
      // What turns out longer than expected does not take the bar back.
      ["b (2 of 2): patches", 15, 30],
      ["b: writing", 6, 6],
    ]),
  ).toEqual([null, ...[0.00375, 0.11625, 0.2375, 0.25, 0.925, 0.925, 1].map(near)]);
});

it("of preparing is looking through the slides, then writing their patches", async () => {
  const request = {
    kind: "prepare",
    name: "set",
    slides,
    patchSize: 64,
    stride: 64,
    annotations: "files",
  } as const;
  const [tissue, first, last, written] = await shares(request, [
    ["slide 1 of 2, a.tif: tissue", 4, 4],
    ["slide 1 of 2, a.tif: patches", 9, 9],
    ["slide 2 of 2, b.tif: patches", 9, 9],
    ["writing patches", 50, 50],
  ]);
  expect([first, last, written]).toEqual([0.15, 0.6, 1].map(near));
  expect(tissue).toEqual(near(0.075));
});

it("of training are its stages, from the first to the evaluation", async () => {
  const root = await writeDataset(join(await files.folder(), "data"), {
    counts: { train: 2, val: 1, test: 1 },
  });
  const request = {
    kind: "train",
    name: "run",
    dataset: context.workspace.addDataset(root).id,
    preset: "laptop",
    seed: 0,
  } as const;
  const told = await shares(request, [
    ["classifier: features", 3, 3],
    ["classifier: epoch 2/4", 1, 1],
    ["preliminary: epoch 1/2", 1, 2],
    ["evaluation: test", 2, 2],
  ]);
  expect(told.every((share, index) => share !== null && share > (told[index - 1] ?? 0))).toBe(true);
  expect(told.at(-1)).toEqual(near(1));
});

it("of teaching are the squares, and the slide when it is segmented too", async () => {
  const squares = [
    { x: 0, y: 0, size: 10, tumour: 0 },
    { x: 20, y: 0, size: 10, tumour: 1 },
  ] as const;
  const [slide = ""] = slides;
  const request = { kind: "teach", name: "run", slide, squares: [...squares] } as const;
  const learnt: [string, number, number] = ["learning the squares", 1, 1];
  expect(await shares({ ...request, apply: false }, [learnt])).toEqual([near(1)]);
  expect(await shares({ ...request, apply: true }, [learnt, ["a: writing", 1, 1]])).toEqual(
    [0.6, 1].map(near),
  );
});
