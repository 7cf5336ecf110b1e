import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { exists, silentReporter } from "../../src/common/index.js";
import { stageNames } from "../../src/contract/index.js";
import { floatTensor } from "../../src/graph/index.js";
import { readSafetensors, writeSafetensors } from "../../src/models/index.js";
import type { RunDirectory } from "../../src/run/index.js";
import { writeCheckpoint } from "../../src/training/checkpoint.js";
import { builtPath, ensureBuilt } from "../support/build.js";
import { itWith, noPosix } from "../support/requirements.js";
import {
  errorOf,
  forkRun,
  hashesOf,
  makeFolder,
  quickEncoder,
  recordingReporter,
  removeFolders,
  tinyConfig,
  trainTiny,
  withoutHashes,
  writeDataset,
} from "./fixtures.js";

vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });

const encoder = quickEncoder;
const oneEpoch = { classifier: { epochs: 1 }, decoder: { epochs: 1 } };
/** What the preliminary stage and all after it write. */
const afterInitialMasks = stageNames(1).slice(2);

/** A run whose classifier, initial masks and preliminary decoder are done; the tests fork it. */
let folder: string;
let data: string;
let base: RunDirectory;

beforeAll(async () => {
  folder = await makeFolder();
  data = await writeDataset(join(folder, "data"));
  const stages = stageNames(1).slice(0, 3);
  const options = { data, out: join(folder, "base"), config: tinyConfig(oneEpoch), encoder, stages };
  ({ run: base } = await trainTiny(options));
});

afterAll(() => removeFolders([folder]));

/** Runs the built command line to its end. */
function runCli(args: readonly string[], limit = "") {
  const command = [process.execPath, builtPath("cli", "main.js"), ...args]
    .map((word) => `'${word}'`)
    .join(" ");
  return spawnSync("bash", ["-c", `${limit} exec ${command}`], { encoding: "utf8" });
}

describe("data that cannot be trained on are refused before anything is written", () => {
  it.each([
    ["no positives at all", { train: 1, val: 1, test: 1 }, "has no positive patches"],
    ["no negatives at all", { train: 0, val: 0, test: 0 }, "has no negative patches"],
    ["no positives in train", { train: 1 }, 'the split "train" has no positive patches'],
    ["no negatives in val", { val: 0 }, 'the split "val" has no negative patches'],
  ] as const)("%s", async (name, without, expected) => {
    const poor = await writeDataset(join(folder, name.replaceAll(" ", "-")), { without });
    const out = join(folder, "never");
    const message = await errorOf(trainTiny({ data: poor, out }));
    expect(message).toContain(`[dataset] ${poor}: ${expected}`);
    expect(await exists(out)).toBe(false);
  });

  it("no positives for the decoder, when the classifier has a dataset of its own", async () => {
    const poor = await writeDataset(join(folder, "decoder-data"), { without: { val: 1 } });
    const message = await errorOf(
      trainTiny({ data: poor, classifierData: data, out: join(folder, "never") }),
    );
    expect(message).toContain(`[dataset] ${poor}: the split "val" has no positive patches`);
  });

  it("pixel masks asked for as criterion, but absent from val", async () => {
    const weak = await writeDataset(join(folder, "no-val-masks"), { masks: ["train", "test"] });
    const config = tinyConfig({ decoder: { validation: "pixel-masks" } });
    const message = await errorOf(trainTiny({ data: weak, out: join(folder, "never"), config }));
    expect(message).toContain(`[dataset] ${weak}: the split "val" lacks pixel masks of positive patches`);
    expect(message).toContain("set decoder.validation to auto or activation-map");
  });

  it("an earlier run stays even when it was to be overwritten", async () => {
    const before = await hashesOf(base.root);
    const poor = join(folder, "absent");
    const message = await errorOf(trainTiny({ data: poor, out: base.root, overwrite: true }));
    expect(message).toContain(`[dataset] ${poor}: does not exist`);
    expect(await hashesOf(base.root)).toEqual(before);
  });
});

describe("starting weights", () => {
  const withWeights = (file: string, classifier = {}) =>
    trainTiny({
      data,
      out: join(folder, "never"),
      config: tinyConfig({ classifier: { initialWeights: file, ...classifier } }),
    });

  it("of another depth are refused with what is missing and surplus", async () => {
    const file = base.path("classifier.safetensors");
    const message = await errorOf(withWeights(file, { depth: 50 }));
    expect(message).toContain(`[weights] ${file}: does not hold the weights of this model`);
    expect(message).toMatch(/\d+ missing: .*conv3/);
    expect(message).toMatch(/\d+ of another shape: .*layer1\.0\.conv1\.weight/);
    expect(await exists(join(folder, "never"))).toBe(false);
  });

  it("of a mask decoder are refused as surplus", async () => {
    const message = await errorOf(withWeights(base.path("decoder-preliminary.safetensors")));
    expect(message).toMatch(/\d+ surplus: mask_decoder\./);
  });

  it("that are not there are refused", async () => {
    const file = join(folder, "absent.safetensors");
    expect(await errorOf(withWeights(file))).toContain(`[weights] ${file}: cannot be opened`);
  });
});

