import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeFileAtomically } from "../src/common/index.js";

// Compiles assembly/jpeg to WebAssembly and keeps it as a module of the source, so that tests, the build and bundles
// load it like any other code. `npm run build:assembly` writes it; a test sees that it is what its source gives.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LINE = 96;

/** The module that holds the compiled decoder. */
export const MODULE_PATH = join(ROOT, "src", "slides", "jpeg-assembly.ts");

/** The text of {@link MODULE_PATH}. @throws Error with what the compiler says */
export async function assemblyModule(): Promise<string> {
  const binary = await compile();
  const lines = binary.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return [
    "// Made of assembly/jpeg by `npm run build:assembly`; change that and not this.",
    "",
    "/** A decoder of baseline JPEG in WebAssembly with SIMD, as base64. */",
    "export const JPEG_ASSEMBLY = [",
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    "",
  ].join("\n");
}

async function compile(): Promise<Buffer> {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")),
    "bin",
    "asc.js",
  );
  const folder = await mkdtemp(join(tmpdir(), "epsam-assembly-"));
  try {
    const output = join(folder, "decoder.wasm");
    const options = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--enable", "simd"];
    const parameters = [compiler, "assembly/jpeg/index.ts", "--outFile", output, ...options];
    await promisify(execFile)(process.execPath, parameters, { cwd: ROOT });
    return await readFile(output);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFileAtomically(MODULE_PATH, await assemblyModule());
}
