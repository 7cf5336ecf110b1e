import { readdir, writeFile } from "node:fs/promises";
import { join, parse } from "node:path";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { stringify } from "yaml";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { prepareCommand } from "../../src/cli/commands/prepare.js";
import { teachCommand } from "../../src/cli/commands/teach.js";
import { trainCommand } from "../../src/cli/commands/train.js";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { must, RandomStream, silentReporter } from "../../src/common/index.js";
import { loadPatchMask, openDataset, type PatchRecord, windowsOf } from "../../src/dataset/index.js";
import { readSafetensors } from "../../src/models/index.js";
import { RunDirectory, readEvaluation } from "../../src/run/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { runInProcess } from "./run-in-process.js";

const directory = temporaryDirectory();
/** Pixels along the sides of slides, patches and squares. */
const [SLIDE, PATCH, SIDE] = [768, 256, 112];

vi.setConfig({ testTimeout: 400_000, hookTimeout: 240_000 });

/** A labelled square of a slide, in level-0 pixels. */
interface Square {
  readonly x: number;
  readonly y: number;
  readonly tumour: 0 | 1;
}

describe("going on from squares", () => {
  let slides = "";
  let names: readonly string[] = [];
  const truths = new Map<string, TumourRegion>();
  const squares = new Map<string, readonly Square[]>();
  let [all, taught, dataset] = ["", "", ""];

  beforeAll(async () => {
    all = directory.path("all.csv");
    taught = directory.path("taught");
    dataset = directory.path("dataset");
    const written = await writeGeneratedSlides(directory.path("tissue"), {
      ...{ count: 3, seed: 7, size: SLIDE, micronsPerPixel: 0.5, reporter: silentReporter },
    });
    slides = written.slides;
    names = (await readdir(slides)).filter((file) => file.endsWith(".tif")).sort();
    const files = await readdir(written.annotations);
    for (const name of names) {
      const file = must(
        files.filter((one) => one.startsWith(parse(name).name)),
        0,
        "annotations",
      );
      const truth = TumourRegion.of(await readAnnotations(join(written.annotations, file)));
      truths.set(parse(name).name, truth);
      squares.set(parse(name).name, chosen(truth, new RandomStream(3, "squares", name)));
    }
    await writeFile(all, table([...squares]));
  });

  it("makes a dataset of squares whose labels are true, and of which nothing unknown is taken for known", async () => {
    const made = await runInProcess(prepareCommand(), [
      ...[
        slides,
        "--labelled-squares",
        all,
        "--patch-size",
        `${PATCH}`,
        "--stride",
        "128",
        "--tissue",
        "all",
      ],
      ...["--split", "1,1,1", "--out", dataset],
    ]);
    expect(made.stderr).not.toContain("Error");
    expect(made.code).toBe(0);
    const { patches, patchSize } = await openDataset(dataset);
    const said = { tumour: 0, other: 0 };
    for (const patch of patches) {
      for (const window of windowsOf(patch, patchSize)) {
        const truth = must(truths, patch.slide, "truth");
        const step = window.size / 28;
        const [x, y] = [(patch.x ?? 0) + window.x, (patch.y ?? 0) + window.y];
        const origin = { space: "level-0", x, y } as const;
        const grid = { origin, pixelSize: { x: step, y: step }, width: 28, height: 28 };
        if (window.other === 0) expect(truth.fraction(grid)).toBeGreaterThan(0.7);
        if (window.tumour === 0) expect(truth.fraction(grid)).toBeLessThan(0.3);
        if (window.other === 0) said.tumour += 1;
        if (window.tumour === 0) said.other += 1;
      }
    }
    expect(Math.min(said.tumour, said.other)).toBeGreaterThan(10);
    // No patch is known altogether: none has a mask, and none counts as free of tumour all over.
    expect(patches.map(({ maskPath }) => maskPath)).toEqual(patches.map(() => null));
    const other = must(
      patches.filter(({ label }) => label === 0),
      0,
      "patch without tumour",
    );
    await expect(maskOf(other)).rejects.toThrow(/is known in parts alone/);
  });

  it("trains on from the head that squares have taught", async () => {
    const [first = ""] = names;
    const own = parse(first).name;
    const few = directory.path("few.csv");
    await writeFile(few, table([[own, must(squares, own, "squares")]]));
    const kept = await runInProcess(teachCommand(), [
      ...[join(slides, first), "--labelled-squares", few, "--out", taught, "--device", "cpu"],
    ]);
    expect(kept.code).toBe(0);

    // The run names what it needs, and how that is made.
    const out = directory.path("further");
    const alone = await runInProcess(trainCommand(), ["--from-run", taught, "--out", out]);
    expect(alone.code).toBe(2);
    expect(alone.stderr).toContain(`--labelled-squares ${join(taught, "labelled-squares.csv")}`);

    // So small a rate leaves the head as it was: it is where training begins.
    const trained = await train(out, { classifier: { epochs: 1, learningRate: 1e-12 } });
    expect(trained.stderr).not.toContain("Error");
    expect(trained.code).toBe(0);
    const run = await RunDirectory.open(out);
    expect(run.record.weights.at(-1)).toMatchObject({
      ...{ name: "classifier.initialWeights", file: join(taught, "classifier.safetensors") },
    });
    const [before, after] = await Promise.all([headOf(taught), headOf(out)]);
    expect(before.size).toBe(4);
    for (const [name, values] of before) {
      const now = must(after, name, "tensor");
      const largest = values.reduce((most, value, at) => Math.max(most, Math.abs(value - (now[at] ?? 0))), 0);
      expect(largest).toBeLessThan(1e-6);
    }
    const { evaluation } = (await readEvaluation(join(out, "evaluation"), "test")) ?? {};
    expect(evaluation?.stages.map(({ summary }) => summary)).toEqual(evaluation?.stages.map(() => null));
    expect(evaluation?.missing).toContain("mask");
  });

  it("keeps the head's form and rate unless told, and says what does not go together", async () => {
    const shown = await runInProcess(trainCommand(), ["--from-run", taught, "--print-config", "--json"]);
    expect(JSON.parse(shown.stdout).classifier).toMatchObject({
      ...{ model: "dense", learningRate: 3e-3, epochs: 30 },
      dense: { context: [], poolingShare: 0.25 },
    });
    const wider = await train(directory.path("wider"), { classifier: { dense: { hidden: 64 } } });
    expect(wider.code).not.toBe(0);
    expect(wider.stderr).toContain("it judges 176 features with 128 values between, this one 176 with 64");
    const whole = await runInProcess(trainCommand(), [
      ...["--data", dataset, "--preset", "paper-small", "--out", directory.path("whole")],
    ]);
    expect(whole.code).toBe(1);
    expect(whole.stderr).toContain("--preset laptop");
    for (const other of ["--annotations", "--from-annotations"]) {
      const twice = await runInProcess(prepareCommand(), [
        ...[slides, "--labelled-squares", all, other, slides, "--out", directory.path("twice")],
      ]);
      expect(twice.code).toBe(2);
      expect(twice.stderr).toContain(`--labelled-squares and ${other}: are both given`);
    }
    const nobody = directory.path("nobody.csv");
    await writeFile(nobody, table([["another", [{ x: 0, y: 0, tumour: 1 }]]]));
    const none = await runInProcess(prepareCommand(), [
      ...[slides, "--labelled-squares", nobody, "--out", directory.path("none")],
    ]);
    expect(none.code).toBe(2);
    expect(none.stderr).toContain("has squares of none of these slides");
  });

  async function train(out: string, values: object) {
    const config = `${out}.yaml`;
    const short = { epochs: 1, batchSize: 2, samplesPerEpoch: 2, trainBackbone: false, flipsAtTest: false };
    await writeFile(config, stringify({ ...values, decoder: short }));
    return runInProcess(trainCommand(), [
      ...["--from-run", taught, "--data", dataset, "--config", config, "--out", out, "--device", "cpu"],
    ]);
  }
});