describe("a configuration that does not fit", () => {
  it.each([
    [
      { decoder: { kind: "pyramid", augment: { stainScale: 0, stainShift: 0, cropSize: 1024 } } },
      /cropSize: cannot be 1024/,
    ],
    [
      { classifier: { model: "dense", dense: { backbone: "resnet-18" } } },
      /resnet-18: does not come with the package/,
    ],
    [{ classifier: { model: "dense", initialWeights: "some.pth" } }, /some\.pth: cannot be opened/],
    [{ classifier: { model: "dense", precision: "float16" } }, /precision: is for/],
  ])("is refused before a run is made (%#)", async (overrides, message) => {
    const out = join(folder, "never");
    expect(await errorOf(trainTiny({ data, out, config: tinyConfig(overrides) }))).toMatch(message);
    expect(await exists(out)).toBe(false);
  });
});

describe("a run directory that does not fit", () => {
  it("holds a run already", async () => {
    const message = await errorOf(trainTiny({ data, out: base.root }));
    expect(message).toContain(`[usage] ${base.root}: already holds a run`);
    expect(message).toContain("`resume: true`");
    expect(message).toContain("`overwrite: true`");
  });

  it("was begun with another configuration", async () => {
    const config = tinyConfig({ ...oneEpoch, seed: 9 });
    const message = await errorOf(trainTiny({ data, out: base.root, config, resume: true }));
    expect(message).toContain(
      `[configuration] ${base.path("run.json")}: was begun with another configuration`,
    );
  });

  it("was begun with other data", async () => {
    const other = await writeDataset(join(folder, "other-data"));
    await rm(join(other, "train", "image", "train-normal-0_0.png"));
    await cp(
      join(other, "train", "image", "train-normal-1_0.png"),
      join(other, "train", "image", "train-normal-0_0.png"),
    );
    const options = { data: other, out: base.root, config: tinyConfig(oneEpoch), resume: true };
    expect(await errorOf(trainTiny(options))).toContain(
      `[dataset] ${other}: is not the data that the run began with`,
    );
  });

  it("does not know the stage, or lacks the ones before", async () => {
    const options = { data, out: base.root, config: tinyConfig(oneEpoch), resume: true };
    expect(await errorOf(trainTiny({ ...options, stages: ["round-7"] }))).toContain(
      '[usage] `stages`: "round-7" is not a stage',
    );
    expect(await errorOf(trainTiny({ ...options, stages: ["evaluation"] }))).toContain(
      "the stage evaluation needs stages that are not done: round-1",
    );
    const fresh = { ...options, out: join(folder, "never"), resume: false, stages: ["preliminary"] };
    expect(await errorOf(trainTiny(fresh))).toContain("the stage preliminary builds on earlier ones");
  });
});

describe("training that diverges", () => {
  it("ends with a numerical error in the classifier", async () => {
    const config = tinyConfig({ classifier: { learningRate: 1e30, epochs: 2 } });
    const out = join(folder, "diverged-classifier");
    const message = await errorOf(trainTiny({ data, out, config, stages: ["classifier"] }));
    expect(message).toMatch(/^\[numerical\] classifier: the loss became (NaN|Infinity) in epoch 1/);
    expect(message).toContain("Lower classifier.learningRate");
    expect(await exists(join(out, "classifier.safetensors"))).toBe(false);
  });

  it("leaves the stages before the decoder as they were", async () => {
    const out = join(folder, "diverged-decoder");
    const overrides = { decoder: { learningRate: 1e30 } };
    const config = await forkRun(base, out, { undone: afterInitialMasks, overrides });
    await rm(join(out, "decoder-preliminary.safetensors"));
    const before = await hashesOf(out);
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toMatch(/^\[numerical\] preliminary: the loss became (NaN|Infinity) in epoch 1/);
    expect(message).toContain("Lower decoder.learningRate");
    const after = await hashesOf(out);
    for (const name of Object.keys(before).filter((path) => !/^(run\.json|metrics\.jsonl)$/.test(path))) {
      expect(after[name], name).toBe(before[name]);
    }
    expect(await exists(join(out, "decoder-preliminary.safetensors"))).toBe(false);
  });
});

