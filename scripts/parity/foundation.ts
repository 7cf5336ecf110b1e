import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "@commander-js/extra-typings";
import { compareWithReference, readReferences } from "./foundation-comparison.js";

// Compares vision transformers with timm and transformers, at full width with two blocks and random weights: about 6 GB of
// disk and a few minutes. Makes a virtual environment with both from PyPI, which takes as much again, unless --python
// names one that has them.

const TOLERANCE = 1e-4;
const program = new Command("foundation")
  .description("compares vision transformers with timm and transformers, with random weights")
  .option("--python <file>", "a Python that has torch, timm, transformers and safetensors")
  .argument("[names...]", "families; all unless told")
  .parse();
const names = program.args;
const work = await mkdtemp(join(tmpdir(), "epsam-foundation-"));
try {
  const python = program.opts().python ?? makeEnvironment(join(work, "venv"));
  const script = fileURLToPath(new URL("foundation_reference.py", import.meta.url));
  const references = join(work, "models");
  run(python, [script, references, ...names]);
  const { models, versions } = await readReferences(references);
  console.log(Object.entries(versions).flat().join(" "));
  for (const model of models) {
    for (const { width, height, relativeError } of await compareWithReference(references, model, undefined)) {
      const isFine = relativeError <= TOLERANCE;
      console.log(
        `${model.name.padEnd(24)} ${width}×${height}  ${relativeError.toExponential(1)}${isFine ? "" : "  EXCEEDED"}`,
      );
      if (!isFine) process.exitCode = 1;
    }
  }
} finally {
  await rm(work, { recursive: true, force: true });
}

function makeEnvironment(directory: string): string {
  run("python3", ["-m", "venv", directory]);
  const python = join(directory, "bin", "python");
  run(python, ["-m", "pip", "install", "--quiet", "torch", "timm", "transformers", "safetensors", "numpy"]);
  return python;
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, [...args], { stdio: ["ignore", "inherit", "inherit"] });
  if (status !== 0) throw error ?? new Error(`${command} ended with ${status}`);
}
