import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeFileAtomically } from "../src/common/index.js";

// Compiles the folders of assembly/ to WebAssembly and keeps each as a module of the source, so that tests, the build
// and bundles load it like any other code. `npm run build:assembly` writes them; a test sees that they are what their
// sources give.

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const LINE = 96;

/** A folder of assembly/ and the module that holds it compiled. */
export interface AssemblyModule {
  readonly folder: string;
  readonly path: string;
  readonly constant: string;
  readonly description: string;
  readonly options: readonly string[];
}

export const ASSEMBLY_MODULES: readonly AssemblyModule[] = [
  {
    folder: "assembly/jpeg",
    path: join(ROOT, "src", "slides", "jpeg-assembly.ts"),
    constant: "JPEG_ASSEMBLY",
    description: "A decoder of baseline JPEG in WebAssembly with SIMD, as base64.",
    options: [],
  },
  {
    folder: "assembly/adam",
    path: join(ROOT, "src", "nn", "adam-assembly.ts"),
    constant: "ADAM_ASSEMBLY",
    description: "A step of Adam in WebAssembly with SIMD, as base64; its memory is imported.",
    options: ["--importMemory"],
  },
];

/** The text of a module. @throws Error with what the compiler says */
export async function assemblyModule(module: AssemblyModule): Promise<string> {
  const binary = await compile(module);
  const lines = binary.toString("base64").match(new RegExp(`.{1,${LINE}}`, "g")) ?? [];
  return [
    `// Made of ${module.folder} by \`npm run build:assembly\`; change that and not this.`,
    "",
    `/** ${module.description} */`,
    `export const ${module.constant} = [`,
    ...lines.map((line) => `  "${line}",`),
    '].join("");',
    "",
  ].join("\n");
}

async function compile({ folder, options }: AssemblyModule): Promise<Buffer> {
  const compiler = join(
    dirname(createRequire(import.meta.url).resolve("assemblyscript/package.json")),
    "bin",
    "asc.js",
  );
  const scratch = await mkdtemp(join(tmpdir(), "epsam-assembly-"));
  try {
    const output = join(scratch, "module.wasm");
    const common = ["-O3", "--noAssert", "--runtime", "stub", "--use", "abort=", "--enable", "simd"];
    const parameters = [compiler, `${folder}/index.ts`, "--outFile", output, ...common, ...options];
    await promisify(execFile)(process.execPath, parameters, { cwd: ROOT });
    return await readFile(output);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const module of ASSEMBLY_MODULES) await writeFileAtomically(module.path, await assemblyModule(module));
}
