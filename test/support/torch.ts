import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describeWith } from "./requirements.js";

/** Debian's `python3-torch` belongs to this interpreter, whatever else is called python3. */
const PYTHON = "/usr/bin/python3";

const isPresent = spawnSync(PYTHON, ["-c", "import torch, numpy"]).status === 0;
const absent = isPresent ? undefined : "PyTorch absent: apt-get install python3-torch python3-numpy";

/** `describe`, skipped by a name that says that PyTorch is missing. */
export function describeWithTorch(name: string, body: () => void): void {
  describeWith("torch", absent, name, body);
}

/** What a script of this repository prints as JSON. */
export function runPython(script: readonly string[], args: readonly string[]): unknown {
  const path = join(import.meta.dirname, "..", "..", ...script);
  const { status, stdout, stderr } = spawnSync(PYTHON, [path, ...args], { encoding: "utf8" });
  if (status !== 0) throw new Error(`${script.join("/")} failed:\n${stderr}`);
  return JSON.parse(stdout);
}
