import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { hashFile } from "../../src/common/index.js";
import type { ConfigOverrides, RunContext } from "../../src/run/index.js";
import {
  errorOf,
  hashesOf,
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  tinyConfig,
  trainTiny,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

let folder: string;
let data: string;
let origin: RunContext;
/** A step for the decoder: nothing here depends on more. */
const short = {
  classifier: { epochs: 1 },
  decoder: { epochs: 1, maximumPatches: 2 },
  rounds: 0,
};
const other = (values: ConfigOverrides = { cam: { threshold: 0.4 } }) => tinyConfig({ ...short, ...values });

const trainQuick: typeof trainTiny = (options) => trainTiny({ ...options, encoder: quickEncoder });

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  origin = await trainQuick({ data, out: join(folder, "origin"), config: other({}) });
});

afterAll(() => removeFolders([folder]));

describe("a run from another's classifier", () => {
  it("keeps the classifier and its figures, makes the rest anew, and records whose it is", async () => {
    const before = await hashesOf(origin.run.root);
    const out = join(folder, "changed");
    const { run } = await trainQuick({ data, out, config: other(), from: origin.run.root });
    const classifier = "classifier.safetensors";
    expect(await hashFile(run.path(classifier))).toBe(before[classifier]);
    expect(run.record.classifierFrom).toEqual({
      root: resolve(origin.run.root),
      configHash: origin.run.record.configHash,
      sha256: before[classifier],
    });
    expect(run.record.stages.classifier).toEqual(origin.run.record.stages.classifier);
    const ofClassifier = async ({ run }: RunContext) =>
      (await run.metrics()).filter(({ stage }) => stage === "classifier");
    expect(await ofClassifier({ ...origin, run })).toEqual(await ofClassifier(origin));
    const masks = (hashes: Record<string, string>) =>
      Object.entries(hashes).filter(([path]) => path.startsWith(join("masks", "initial")));
    const [old, now] = [masks(before), masks(await hashesOf(run.root))];
    expect(now.map(([path]) => path)).toEqual(old.map(([path]) => path));
    expect(now).not.toEqual(old);
    expect(await hashesOf(origin.run.root)).toEqual(before);
    // What a run with these values from the start would have come to, the classifier being the same.
    const alone = await trainQuick({ data, out: join(folder, "alone"), config: other() });
    const decoder = "decoder-preliminary.safetensors";
    expect(await hashFile(run.path(decoder))).toBe(await hashFile(alone.run.path(decoder)));
  });

  it("goes on after a kill before the classifier was taken over, and not with another one", async () => {
    const out = join(folder, "cut");
    const reporter = recordingReporter();
    const stop = new AbortController();
    const cutOff = { ...reporter, progress: () => stop.abort() };
    const options = { data, out, config: other(), from: origin.run.root };
    await expect(trainQuick({ ...options, reporter: cutOff, signal: stop.signal })).rejects.toThrow();
    const record = JSON.parse(await readFile(join(out, "run.json"), "utf8"));
    await writeFile(join(out, "run.json"), JSON.stringify({ ...record, stages: {} }));
    const { run } = await trainQuick({ data, out, config: other(), resume: true });
    const finished = join(folder, "changed", "decoder-preliminary.safetensors");
    expect(await hashFile(run.path("decoder-preliminary.safetensors"))).toBe(await hashFile(finished));

    const changed = { ...record, stages: {}, classifierFrom: { ...record.classifierFrom, sha256: "0" } };
    await writeFile(join(out, "run.json"), JSON.stringify(changed));
    const refused = await errorOf(trainQuick({ data, out, config: other(), resume: true }));
    expect(refused).toMatch(/is not the classifier that this run began from/);
    const from = join(folder, "alone");
    expect(await errorOf(trainQuick({ ...options, from, resume: true }))).toMatch(
      /was not begun from the classifier of that run/,
    );
  });

  it("refuses another classifier, its own place and other data", async () => {
    const attempt = (changes: object) =>
      errorOf(
        trainQuick({
          data,
          out: join(folder, "refused"),
          config: other(),
          from: origin.run.root,
          ...changes,
        }),
      );
    expect(await attempt({ config: other({ classifier: { epochs: 9 } }) })).toMatch(
      /\[configuration\] classifier\.epochs: cannot be changed/,
    );
    expect(await attempt({ out: origin.run.root, overwrite: true })).toMatch(/is the run to go on from/);
    const others = await writeDataset(join(folder, "others"), { patchSize: 32 });
    expect(await attempt({ data: others })).toMatch(/is not the data that the run began with/);
    expect(await attempt({ from: join(folder, "data") })).toMatch(/\[run-directory\].*no run\.json/);
  });

  it("is what the advice of a resumed run with another configuration says", async () => {
    const options = { data, out: origin.run.root, config: other(), resume: true };
    expect(await errorOf(trainQuick(options))).toMatch(
      /was begun with another configuration.*keep the classifier .*`from: .*origin` and another `out`/,
    );
  });
});
