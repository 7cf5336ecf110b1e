import { existsSync } from "node:fs";
import { join } from "node:path";
import { describeWith } from "./requirements.js";

/** A path inside the shared data beside the repository, which is never copied into it. */
export function sharedPath(...parts: readonly string[]): string {
  return join(import.meta.dirname, "..", "..", "..", "shared", ...parts);
}

/** `describe`, skipped by a name that says which shared files are missing; its body, which may read them, does not run then. */
export function describeWithShared(name: string, paths: readonly string[], body: () => void): void {
  const missing = paths.filter((path) => !existsSync(sharedPath(path)));
  const absent = missing.length === 0 ? undefined : `shared data absent: ${missing.join(", ")}`;
  describeWith("shared", absent, name, body);
}
