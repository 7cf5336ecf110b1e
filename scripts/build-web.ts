import { copyFile, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { pathToFileURL } from "node:url";
import { build, type Metafile } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
const SOURCE = join(ROOT, "src", "web");

/** Files of `onnxruntime-web` that its loader fetches by name when the first mask is decoded in the browser. */
const RUNTIME_FILES = [
  "ort-wasm-simd-threaded.mjs",
  "ort-wasm-simd-threaded.wasm",
  "ort-wasm-simd-threaded.asyncify.mjs",
  "ort-wasm-simd-threaded.asyncify.wasm",
];

/** Bundles the page into `dist/web`: index.html, app.js, its workers and chunks, app.css, and the files of ONNX Runtime Web. */
export async function buildWeb(output: string = join(ROOT, "dist", "web")): Promise<void> {
  await mkdir(join(output, "onnxruntime"), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: ROOT,
    entryPoints: {
      app: join(SOURCE, "main.tsx"),
      "events-worker": join(SOURCE, "api", "events-worker.ts"),
      "decoder-worker": join(SOURCE, "tools", "segment", "decoder-worker.ts"),
    },
    outdir: output,
    bundle: true,
    splitting: true,
    format: "esm",
    target: ["chrome120", "firefox121", "safari17.4"],
    tsconfig: join(SOURCE, "tsconfig.json"),
    conditions: ["onnxruntime-web-use-extern-wasm"],
    chunkNames: "chunk-[hash]",
    loader: { ".svg": "file" },
    minify: true,
    legalComments: "none",
    metafile: true,
    logLevel: "warning",
  });
  await Promise.all([
    ...["index.html", "icon.svg"].map((file) => copyFile(join(SOURCE, file), join(output, file))),
    ...RUNTIME_FILES.map((file) =>
      copyFile(
        join(ROOT, "node_modules", "onnxruntime-web", "dist", file),
        join(output, "onnxruntime", file),
      ),
    ),
    writeFile(join(output, "licenses.txt"), await licensesOf(metafile)),
  ]);
  await removeOtherChunks(output, metafile);
}

/** A server that runs keeps its files while they are built anew; only afterwards do earlier chunks go. */
async function removeOtherChunks(output: string, metafile: Metafile): Promise<void> {
  const current = new Set(Object.keys(metafile.outputs).map((file) => basename(file)));
  const files = await readdir(output);
  const stale = files.filter((file) => file.startsWith("chunk-") && !current.has(file));
  await Promise.all(stale.map((file) => rm(join(output, file), { force: true })));
}

/** The licence texts of the packages that are part of the bundle, as their licences ask. */
async function licensesOf(metafile: Metafile): Promise<string> {
  const packages = new Set(
    Object.keys(metafile.inputs).flatMap((input) => {
      const [, name] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
      return name === undefined ? [] : [name];
    }),
  );
  packages.add("onnxruntime-web");
  const texts = await Promise.all([...packages].sort().map(licenseOf));
  return texts.join(`\n${"-".repeat(80)}\n\n`);
}

async function licenseOf(name: string): Promise<string> {
  const folder = join(ROOT, "node_modules", name);
  const manifest: unknown = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const fields = typeof manifest === "object" && manifest !== null ? manifest : {};
  const version = "version" in fields ? String(fields.version) : "";
  const license = "license" in fields ? String(fields.license) : "";
  for (const file of ["LICENSE", "LICENSE.txt", "LICENSE.md", "license"]) {
    const text = await readFile(join(folder, file), "utf8").catch((cause: unknown) => {
      if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
      throw cause;
    });
    if (text !== null) return `${name} ${version} (${license})\n\n${text}`;
  }
  return `${name} ${version} (${license})\n`;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildWeb();
}
