import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { buildWeb } from "../../scripts/build-web.js";

const ROOT = join(import.meta.dirname, "..", "..");
const LOCK = join(ROOT, "node_modules", ".epsam-build-lock");
const LONGEST_BUILD = 120_000;

/** A file of the built package, for example `builtPath("cli", "main.js")`. */
export function builtPath(...parts: readonly string[]): string {
  return join(ROOT, "dist", ...parts);
}

/** Compiles `src` to `dist` and bundles the page if a source is newer than what was built last; test files take turns. */
export async function ensureBuilt(): Promise<void> {
  const release = await acquireLock();
  try {
    if (isUpToDate()) return;
    const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const { status, stdout } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`src does not compile:\n${stdout}`);
    await buildWeb();
  } finally {
    release();
  }
}

function isUpToDate(): boolean {
  const built = statSync(builtPath("web", "app.js"), { throwIfNoEntry: false });
  if (built === undefined || !existsSync(builtPath("cli", "main.js"))) return false;
  const sources = readdirSync(join(ROOT, "src"), { recursive: true, withFileTypes: true });
  return sources
    .filter((entry) => entry.isFile())
    .every((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs < built.mtimeMs);
}

/** Making a directory is atomic; a lock older than the longest build was left by a killed test. */
async function acquireLock(): Promise<() => void> {
  for (;;) {
    try {
      mkdirSync(LOCK);
      return () => rmdirSync(LOCK);
    } catch (cause) {
      if (!(cause instanceof Error && "code" in cause && cause.code === "EEXIST")) throw cause;
    }
    const lock = statSync(LOCK, { throwIfNoEntry: false });
    if (lock !== undefined && Date.now() - lock.mtimeMs > LONGEST_BUILD) rmdirSync(LOCK);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