describe("nothing to learn from", () => {
  it("all activation maps empty: says so and what to change", async () => {
    const out = join(folder, "empty-maps");
    const config = await forkRun(base, out, { undone: stageNames(1).slice(1) });
    const file = join(out, "classifier.safetensors");
    const { tensors } = await readSafetensors(file);
    const head = tensors.get("fc.weight");
    // Features are not negative, so with negative weights no pixel is activated.
    const negative = floatTensor(head?.shape ?? [], new Float32Array(head?.data.length ?? 0).fill(-1));
    await writeSafetensors(file, new Map([...tensors, ["fc.weight", negative]]));
    await withoutHashes(out);
    for (const name of ["activation-maps", "masks"]) await rm(join(out, name), { recursive: true });
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toContain("[numerical] preliminary: no positive train patch has a usable mask");
    expect(message).toContain("cam.threshold");
    const { stages } = JSON.parse(await readFile(join(out, "run.json"), "utf8"));
    expect(stages["initial-masks"].summary).toEqual({ masks: 8, empty: 8 });
  });

  it("no pseudo-label reaches the IDS threshold: warns and keeps the decoder before", async () => {
    const out = join(folder, "no-pseudo-labels");
    const overrides = { selection: { idsThreshold: 1, minimumShare: 0 } };
    const config = await forkRun(base, out, { undone: afterInitialMasks.slice(1), overrides });
    const reporter = recordingReporter();
    const { run } = await trainTiny({
      data,
      out,
      config,
      encoder,
      reporter,
      resume: true,
      stages: ["round-1"],
    });
    expect(reporter.warnings.join("\n")).toContain("round-1: no predicted mask reached the IDS score 1");
    expect(run.record.stages["round-1"]).toMatchObject({
      state: "done",
      summary: { pseudoLabels: 0, candidates: 4, keptDecoder: "preliminary" },
    });
    const kept = await readSafetensors(run.path("decoder-round-1.safetensors"));
    const before = await readSafetensors(run.path("decoder-preliminary.safetensors"));
    expect(kept.tensors).toEqual(before.tensors);
    expect(kept.metadata.get("stage")).toBe("round-1");
  });
});

describe("files that are damaged while a run is going on", () => {
  it("an unreadable validation image ends the classifier with its name", async () => {
    const copy = await writeDataset(join(folder, "damaged-data"));
    const image = join(copy, "val", "image", "val-normal-0_0.png");
    let isDamaged: Promise<void> | undefined;
    const reporter = {
      ...silentReporter,
      progress: () => {
        isDamaged ??= truncate(image, 100);
      },
    };
    const out = join(folder, "damaged-image");
    const message = await errorOf(trainTiny({ data: copy, out, reporter, stages: ["classifier"] }));
    await isDamaged;
    expect(message).toContain(`[input-image] ${image}`);
    const { stages } = JSON.parse(await readFile(join(out, "run.json"), "utf8"));
    expect(stages.classifier.state).toBe("running");
  });

  it("a truncated checkpoint is refused with what to do", async () => {
    const out = join(folder, "damaged-checkpoint");
    const config = await forkRun(base, out, { undone: afterInitialMasks });
    const checkpoint = join(out, "checkpoints", "preliminary.safetensors");
    await writeFile(checkpoint, (await readFile(base.path("classifier.safetensors"))).subarray(0, 5000));
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toContain(`[run-directory] ${checkpoint}: is not a whole training checkpoint`);
    expect(message).toContain("Delete the file and run again with `resume: true`");
  });

  it("a truncated decoder of the stage before is refused by name", async () => {
    const out = join(folder, "damaged-decoder");
    const config = await forkRun(base, out, { undone: afterInitialMasks.slice(1) });
    const decoder = join(out, "decoder-preliminary.safetensors");
    await truncate(decoder, 100_000);
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toContain(`[weights] ${decoder}`);
  });

  it("a truncated activation map is refused with what to do", async () => {
    const out = join(folder, "damaged-map");
    const config = await forkRun(base, out, { undone: afterInitialMasks });
    const map = join(out, "activation-maps", "val-tumour-0.safetensors");
    await truncate(map, 20);
    const message = await errorOf(trainTiny({ data, out, config, encoder, resume: true }));
    expect(message).toContain(`[run-directory] ${map}: is not a whole activation map`);
    expect(message).toContain("Delete the file");
  });
});

