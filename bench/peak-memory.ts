import { readFile } from "node:fs/promises";

/** The most memory this process has held at once, in bytes (`VmHWM`; elsewhere than on Linux, `getrusage`). */
export async function peakBytes(): Promise<number> {
  if (process.platform !== "linux") return process.resourceUsage().maxRSS * 1024;
  // Not `getrusage` here: its maximum is inherited from the process that started this one.
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(await readFile("/proc/self/status", "utf8"))?.[1];
  return Number(kilobytes ?? Number.NaN) * 1024;
}
