import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readMask, writePng } from "../../src/imaging/index.js";
import { builtArguments } from "../support/built-processes.js";
import { makeTinyRun } from "../support/tiny-run.js";

const run = promisify(execFile);
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "ep-sam-examples-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

async function example(name: string, ...args: readonly string[]): Promise<string> {
  const words = builtArguments(["--import", "tsx", resolve("examples", name), ...args]);
  const { stdout } = await run(process.execPath, words);
  return stdout;
}

describe("examples", () => {
  it("fits a line with a differentiable graph", async () => {
    expect(await example("differentiable-graph.ts")).toMatch(/y = 3\.000 x \+ 2\.000/);
  });

  it("segments an image with a run", async () => {
    const root = join(directory, "run");
    await makeTinyRun(root);
    const image = join(directory, "image.png");
    const out = join(directory, "mask.png");
    await writePng(image, { width: 40, height: 30, data: new Uint8Array(3600).fill(200) });
    expect(await example("segment-image.ts", root, image, out)).toContain("% tumour");
    expect(await readMask(out)).toMatchObject({ width: 40, height: 30 });
  });
});
