import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { promisify } from "node:util";
import { defaultPython } from "./bench-process.js";

/** What timings depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly node: string;
  readonly onnxRuntime: string;
  /** `undefined` where PyTorch is not installed. */
  readonly pyTorch: string | undefined;
  /** Mean number of processes that wanted to run in the last minute, before the benchmark began. */
  readonly load: number;
}

/** @param python the interpreter that is asked for PyTorch */
export async function describeMachine(python = defaultPython()): Promise<Machine> {
  return {
    processor: cpus()[0]?.model ?? "unknown processor",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    onnxRuntime: installedVersion("onnxruntime-node"),
    pyTorch: await pyTorchVersion(python),
    load: loadavg()[0] ?? 0,
  };
}

/** True when other work takes enough of the machine to falsify timings. */
export function isBusy({ load, cores }: Machine): boolean {
  return load > cores / 4;
}

function installedVersion(name: string): string {
  const manifest: unknown = createRequire(import.meta.url)(`${name}/package.json`);
  if (typeof manifest === "object" && manifest !== null && "version" in manifest)
    return `${manifest.version}`;
  return "unknown version";
}

async function pyTorchVersion(python: string): Promise<string | undefined> {
  return promisify(execFile)(python, ["-c", "import torch; print(torch.__version__)"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}