describe("the criterion that stops training", () => {
  it.each([
    ["auto with masks in val", "auto", ["train", "val", "test"], "loss against pixel masks"],
    ["auto without masks in val", "auto", ["train", "test"], "loss against initial masks"],
  ] as const)("%s is recorded", async (name, validation, masks, expected) => {
    const own = await writeDataset(join(folder, `data ${name}`), { masks });
    const out = join(folder, name);
    const config = await forkRun(base, out, {
      undone: afterInitialMasks,
      overrides: { decoder: { validation } },
    });
    const options = { data: own, out, config, encoder, resume: true, stages: ["preliminary"] };
    const { run } = await trainTiny(options);
    expect(run.record.stages.preliminary?.summary.validation).toBe(expected);
  });
});

/** True where this process may mount a file system of its own, as root in a container often may not. */
function canMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  const script = "d=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs $d && umount $d; s=$?; rmdir $d; exit $s";
  return spawnSync("bash", ["-c", script]).status === 0;
}

describe("a full disk", () => {
  itWith(
    "posix",
    noPosix,
    "while training: earlier results stay, and the run resumes",
    async () => {
      await ensureBuilt();
      const out = join(folder, "disk-full");
      const config = await forkRun(base, out, { undone: afterInitialMasks });
      await rm(join(out, "decoder-preliminary.safetensors"));
      const classifier = (await hashesOf(out, "classifier.safetensors"))["classifier.safetensors"];
      // No file may grow beyond 20 MiB: embeddings fit, a decoder's checkpoint does not.
      const { status, stderr } = runCli(
        ["train", "--data", data, "--out", out, "--resume"],
        "ulimit -f 20480;",
      );
      expect(status, stderr).toBe(1);
      expect(stderr).toContain(`${join(out, "checkpoints", "preliminary.safetensors")}: cannot be written`);
      expect(stderr).toContain("Free disk space");
      expect((await hashesOf(out, "classifier.safetensors"))["classifier.safetensors"]).toBe(classifier);
      const { run } = await trainTiny({ data, out, config, encoder, resume: true, stages: ["preliminary"] });
      const name = "decoder-preliminary.safetensors";
      expect((await hashesOf(run.root, name))[name]).toBe((await hashesOf(base.root, name))[name]);
    },
    300_000,
  );

  it("or a cache that cannot be used, is found before anything is trained", async () => {
    const occupied = join(folder, "occupied");
    await writeFile(occupied, "a file");
    const out = join(folder, "never-made");
    const config = tinyConfig({ cache: { directory: join(occupied, "embeddings") } });
    expect(await errorOf(trainTiny({ data, out, config }))).toMatch(
      /\[storage\] .*occupied.embeddings: cannot be written to \(E.*EPSAM_CACHE_DIR/,
    );
    expect(await exists(out)).toBe(false);
    expect(await errorOf(trainTiny({ data, out: join(occupied, "run"), config: tinyConfig() }))).toMatch(
      /\[storage\] .*run: cannot be written to/,
    );
  });

  itWith(
    "mount",
    canMount() ? undefined : "needs the right to mount a file system",
    "is found before anything is trained, by what the run needs and what is free",
    async () => {
      const disk = join(folder, "small-disk");
      await mkdir(disk);
      expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]).status).toBe(0);
      try {
        const message = await errorOf(trainTiny({ data, out: join(disk, "run"), config: tinyConfig() }));
        expect(message).toMatch(/has 3\.1 MB free, and the run needs about 225\.0 MB/);
        const reporter = recordingReporter();
        // Refused for its encoder, after the disk was looked at.
        const config = tinyConfig({ cache: { directory: disk }, sam: { encoder: "vit-b" } });
        expect(await errorOf(trainTiny({ data, out: join(folder, "other-disk"), config, reporter }))).toMatch(
          /sam\.encoder/,
        );
        expect(reporter.warnings.join()).toMatch(
          /embeddings of .* take up to \d+\.\d MB, and 3\.1 MB are free/,
        );
      } finally {
        spawnSync("umount", [disk]);
      }
    },
  );

  itWith(
    "mount",
    canMount() ? undefined : "needs the right to mount a file system",
    "keeps the old checkpoint",
    async () => {
      const disk = join(folder, "disk");
      await mkdir(disk);
      const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", disk]);
      expect(mounted.status).toBe(0);
      try {
        const file = join(disk, "classifier.safetensors");
        const progress = { epochsDone: 1, stepsTaken: 1, bestEpoch: 0, bestCriterion: 1 };
        const current = new Map([["a", floatTensor([500_000])]]);
        await writeCheckpoint(file, { progress, current, best: new Map() });
        const before = await hashesOf(disk);
        const message = await errorOf(writeCheckpoint(file, { progress, current, best: new Map() }));
        expect(message).toContain(`[storage] ${file}: cannot be written (ENOSPC`);
        expect(message).toContain("Free disk space (or raise the quota)");
        expect(await hashesOf(disk)).toEqual(before);
      } finally {
        spawnSync("umount", [disk]);
      }
    },
  );
});
