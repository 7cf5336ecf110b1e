import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { PatchLog } from "../../src/inference/patches/patch-log.js";
import { PatchRelay } from "../../src/inference/slides/patch-relay.js";
import { type SharedFiles, sharedFiles } from "../../src/slides/index.js";
import { recordingReporter, temporaryFolder } from "../dataset/fixtures.js";

function patch(value: number) {
  const activation = { width: 2, height: 2, data: new Float32Array(4).fill(value) };
  const tumour = { width: 4, height: 4, data: new Float32Array(16).fill(value) };
  return { activation, tumour, probability: value, outcome: "segmented", estimatedIou: value } as const;
}

const openLog = async () => PatchLog.open(join(await temporaryFolder(), "patches.log"), "8-bit");

it("sends what is new from time to time, and gives it to whoever goes on, each patch once", async () => {
  const files = sharedFiles(await temporaryFolder());
  const reporter = recordingReporter();
  const now = vi.spyOn(performance, "now").mockReturnValue(0);
  const log = await openLog();
  const relay = new PatchRelay(files, "job", reporter);
  await relay.bring(log);
  await log.append(7, patch(0.25));
  relay.offer(log);
  await relay.settle();
  const names = async () => (await files.namesIn(".work")).length;
  expect(await names()).toBe(0);
  now.mockReturnValue(21_000);
  relay.offer(log);
  await relay.settle();
  await log.append(8, patch(0.75));
  await relay.flush(log);

  // Another one, that had done one of them itself and a further one, whose file is not in the bucket.
  const other = await openLog();
  await other.append(8, patch(0.75));
  await other.append(3, patch(1));
  const others = new PatchRelay(files, "job", reporter);
  await others.bring(other);
  expect([...other.patches.keys()]).toEqual([8, 3, 7]);
  expect(await other.read(7)).toEqual(await log.read(7));
  await others.flush(other);
  const third = await openLog();
  await new PatchRelay(files, "job", reporter).bring(third);
  expect([...third.patches.keys()].sort()).toEqual([3, 7, 8]);
  expect(third.patches.get(3)).toEqual(other.patches.get(3));

  // Of another job.
  const fourth = await openLog();
  await new PatchRelay(files, "other settings", reporter).bring(fourth);
  expect(fourth.patches.size).toBe(0);
  expect(reporter.warnings).toEqual([]);
  for (const opened of [log, other, third, fourth]) await opened.close();
  now.mockRestore();
});

it("goes on without a bucket that is away, which is told once, and sends everything when it is back", async () => {
  const files = sharedFiles(await temporaryFolder());
  let isAway = true;
  const failing: SharedFiles = {
    root: files.root,
    read: (name) => files.read(name),
    write: (name, data) => (isAway ? Promise.reject(new Error("nobody there")) : files.write(name, data)),
    create: (name, text) => files.create(name, text),
    remove: (name) => files.remove(name),
    removeFolder: (name) => files.removeFolder(name),
    namesIn: (name) => files.namesIn(name),
    present: (folder, names) => files.present(folder, names),
  };
  const reporter = recordingReporter();
  const log = await openLog();
  const relay = new PatchRelay(failing, "job", reporter);
  await relay.bring(log);
  for (const index of [1, 2]) {
    await log.append(index, patch(0.5));
    await relay.flush(log);
  }
  expect(reporter.warnings).toEqual(["Patches that are done stay on this machine: nobody there"]);
  isAway = false;
  await relay.flush(log);
  const other = await openLog();
  await new PatchRelay(files, "job", reporter).bring(other);
  expect([...other.patches.keys()]).toEqual([1, 2]);
  await log.close();
  await other.close();
});
