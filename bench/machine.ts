import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { promisify } from "node:util";
import { pythonPath } from "./bench-process.js";

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

export async function describeMachine(): Promise<Machine> {
  return {
    processor: cpus()[0]?.model ?? "unknown processor",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    node: process.version,
    onnxRuntime: installedVersion("onnxruntime-node"),
    pyTorch: await pyTorchVersion(),
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

async function pyTorchVersion(): Promise<string | undefined> {
  return promisify(execFile)(pythonPath, ["-c", "import torch; print(torch.__version__)"]).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
}
