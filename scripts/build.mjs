// Builds `dist`. JavaScript, since it runs before anything is compiled; what it starts may be TypeScript.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "..");
/** Written when a build is complete: when it began, in milliseconds since 1970. */
const STAMP = join(ROOT, "dist", ".built");
/** What the compiler knows of the last build, so that it compiles only what has changed since; holds while there is a stamp. */
const COMPILED = join(ROOT, "dist", ".compiled");
/** Holds the id of the process that builds. */
const LOCK = join(ROOT, "dist", ".building");
/** What `dist` is made from. */
const SOURCES = [
  "src",
  "scripts",
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "tsconfig.build.json",
];

const COMPILE = [join("node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.build.json"];
const BUNDLE = [
  ["--import", "tsx", join("scripts", "build-web.ts")],
  ["--import", "tsx", join("scripts", "build-vendor.ts")],
];

/**
 * Builds `dist` unless it is newer than its sources; who comes while another process builds waits for that. Types are
 * not checked, which would take longer than the rest: `npm run typecheck` and a whole build do.
 * @throws Error saying what to do when there is nothing to build with, or the build fails
 */
export function ensureBuilt() {
  if (isUpToDate()) return;
  inTurn(() => {
    if (isUpToDate()) return;
    console.error("Building from the sources: a few seconds, once.");
    if (!existsSync(STAMP)) rmSync(COMPILED, { force: true });
    build([...COMPILE, "--noCheck"]);
  });
}

function build(compile = COMPILE) {
  const start = Date.now();
  rmSync(STAMP, { force: true });
  for (const step of [compile, ...BUNDLE]) {
    const { status, stdout, stderr } = spawnSync(process.execPath, step, { cwd: ROOT, encoding: "utf8" });
    if (status !== 0) throw new Error(`the sources in ${ROOT} do not build.\n${stdout}${stderr}`.trimEnd());
  }
  writeFileSync(STAMP, String(start));
}

function isUpToDate() {
  if (!existsSync(STAMP)) return false;
  const built = Number(readFileSync(STAMP, "utf8"));
  const isOlder = (path) => statSync(path).mtimeMs < built;
  // A folder is newer when a file in it was added or removed.
  return SOURCES.map((name) => join(ROOT, name)).every((path) => {
    if (!isOlder(path)) return false;
    if (!statSync(path).isDirectory()) return true;
    return readdirSync(path, { recursive: true }).every((entry) => isOlder(join(path, entry)));
  });
}

/** Runs work that one process does at a time. */
function inTurn(work) {
  if (!existsSync(join(ROOT, "node_modules", "typescript"))) {
    throw new Error(`the packages that ${ROOT} is built with are not there. Run \`npm ci\` in it.`);
  }
  mkdirSync(join(ROOT, "dist"), { recursive: true });
  while (!takeLock()) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  try {
    work();
  } finally {
    rmSync(LOCK, { force: true });
  }
}

function takeLock() {
  try {
    writeFileSync(LOCK, String(process.pid), { flag: "wx" });
    return true;
  } catch (cause) {
    if (cause.code !== "EEXIST") throw cause;
  }
  if (isLeftOver()) rmSync(LOCK, { force: true });
  return false;
}

/** Whether the process that holds the lock was killed. */
function isLeftOver() {
  try {
    process.kill(Number(readFileSync(LOCK, "utf8")), 0);
    return false;
  } catch (cause) {
    // Another user's process is there; a lock that is gone was given back.
    return cause.code === "ESRCH";
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes("--if-needed")) ensureBuilt();
  else {
    rmSync(COMPILED, { force: true });
    inTurn(build);
  }
}
