import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** Of the repository. */
export const ROOT = join(import.meta.dirname, "..", "..");

/** A file of the built package, for example `builtPath("cli", "main.js")`. */
export function builtPath(...parts: readonly string[]): string {
  return join(ROOT, "dist", ...parts);
}

const build = [join(ROOT, "scripts", "build.mjs"), "--if-needed"];
let building: Promise<unknown> | undefined;
let isBuilt = false;

/** Builds the package if a source is newer than what was built last; processes take turns, and each asks once. */
export async function ensureBuilt(): Promise<void> {
  building ??= promisify(execFile)(process.execPath, build);
  await building;
  isBuilt = true;
}

/** As {@link ensureBuilt}, where nothing can be waited for. */
export function ensureBuiltNow(): void {
  if (!isBuilt) execFileSync(process.execPath, build, { stdio: "pipe" });
  isBuilt = true;
}
