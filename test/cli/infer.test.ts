import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { inferCommand } from "../../src/cli/commands/infer.js";
import { modelsCommand } from "../../src/cli/commands/models.js";
import { writeNoise } from "../dataset/fixtures.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { runInProcess } from "./run-in-process.js";

/** Runs the command in this process; standard output, standard error and exit code. */
async function infer(...words: string[]) {
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation((text) => {
      output[stream] += String(text);
      return true;
    });
  }
  await inferCommand().parseAsync(words, { from: "user" });
  const code = process.exitCode;
  process.exitCode = undefined;
  vi.restoreAllMocks();
  return { ...output, code };
}

let base = "";
const inBase = (...parts: string[]) => join(base, ...parts);

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), "epsam-infer-"));
  await makeTinyRun(inBase("run"));
  await writeNoise(inBase("images", "a.png"), 40, 30);
}, 120_000);
afterAll(() => rm(base, { recursive: true }));
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

describe("epsam infer", () => {
  it("says where the results are, and exits with 2 rather than replace them", async () => {
    const words = ["--run", inBase("run"), inBase("images"), "--out", inBase("out"), "--gate", "1"];
    const first = await infer(...words, "--mpp", "0.5");
    expect(first.code).toBe(0);
    expect(first.stdout).toContain(`Results of 1 images in ${inBase("out")}`);
    expect(first.stdout).toMatch(/0\.0 % tumour {2}0 µm² {2}.*a\.png/);
    const second = await infer(...words);
    expect(second.code).toBe(2);
    expect(second.stderr).toContain("exists already");
  });

  it("segments by models that were imported, as by the run they came from", async () => {
    const config = { classifier: { inputSize: 64 }, cam: { openingSize: 1 }, sam: { points: 5 }, rounds: 1 };
    await writeFile(inBase("tiny.json"), JSON.stringify(config));
    const { code } = await runInProcess(modelsCommand(), [
      ...["import", "--classifier", inBase("run", "classifier.safetensors"), "--preset", "paper-small"],
      ...["--decoder", inBase("run", "decoder-preliminary.safetensors"), "--patch-size", "64"],
      ...["--config", inBase("tiny.json"), "--out", inBase("imported")],
    ]);
    expect(code).toBe(0);
    const pixels: Buffer[] = [];
    for (const run of ["run", "imported"]) {
      const words = ["--run", inBase(run), inBase("images", "a.png"), "--out", inBase(`of-${run}`)];
      expect((await infer(...words, "--gate", "0")).code).toBe(0);
      pixels.push(await readFile(inBase(`of-${run}`, "probabilities", "a.png")));
      const result = JSON.parse(await readFile(inBase(`of-${run}`, "results", "a.json"), "utf8"));
      expect(result.tiles.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["segmented"]);
    }
    expect(pixels[1]).toEqual(pixels[0]);
  }, 120_000);

  it("exits with 3 when an image was left out, and says so in JSON too", async () => {
    await writeFile(inBase("images", "broken.png"), "no image");
    const words = ["--run", inBase("run"), inBase("images"), "--out", inBase("out-3"), "--gate", "1"];
    const { code, stdout } = await infer(...words, "--json");
    expect(code).toBe(3);
    const result = JSON.parse(stdout);
    expect(result.images).toHaveLength(1);
    expect(result.skipped).toEqual([{ file: inBase("images", "broken.png"), reason: expect.any(String) }]);
  });
});
