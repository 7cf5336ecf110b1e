import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { writeGeneratedSlides } from "../../src/cli/demo/generated-slides.js";
import { hashFile, silentReporter } from "../../src/common/index.js";
import { builtPath, ensureBuilt } from "../support/build.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const { path } = temporaryDirectory();
const at = (...parts: readonly string[]) => join(path("."), ...parts);

/** The smallest project that goes through every step. */
const SETTINGS = `
inputs: slides
annotations: annotations
out: project
prepare: {patchSize: 64, maxPositives: 3, maxNegatives: 2, split: [2, 1, 1], tissue: all, level: 0}
train:
  classifier: {epochs: 2, batchSize: 2}
  decoder: {epochs: 2, samplesPerEpoch: 2}
infer: {overlap: 0}
`;

beforeAll(async () => {
  await ensureBuilt();
  const shared = { imagesPerPatient: 1, micronsPerPixel: 0.5, reporter: silentReporter };
  await writeGeneratedSlides(at("."), { ...shared, count: 4, size: 256, seed: 3 });
  await writeGeneratedSlides(at("other"), { ...shared, count: 1, size: 128, seed: 9 });
  const [name = ""] = await readdir(at("other", "slides"));
  await cp(at("other", "slides", name), at("slides", "unlabelled.tif"));
  await writeFile(at("project.yaml"), SETTINGS);
}, 200_000);

/** Starts the command; `killAt` ends it without warning when it says so. */
async function run(killAt?: RegExp, ...more: string[]) {
  const args = [
    builtPath("cli", "main.js"),
    "run",
    "--config",
    at("project.yaml"),
    "--device",
    "cpu",
    ...more,
  ];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const written = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.on("data", (chunk) => {
      written[name] += String(chunk);
      if (killAt?.test(written.stderr) === true) child.kill("SIGKILL");
    });
  }
  const [code, signal] = await once(child, "close");
  return { code, signal, ...written };
}

/** What must not depend on interruptions: all but times, which are in three files. */
async function hashes(): Promise<Record<string, string>> {
  const entries = await readdir(at("project"), { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const lasting = files.filter((file) => !/(?:run\.json|report\.html|log\.txt)$/.test(file)).sort();
  return Object.fromEntries(
    await Promise.all(lasting.map(async (file) => [relative(at("project"), file), await hashFile(file)])),
  );
}

describe("epsam run", () => {
  it("ends in the same bytes however often it was killed, in whichever step", async () => {
    const whole = await run();
    expect(whole.stderr).toContain("4 of 5 slides, those with annotations");
    expect(whole).toMatchObject({ code: 0, signal: null });
    expect(whole.stdout).toContain("unlabelled: ");
    const wanted = await hashes();
    const slides = Object.keys(wanted).filter((file) => file.endsWith("tumour.geojson"));
    expect(slides).toHaveLength(2);
    expect(Object.keys(wanted)).toEqual(
      expect.arrayContaining([
        "dataset/manifest.csv",
        "run/decoder-preliminary.safetensors",
        "results/summary.csv",
      ]),
    );
    await rm(at("project"), { recursive: true });
    for (const moment of [
      /1\/4 prepare: slide 1/,
      /classifier: epoch 1\/2:/,
      /preliminary: epoch 1\/2:/,
      /3\/4 evaluate/,
      /4\/4 segment: \S+ \(1 of 2\): patches/,
    ]) {
      expect(await run(moment)).toMatchObject({ code: null, signal: "SIGKILL" });
    }
    const last = await run();
    expect(last).toMatchObject({ code: 0, signal: null });
    expect(last.stderr).toContain("(done already)");
    expect(await hashes()).toEqual(wanted);
    expect(await readFile(at("project", "log.txt"), "utf8")).toMatch(
      /(?:Begun: epsam run[\s\S]*){6}Done\.\n$/,
    );

    const again = await run(undefined, "--json");
    expect(again.code).toBe(0);
    const result = JSON.parse(again.stdout);
    expect(result.slides.map(({ name }: { name: string }) => name)).toContain("unlabelled");
    expect(result.evaluation.split).toBe("test");
    expect(await hashes()).toEqual(wanted);
  }, 400_000);

  it("makes results of other settings anew, and refuses other settings of learning by the key", async () => {
    await writeFile(at("project.yaml"), SETTINGS.replace("overlap: 0", "overlap: 0, minimumArea: 0"));
    const anew = await run();
    expect(anew.code).toBe(0);
    expect(anew.stderr).toMatch(/classifier: done already[\s\S]*4 segment: unlabelled \(2 of 2\): patches/);
    await writeFile(at("project.yaml"), SETTINGS.replace("maxPositives: 3", "maxPositives: 4"));
    const other = await run();
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(/prepare\.maxPositives was 3 and is 4 now[\s\S]*--overwrite/);
    await writeFile(at("project.yaml"), SETTINGS);
  }, 200_000);
});
