import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { compareImagesWithRun, trainedResolution } from "../../src/inference/trained-resolution.js";
import { errorOf, temporaryFolder } from "../dataset/fixtures.js";
import { makeTinyRun } from "../support/tiny-run.js";

/** A run whose patches have half a micron per pixel. */
async function runOfHalfMicrons(): Promise<string> {
  const root = join(await temporaryFolder(), "run");
  await makeTinyRun(root, { finished: [] });
  const file = join(root, "run.json");
  const record = JSON.parse(await readFile(file, "utf8"));
  record.dataset.resolution = { mpp: { finest: 0.5, median: 0.5, coarsest: 0.5 }, level: 0 };
  await writeFile(file, JSON.stringify(record));
  return root;
}

it("slides are read at the run's resolution; another magnification is refused with both numbers unless it is meant", async () => {
  const run = await runOfHalfMicrons();
  expect(await trainedResolution(run)).toEqual({ resolution: { mpp: 0.5 }, note: null });
  const refused = await errorOf(trainedResolution(run, { patchMpp: 5 }));
  expect(refused).toMatch(
    /^\[usage\] `patchMpp`: has 5 µm per pixel, the patches of the run 0\.5 .*`anyResolution: true`/,
  );
  const meant = await trainedResolution(run, { patchMpp: 5, anyResolution: true });
  expect(meant.resolution).toEqual({ mpp: 5 });
  expect(meant.note).toMatch(/`patchMpp` has 5 µm per pixel, the patches of the run 0\.5/);
  expect((await trainedResolution(run, { patchMpp: 0.6 })).note).toMatch(/a factor of 1\.2/);
  expect((await trainedResolution(run, { patchMpp: 0.52 })).note).toBeNull();
});

it("images of another magnification than the run's are refused with both numbers unless it is meant", async () => {
  const run = await runOfHalfMicrons();
  const images = { of: "`mpp`", mpp: 5 };
  expect(await errorOf(compareImagesWithRun(run, images, {}))).toMatch(
    /^\[usage\] `mpp`: has 5 µm per pixel, the patches of the run 0\.5 .*bring them to the resolution of the run/,
  );
  expect(await compareImagesWithRun(run, images, { anyResolution: true })).toMatch(/a factor of 10/);
  expect(await compareImagesWithRun(run, { ...images, mpp: 0.5 }, {})).toBeNull();
});