function table(squares: readonly (readonly [string, readonly Square[]])[]): string {
  const rows = squares.flatMap(([slide, own]) =>
    own.map(({ x, y, tumour }) => [slide, x, y, SIDE, tumour].join()),
  );
  return `${["slide,x,y,size,tumour", ...rows].join("\n")}\n`;
}

/** Two squares that are almost all tumour, as far as there are any, and two that have hardly any. */
function chosen(truth: TumourRegion, stream: RandomStream): Square[] {
  const found: [Square[], Square[]] = [[], []];
  for (let tries = 0; tries < 20_000 && found.some(({ length }) => length < 2); tries++) {
    const [x, y] = [stream.integer(SLIDE - SIDE), stream.integer(SLIDE - SIDE)];
    const origin = { space: "level-0", x, y } as const;
    const share = truth.fraction({ origin, pixelSize: { x: 4, y: 4 }, width: 28, height: 28 });
    const tumour = share >= 0.95 ? 1 : share <= 0.02 ? 0 : null;
    if (tumour === null || found[tumour].length === 2) continue;
    const isNear = (other: Square) => Math.abs(other.x - x) < SIDE && Math.abs(other.y - y) < SIDE;
    if (!found.flat().some(isNear)) found[tumour].push({ x, y, tumour });
  }
  expect(found.map(({ length }) => length)).toEqual([2, 2]);
  return found.flat();
}

const maskOf = (patch: PatchRecord) => loadPatchMask(patch, PATCH);

async function headOf(run: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensors(join(run, "classifier.safetensors"));
  return new Map(
    [...tensors].flatMap(([name, { data }]) =>
      name.startsWith("head.") && data instanceof Float32Array ? [[name, data] as const] : [],
    ),
  );
}
