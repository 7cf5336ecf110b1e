import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { viewCommand } from "../../src/cli/commands/view.js";
import { silentReporter } from "../../src/common/index.js";
import { serveWorkspace, type Workspace } from "../../src/server/index.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { writeGradientSlide } from "../support/test-server.js";
import { runInProcess } from "./run-in-process.js";

const directory = temporaryDirectory();
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Starts the command in a process of its own and waits for the document that it prints first. */
async function start(...words: readonly string[]) {
  const main = join(import.meta.dirname, "..", "..", "src", "cli", "main.ts");
  const args = ["--import", import.meta.resolve("tsx"), main, "view", "--json", ...words];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  children.push(child);
  const written = { stdout: "", stderr: "" };
  child.stderr.on("data", (chunk) => {
    written.stderr += String(chunk);
  });
  child.stdout.on("data", (chunk) => {
    written.stdout += String(chunk);
  });
  while (!written.stdout.includes("}\n")) await once(child.stdout, "data");
  return { child, written, announced: JSON.parse(written.stdout) };
}

async function slidesFolder(): Promise<string> {
  const folder = await directory.folder();
  await mkdir(join(folder, "case"));
  await writeGradientSlide(join(folder, "case", "a.tif"), 300, 200);
  return folder;
}

describe("epsam view", () => {
  it("serves what it was given at the address it prints, and ends cleanly on Ctrl-C", async () => {
    const folder = await slidesFolder();
    const state = directory.path("state");
    const { child, written, announced } = await start(folder, "--port", "0", "--state", state);
    expect(announced).toMatchObject({ stateDirectory: state, slides: 1, datasets: 0, runs: 0 });
    expect(announced.address).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const answer = await fetch(new URL("api/workspace", announced.address));
    const workspace: Workspace = JSON.parse(await answer.text());
    expect(workspace.slides.map(({ name }) => name)).toEqual(["a.tif"]);
    const closed = once(child, "close");
    child.kill("SIGINT");
    expect(await closed).toEqual([0, null]);
    // The announcement was the only document.
    expect(JSON.parse(written.stdout)).toEqual(announced);
    expect(written.stderr).not.toContain("Error");
  }, 120_000);

  it("says what is missing", async () => {
    const results = await directory.folder();
    await mkdir(join(results, "elsewhere"));
    for (const name of ["inference.json", "summary.json"]) {
      await writeFile(join(results, "elsewhere", name), "{}");
    }
    const warnings: string[] = [];
    const reporter = { ...silentReporter, warn: (message: string) => warnings.push(message) };
    const ended = new AbortController();
    const stateDirectory = directory.path("state");
    const options = { port: 0, stateDirectory, reporter, signal: ended.signal };
    const served = await serveWorkspace({ ...options, inputs: [results, await directory.folder()] });
    ended.abort();
    await served.close();
    expect(warnings.join("\n")).toMatch(/Nothing to look at[\s\S]*Results of 1 slides .*elsewhere/);
  });

  it("says at the start when corrections cannot be kept", async () => {
    const inTheWay = join(await directory.folder(), "file");
    await writeFile(inTheWay, "");
    const warnings: string[] = [];
    const ended = new AbortController();
    const served = await serveWorkspace({
      ...{ port: 0, stateDirectory: join(inTheWay, "state"), signal: ended.signal, inputs: [] },
      reporter: { ...silentReporter, warn: (message) => warnings.push(message) },
    });
    ended.abort();
    await served.close();
    expect(warnings).toEqual([
      expect.stringMatching(/state cannot be written to .*: corrections and jobs cannot be kept\. .*`state`/),
    ]);
  });

  it("shows or names every file of what it was given, however odd", async () => {
    const root = await directory.folder();
    const write = async (...parts: string[]) => {
      await mkdir(join(root, ...parts.slice(0, -1)), { recursive: true });
      await writeFile(join(root, ...parts), "");
    };
    for (const folder of ["lab A", "lab B"]) {
      await mkdir(join(root, folder));
      await writeGradientSlide(join(root, folder, "same.tif"), 300, 200);
    }
    await write("lab A", "same.geojson");
    await write("lab A", "sane.geojson");
    await write("lab A", "overview.png");
    await write("lab A", "scan.czi.part");
    await write("lab B", "packed.svs.gz");
    await write("lab B", "photo.gif");
    await write("xml", "same.xml");
    await write("annotations", "nobody.xml");
    await write("pictures", "field.png");
    await write("one", "two", "three", "four", "deep.svs");
    await write("empty.svs");
    await symlink(join(root, "nowhere.svs"), join(root, "dangling.svs"));
    await symlink(tmpdir(), join(root, "elsewhere"));
    const said: string[] = [];
    const say = (message: string) => said.push(message);
    const ended = new AbortController();
    const served = await serveWorkspace({
      ...{ port: 0, stateDirectory: directory.path("state"), signal: ended.signal, inputs: [root] },
      reporter: { ...silentReporter, warn: say, note: say },
    });
    const answer = await fetch(new URL("api/workspace", served.address));
    const workspace: Workspace = JSON.parse(await answer.text());
    ended.abort();
    await served.close();
    expect(workspace.slides.map(({ name, status }) => [name, status.state])).toEqual([
      ["empty.svs", "broken"],
      ["same.tif (lab A)", "ready"],
      ["same.tif (lab B)", "ready"],
    ]);
    const told = said.join("\n");
    for (const name of ["sane.geojson", "overview.png", "scan.czi.part", "packed.svs.gz", "photo.gif"])
      expect(told).toContain(name);
    for (const name of ["same.xml", "nobody.xml", "field.png", "four", "dangling.svs", "elsewhere"])
      expect(told).toContain(name);
    expect(told).toMatch(/xml: annotation files of slides in other folders are not shown: same\.xml/);
    expect(told).toMatch(/elsewhere is left out: it is a link to a folder/);
    expect(told).not.toContain("same.geojson");
  }, 60_000);

  it("requires the token that it made up", async () => {
    const { announced } = await start("--port", "0", "--state", directory.path("state"), "--token");
    const address = new URL(announced.address);
    const token = address.searchParams.get("token") ?? "";
    expect(token.length).toBeGreaterThanOrEqual(32);
    expect((await fetch(new URL("/api/workspace", address))).status).toBe(401);
    const headers = { Authorization: `Bearer ${token}` };
    expect((await fetch(new URL("/api/workspace", address), { headers })).status).toBe(200);
  }, 120_000);

  it.each([
    [["--host", "0.0.0.0"], "can be reached from other machines"],
    [["--host", "0.0.0.0", "--token", "short"], "is no token"],
    [["absent-folder"], "cannot be found"],
    [["--annotations", "package.json"], "is no folder"],
  ])("refuses %j", async (words, message) => {
    const { stderr, code } = await runInProcess(viewCommand(), words);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("says that a port is taken", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? String(address?.port) : "";
    const { stderr, code } = await runInProcess(viewCommand(), ["--port", port]);
    other.close();
    expect(code).toBe(2);
    expect(stderr).toContain("is in use by another program");
  });
});
