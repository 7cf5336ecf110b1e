/**
 * What tests start with a loader of TypeScript, themselves or by what they try, runs as it is built instead: the
 * loader takes each process one to four seconds.
 */
import childProcess, { type ForkOptions, type SpawnOptions } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join, relative, resolve, sep } from "node:path";
import { buildSync } from "esbuild";
import { builtPath, ensureBuiltNow, ROOT } from "./build.js";

const SOURCES = join(ROOT, "src") + sep;
const BUNDLES = join(ROOT, "node_modules", ".cache", "ep-sam-tests", "processes");
const { fork, spawn } = childProcess;

const bundles = new Map<string, string>();

/** A file of tests as JavaScript that imports what is built from the sources. */
function bundleOf(script: string): string {
  const known = bundles.get(script);
  if (known !== undefined) return known;
  const outfile = join(BUNDLES, `${relative(ROOT, script).replaceAll(sep, "-").slice(0, -3)}.mjs`);
  const [file] = buildSync({
    ...{ entryPoints: [script], outfile, bundle: true, write: false, format: "esm", platform: "node" },
    ...{ target: "node20", packages: "external", external: [`${SOURCES}*`], logLevel: "silent" },
  }).outputFiles;
  if (file === undefined) throw new Error(`nothing came of ${script}`);
  const up = `${relative(dirname(outfile), ROOT).replaceAll(sep, "/")}/`;
  mkdirSync(BUNDLES, { recursive: true });
  // Other processes may be about to read it.
  const partial = `${outfile}.${process.pid}`;
  const ofSources = new RegExp(`"${up.replaceAll(".", "\\.")}src/([^"]+)\\.[jt]s"`, "g");
  writeFileSync(partial, file.text.replaceAll(ofSources, `"${up}dist/$1.js"`));
  renameSync(partial, outfile);
  bundles.set(script, outfile);
  return outfile;
}

function builtOf(script: string): string {
  ensureBuiltNow();
  const path = resolve(script);
  return path.startsWith(SOURCES) ? `${builtPath(path.slice(SOURCES.length, -3))}.js` : bundleOf(path);
}

/** Arguments of Node without the loader, and with what is built in place of TypeScript. */
export function builtArguments(words: readonly string[]): string[] {
  const loader = words.findIndex(
    (word, at) => words[at - 1] === "--import" && /(?:^|\/)tsx(?:\/|$)/.test(word),
  );
  if (loader === -1) return [...words];
  const own = [...words.slice(0, loader - 1), ...words.slice(loader + 1)];
  const program = own.findIndex((word, at) => word.endsWith(".ts") && own[at - 1] !== "--import");
  return own.map((word, at) => (at <= program && word.endsWith(".ts") ? builtOf(word) : word));
}

type Words = readonly string[];

Object.assign(childProcess, {
  fork(module: string, parameters: Words, options: ForkOptions = {}) {
    const { execArgv } = options;
    if (execArgv === undefined) return fork(module, parameters, options);
    const words = builtArguments([...execArgv, module]);
    return fork(words.at(-1) ?? module, parameters, { ...options, execArgv: words.slice(0, -1) });
  },
  spawn(command: string, words: Words | SpawnOptions = [], options: SpawnOptions = {}) {
    if (!isList(words)) return spawn(command, words);
    return spawn(command, command === process.execPath ? builtArguments(words) : words, options);
  },
});
syncBuiltinESMExports();

function isList(words: Words | SpawnOptions): words is Words {
  return Array.isArray(words);
}
