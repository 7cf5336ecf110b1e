import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";

/** The most memory this process has held at once, in bytes (`VmHWM`; elsewhere than on Linux, `getrusage`). */
export async function peakBytes(): Promise<number> {
  // `getrusage` only where there is nothing else: its maximum is inherited from the process that started this one.
  const status = process.platform === "linux" ? await readFile("/proc/self/status", "utf8") : "";
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS;
  return Number(kilobytes) * 1024;
}

const CLEAR = "/proc/self/clear_refs";

/** Lets {@link peakBytes} begin anew with what is held now, where the system can: Linux. */
export async function resetPeak(): Promise<void> {
  if (existsSync(CLEAR)) await writeFile(CLEAR, "5");
}
