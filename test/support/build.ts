import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

const ROOT = join(import.meta.dirname, "..", "..");

/** A file of the built package, for example `builtPath("cli", "main.js")`. */
export function builtPath(...parts: readonly string[]): string {
  return join(ROOT, "dist", ...parts);
}

/** Builds the package if a source is newer than what was built last; test files take turns. */
export async function ensureBuilt(): Promise<void> {
  await promisify(execFile)(process.execPath, [join(ROOT, "scripts", "build.mjs"), "--if-needed"]);
}
