import { arch, availableParallelism, cpus, platform, release, totalmem } from "node:os";
import {
  cacheDirectory,
  formatBytes,
  isEpSamError,
  packageVersion,
  requireWritable,
} from "../../common/index.js";
import type { Check } from "./check.js";

const OLDEST_NODE = 20;
const ENOUGH_MEMORY = 6e9;
const ENOUGH_DISK = 5e9;
const LITTLE_DISK = 2e8;

export async function checkPackage(): Promise<Check> {
  return { name: "ep-sam", state: "ok", found: await packageVersion() };
}

export function checkNode(version: string = process.versions.node): Check {
  const major = Number.parseInt(version, 10);
  if (major >= OLDEST_NODE) return { name: "Node.js", state: "ok", found: version };
  const action = `Install Node.js ${OLDEST_NODE} or newer.`;
  return { name: "Node.js", state: "fail", found: version, action };
}

export function checkPlatform(): Check {
  return { name: "Platform", state: "ok", found: `${platform()} ${release()}, ${arch()}` };
}

export function checkProcessor(cores: number = availableParallelism()): Check {
  const model = cpus().at(0)?.model.trim() ?? "unknown processor";
  const found = `${cores} ${cores === 1 ? "core" : "cores"}, ${model}`;
  if (cores > 1) return { name: "Processor", state: "ok", found };
  return {
    name: "Processor",
    state: "warn",
    found,
    action: "Training takes hours on one core; use more if you can.",
  };
}

export function checkMemory(bytes: number = usableMemory()): Check {
  const found = formatBytes(bytes);
  if (bytes >= ENOUGH_MEMORY) return { name: "Memory", state: "ok", found };
  const action = "Use --preset laptop with smaller patches or batches; close other programs.";
  return { name: "Memory", state: "warn", found, action };
}

/** The machine's memory, or the smaller limit of a container (zero or absurdly large when there is none). */
function usableMemory(): number {
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** Free space and write permission where a directory is or would be made. */
export async function checkDisk(name: string, directory: string): Promise<Check> {
  try {
    return diskCheck(name, directory, await requireWritable(directory));
  } catch (thrown) {
    if (!isEpSamError(thrown, "storage")) throw thrown;
    const { why, action } = thrown.fields;
    return { name, state: "fail", found: `${directory}: ${why}`, action };
  }
}

export function diskCheck(name: string, directory: string, free: number): Check {
  const found = `${directory}, ${formatBytes(free)} free`;
  if (free >= ENOUGH_DISK) return { name, state: "ok", found };
  const action = `Free some space: a run with its embedding cache wants about ${formatBytes(ENOUGH_DISK)}.`;
  return { name, state: free < LITTLE_DISK ? "fail" : "warn", found, action };
}

export function checkWorkingDirectory(): Promise<Check> {
  return checkDisk("Working directory", process.cwd());
}

export async function checkCacheDirectory(): Promise<Check> {
  const check = await checkDisk("Cache directory", cacheDirectory());
  if (check.state !== "fail") return check;
  return { ...check, action: `${check.action ?? ""} EPSAM_CACHE_DIR moves the cache.`.trim() };
}
