import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { describeMachine, isBusy } from "./machine.js";
import { type Load, measureLoad, type Target } from "./server/client.js";
import { generatedSlide } from "./slides/generated-slide.js";

// Tiles of a large slide that the web application's server gives per second, as they are stored and encoded anew, and
// what memory it takes for many of them. Server and clients share the machine's cores.

const options = new Command("bench:server")
  .description("Times tiles of a large JPEG BigTIFF over HTTP.")
  .option("--side <pixels>", "side of the slide", wholeNumber(1024), 40_000)
  .option("--tile <pixels>", "side of its tiles", wholeNumber(16), 256)
  .option("--tiles <count>", "tiles of each measurement", wholeNumber(1), 2000)
  .option("--memory-tiles <count>", "tiles over which memory is watched", wholeNumber(10), 10_000)
  .option("--json", "print one JSON document")
  .parse()
  .opts();

const CLIENTS = [1, 8, 32];
const MEBIBYTE = 2 ** 20;

interface Measured extends Load {
  readonly mode: "stored" | "encode";
  readonly clients: number;
  /** Of the server, all its threads: tells more than the clock while other work shares the machine. */
  readonly processorMillisecondsPerTile: number;
}

const path = await generatedSlide(options.side, options.tile);
const machine = await describeMachine();
const loads: Measured[] = [];
for (const mode of ["stored", "encode"] as const) {
  await withServer(mode, async (target, server) => {
    // Warms up: code is compiled and files are in the system's memory.
    await measureLoad(target, 8, Math.ceil(options.tiles / 4), 0);
    for (const clients of CLIENTS) {
      const before = await processorMilliseconds(server.pid ?? 0);
      const load = await measureLoad(target, clients, options.tiles, 1);
      const used = (await processorMilliseconds(server.pid ?? 0)) - before;
      loads.push({ mode, clients, ...load, processorMillisecondsPerTile: used / options.tiles });
    }
  });
}
const memory = await memoryOverTiles();
if (options.json === true) console.log(JSON.stringify({ machine, loads, memory }, null, 2));
else print();

async function withServer<Result>(
  mode: Measured["mode"],
  use: (target: Target, server: ChildProcess) => Promise<Result>,
): Promise<Result> {
  const script = fileURLToPath(new URL("server/serve.ts", import.meta.url));
  const server = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), script, path, mode], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const { value, done } = await createInterface({ input: server.stdout })[Symbol.asyncIterator]().next();
  if (done === true) throw new Error("the server ended; its message is above");
  const { port, slide }: { port: number; slide: string } = JSON.parse(value);
  const tilesPerSide = Math.floor(options.side / options.tile);
  try {
    return await use({ port, slide, tilesPerSide }, server);
  } finally {
    const exited = once(server, "exit");
    server.stdin.end();
    await exited;
  }
}

/** Resident memory of the server in bytes after each tenth of the tiles, encoded anew for 8 clients. */
function memoryOverTiles(): Promise<number[]> {
  return withServer("encode", async (target, server) => {
    const tenth = Math.ceil(options.memoryTiles / 10);
    const resident: number[] = [];
    for (let part = 0; part < 10; part++) {
      await measureLoad(target, 8, tenth, 2 + part);
      resident.push(await residentBytes(server.pid ?? 0));
    }
    return resident;
  });
}

async function residentBytes(process: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${process}/status`, "utf8"))?.[1];
  return Number(kilobytes ?? Number.NaN) * 1024;
}

/** Processor time of a process so far (proc(5): fields 14 and 15 of `stat`, in hundredths of a second). */
async function processorMilliseconds(process: number): Promise<number> {
  const fields = (await readFile(`/proc/${process}/stat`, "utf8")).replace(/^.*\) /s, "").split(" ");
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function print(): void {
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}` : "";
  console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`);
  console.log(
    `${options.side}² BigTIFF of ${options.tile}² JPEG tiles, server and clients on the same cores`,
  );
  for (const load of loads) console.log(describe(load));
  const [first = 0, second = first] = memory;
  const last = memory.at(-1) ?? 0;
  const list = memory.map((bytes) => (bytes / MEBIBYTE).toFixed(0)).join(" ");
  console.log(`memory over ${options.memoryTiles} tiles, MiB after each tenth: ${list}`);
  console.log(
    `growth ${((last - first) / MEBIBYTE).toFixed(0)} MiB after the first tenth, ${((last - second) / MEBIBYTE).toFixed(0)} after the second`,
  );
}

function describe(load: Measured): string {
  const { mode, clients, tilesPerSecond, medianMilliseconds, p95Milliseconds, bytes } = load;
  const how = mode === "stored" ? "as stored   " : "encoded anew";
  return [
    `${how} ${String(clients).padStart(2)} clients: ${tilesPerSecond.toFixed(0).padStart(5)} tiles/s`,
    `median ${medianMilliseconds.toFixed(1)} ms`,
    `p95 ${p95Milliseconds.toFixed(1)} ms`,
    `${load.processorMillisecondsPerTile.toFixed(2)} ms of processor each`,
    `${(bytes / 1024).toFixed(0)} KiB`,
  ].join(", ");
}
