import { spawnSync } from "node:child_process";
import { appendFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { EpSamError, silentReporter } from "../../src/common/index.js";
import { stageNames } from "../../src/contract/index.js";
import { RunDirectory } from "../../src/run/index.js";
import { lockRun } from "../../src/run/run-lock.js";
import { runStages, type StageSummary } from "../../src/training/resume.js";
import { emptyRecord, errorOf, hashesOf, makeFolder, newRun, removeFolders } from "../training/fixtures.js";

async function folder(): Promise<string> {
  const root = await makeFolder();
  onTestFinished(() => removeFolders([root]));
  return root;
}

const line = (stage: string, epoch: number, loss = 1) =>
  ({ stage, epoch, split: "train", values: { loss } }) as const;

it("names the stages in order", () => {
  expect(stageNames(2)).toEqual([
    "classifier",
    "initial-masks",
    "preliminary",
    "round-1",
    "round-2",
    "evaluation",
  ]);
  expect(stageNames(0)).toEqual(["classifier", "initial-masks", "preliminary", "evaluation"]);
});

/** Runs the one stage of a run. */
function runClassifier(run: RunDirectory, work: () => Promise<StageSummary>): Promise<void> {
  return runStages({ run, reporter: silentReporter, order: ["classifier"] }, work);
}

describe("a run directory", () => {
  it("is created with its record and opened again", async () => {
    const root = join(await folder(), "deep", "run");
    await RunDirectory.create(root, emptyRecord, false);
    expect((await RunDirectory.open(root)).record).toEqual(emptyRecord);
  });

  it("is not replaced unless asked to", async () => {
    const root = await folder();
    await newRun(root);
    const before = await hashesOf(root);
    expect(await errorOf(RunDirectory.create(root, emptyRecord, false))).toContain(
      `[usage] ${root}: already holds a run`,
    );
    expect(await hashesOf(root)).toEqual(before);
  });

  it("is replaced whole with overwrite", async () => {
    const root = await folder();
    const run = await newRun(root);
    await run.appendMetrics(line("classifier", 0));
    await mkdir(join(root, "masks", "round-1"), { recursive: true });
    await writeFile(join(root, "classifier.safetensors"), "old");
    const again = await RunDirectory.create(root, emptyRecord, true);
    expect(await readdir(root)).toEqual(["run.json"]);
    expect(await again.metrics()).toEqual([]);
  });

  it("is refused where other files lie, and they stay", async () => {
    const root = await folder();
    await writeFile(join(root, "thesis.docx"), "precious");
    for (const overwrite of [false, true]) {
      expect(await errorOf(RunDirectory.create(root, emptyRecord, overwrite))).toContain(
        `[usage] ${root}: holds files that do not belong to a run, such as thesis.docx`,
      );
    }
    expect(await readFile(join(root, "thesis.docx"), "utf8")).toBe("precious");
  });

  it("says so when there is none, or its record is damaged", async () => {
    const root = await folder();
    expect(await errorOf(RunDirectory.open(root))).toContain("there is no run.json");
    await writeFile(join(root, "run.json"), '{"formatVersion": 1');
    expect(await errorOf(RunDirectory.open(root))).toContain(
      `[run-directory] ${join(root, "run.json")}: cannot be understood`,
    );
  });

  it("removes what a killed writer left, and nothing else", async () => {
    const root = await folder();
    const run = await newRun(root);
    await mkdir(join(root, "checkpoints"));
    await writeFile(join(root, ".run.json.0123456789ab.tmp"), "");
    await writeFile(join(root, "checkpoints", ".classifier.safetensors.0123456789ab.tmp"), "");
    await writeFile(join(root, "notes.tmp"), "");
    await run.removeTemporaryFiles();
    expect(Object.keys(await hashesOf(root))).toEqual(["notes.tmp", "run.json"]);
  });
});

describe("metrics.jsonl", () => {
  it("is read back line by line; a torn last line is left out", async () => {
    const run = await newRun(await folder());
    expect(await run.metrics()).toEqual([]);
    await run.appendMetrics(line("classifier", 0, 0.1 + 0.2));
    await run.appendMetrics(line("classifier", 1));
    await appendFile(run.path("metrics.jsonl"), '{"stage":"classifier","epo');
    expect(await run.metrics()).toEqual([line("classifier", 0, 0.1 + 0.2), line("classifier", 1)]);
  });

  it("forgets a stage from an epoch on and keeps the others", async () => {
    const run = await newRun(await folder());
    const lines = [
      line("classifier", 0),
      line("classifier", 1),
      line("preliminary", 0),
      line("preliminary", 1),
    ];
    for (const item of lines) await run.appendMetrics(item);
    await appendFile(run.path("metrics.jsonl"), '{"torn');
    await run.dropMetrics("preliminary", 1);
    expect(await readFile(run.path("metrics.jsonl"), "utf8")).toBe(
      lines
        .slice(0, 3)
        .map((item) => `${JSON.stringify(item)}\n`)
        .join(""),
    );
  });

  it("names a line that cannot be understood", async () => {
    const run = await newRun(await folder());
    await run.appendMetrics(line("classifier", 0));
    await appendFile(run.path("metrics.jsonl"), "garbage\n");
    expect(await errorOf(run.metrics())).toContain(
      `[run-directory] ${run.path("metrics.jsonl")}: line 2 cannot be understood`,
    );
  });
});

describe("the stage clock", () => {
  it("records a stage as running, then as done with its figures", async () => {
    const run = await newRun(await folder());
    await runClassifier(run, async () => {
      expect((await RunDirectory.open(run.root)).record.stages.classifier?.state).toBe("running");
      return { epochs: 3 };
    });
    const record = (await RunDirectory.open(run.root)).record.stages.classifier;
    expect(record).toMatchObject({ state: "done", summary: { epochs: 3 } });
    expect(Date.parse(record?.finishedAt ?? "")).toBeGreaterThanOrEqual(Date.parse(record?.startedAt ?? ""));
  });

  it("runs a stage once", async () => {
    const run = await newRun(await folder());
    await runClassifier(run, async () => ({}));
    await runClassifier(run, () => Promise.reject(new Error("ran twice")));
    expect(run.isDone("classifier")).toBe(true);
  });

  it("adds up the seconds of interrupted attempts and keeps the first start", async () => {
    const run = await newRun(await folder());
    const started = "2026-01-01T00:00:00.000Z";
    await run.updateStage("classifier", { state: "running", startedAt: started, seconds: 100, summary: {} });
    const failure = new Error("interrupted");
    await expect(runClassifier(run, () => Promise.reject(failure))).rejects.toBe(failure);
    const seconds = run.record.stages.classifier?.seconds ?? 0;
    expect(seconds).toBeGreaterThan(100);
    await runClassifier(run, async () => ({}));
    expect(run.record.stages.classifier).toMatchObject({ state: "done", startedAt: started });
    expect(run.record.stages.classifier?.seconds).toBeGreaterThan(seconds);
  });

  it("reports why a stage failed even when its time cannot be recorded", async () => {
    const root = await folder();
    const run = await newRun(root);
    const failure = new EpSamError("storage", { what: "the disk is full" });
    const work = async () => {
      await removeFolders([root]);
      await writeFile(root, "a file where the directory was");
      throw failure;
    };
    await expect(runClassifier(run, work)).rejects.toBe(failure);
  });
});

describe("the lock of a run directory", () => {
  it("refuses a second training in the same process and lets it in afterwards", async () => {
    const root = await folder();
    const unlock = await lockRun(root);
    const message = await errorOf(lockRun(root));
    expect(message).toContain(`[run-directory] ${root}: process ${process.pid} on ${hostname()} is training`);
    await unlock();
    await (await lockRun(root))();
    expect(await readdir(root)).toEqual([]);
  });

  it("refuses while another living process holds it", async () => {
    const root = await folder();
    await writeFile(join(root, "run.lock"), JSON.stringify({ process: process.ppid, host: hostname() }));
    expect(await errorOf(lockRun(root))).toContain(`process ${process.ppid} on ${hostname()} is training`);
  });

  it("says so when the directory cannot be made", async () => {
    const file = join(await folder(), "a-file");
    await writeFile(file, "");
    expect(await errorOf(lockRun(file))).toContain(`[storage] ${file}: cannot be written (EEXIST`);
    expect(await errorOf(lockRun(join(file, "run")))).toContain("cannot be written (ENOTDIR");
  });

  it("takes over the lock of a process that is gone", async () => {
    const root = await folder();
    const { pid } = spawnSync(process.execPath, ["--version"]);
    await writeFile(join(root, "run.lock"), JSON.stringify({ process: pid, host: hostname() }));
    await (await lockRun(root))();
    expect(await readdir(root)).toEqual([]);
  });

  it("takes over a lock with its own number from before a reboot", async () => {
    const root = await folder();
    await writeFile(join(root, "run.lock"), JSON.stringify({ process: process.pid, host: hostname() }));
    const unlock = await lockRun(root);
    expect(await errorOf(lockRun(root))).toContain(`process ${process.pid} on ${hostname()} is training`);
    await unlock();
    expect(await readdir(root)).toEqual([]);
  });

  it.each([
    [
      "of another machine",
      JSON.stringify({ process: 1, host: "elsewhere" }),
      "process 1 on elsewhere is training",
    ],
    ["that cannot be read", "", "another process is training"],
  ])("leaves a lock %s alone and says which file to delete", async (_name, content, expected) => {
    const root = await folder();
    await writeFile(join(root, "run.lock"), content);
    const message = await errorOf(lockRun(root));
    expect(message).toContain(expected);
    expect(message).toContain("run.lock");
    expect(await readFile(join(root, "run.lock"), "utf8")).toBe(content);
  });
});
