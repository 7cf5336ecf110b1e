import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openDataset } from "../../src/dataset/index.js";
import { device } from "../../src/graph/index.js";
import { openRun } from "../../src/run/index.js";
import { evaluateSplit } from "../../src/training/index.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { errorOf, makeFolder, recordingReporter, removeFolders, writeDataset } from "./fixtures.js";

let folder: string;

beforeAll(async () => {
  folder = await makeFolder();
});
afterAll(() => removeFolders([folder]));

it("data of another magnification than the run's are refused before a device is started, with both numbers", async () => {
  const data = await openDataset(await writeDataset(join(folder, "data")), { warn: () => undefined });
  await makeTinyRun(join(folder, "run"));
  const reporter = recordingReporter();
  const context = await openRun(join(folder, "run"), { device: device("cpu"), reporter, signal: undefined });
  const { record } = context.run;
  const resolution = { mpp: { finest: 2, median: 2, coarsest: 2 }, level: 0 };
  Object.assign(record.dataset, { resolution });
  const closed = { device: () => Promise.reject(new Error("a device was started")) };
  expect(await errorOf(evaluateSplit(context, data, "test", join(folder, "out"), closed))).toMatch(
    /has 0\.5 µm per pixel, the data of the run 2 .*Prepare the data at the resolution of the run\./,
  );
});
