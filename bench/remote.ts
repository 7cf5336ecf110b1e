import { type ChildProcess, execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { RandomAccessFile, writeFileAtomically } from "../src/common/index.js";
import { readManifest } from "../src/dataset/index.js";
import { slideError } from "../src/slides/slide-error.js";
import { readContents, supportedPage } from "../src/slides/tiff/contents.js";
import { describeMachine, isBusy } from "./machine.js";
import { rectangleAnnotation } from "./slides/annotation.js";
import { meanTileBytes, writeJpegSlide } from "./slides/write-slide.js";

// What preparing patches of a slide on a server moves and takes, beside the same of the same file on this disk. The server
// is a process of this machine that waits before each answer and sends as fast as a line would.

const TILE = 256;
const PATCH = 512;
/** Levels, by how many times they are smaller. */
const REDUCTIONS = [4, 16];

const options = new Command("bench:remote")
  .description("Bytes and time of preparing patches of a slide on a server, against the file on this disk.")
  .option("--megabytes <count>", "size of the slide", wholeNumber(10), 2000)
  .option("--patches <count>", "positive and as many negative patches", wholeNumber(1), 250)
  .option("--latency <milliseconds>", "before each answer", wholeNumber(0), 50)
  .option("--megabits <count>", "of the line, a second", wholeNumber(1), 100)
  .option("--json", "print one JSON document")
  .parse()
  .opts();

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const tsx = ["--import", import.meta.resolve("tsx")];

/** The server of one file. */
class Server {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string) {
    const bandwidth = (options.megabits * 1e6) / 8;
    const parameters = [here("remote/serve.ts"), file, String(options.latency), String(bandwidth)];
    const child = spawn(process.execPath, [...tsx, ...parameters], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("the server ended; its message is above");
    return value;
  }

  async moved(): Promise<{ bytes: number; requests: number }> {
    this.#child.stdin?.write("\n");
    return JSON.parse(await this.line());
  }

  close(): void {
    this.#child.stdin?.end();
  }
}

async function slideFile(): Promise<string> {
  const folder = join(tmpdir(), "epsam-bench");
  const path = join(folder, `pyramid-${options.megabytes}.tif`);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  process.stderr.write(`writing ${path}…\n`);
  const tiles = (options.megabytes * 1e6) / 1.07 / (await meanTileBytes(TILE));
  await writeJpegSlide(`${path}.tmp`, Math.round(Math.sqrt(tiles)) * TILE, TILE, REDUCTIONS);
  await rename(`${path}.tmp`, path);
  return path;
}

/** What a slide's levels hold: of the full one each tile's bytes, of the others all, and the index. */
async function contentsOf(path: string) {
  const file = await RandomAccessFile.open(path, slideError);
  try {
    const { nodes } = await readContents(file);
    const pages = nodes.map(({ page }) => supportedPage(file, page));
    const lengths = await Promise.all(
      pages.map(({ byteCounts }) =>
        Promise.all(Array.from({ length: byteCounts.count }, (_, index) => byteCounts.get(index))),
      ),
    );
    const [full] = pages;
    if (full === undefined) throw new Error("the slide has no level");
    const index = pages.reduce((sum, { byteCounts }) => sum + 16 * byteCounts.count, 0);
    return { side: full.width, columns: full.segmentation.columns, lengths, index };
  } finally {
    await file.close();
  }
}

interface Preparation {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly patches: number;
}

async function prepare(slide: string, annotations: string, out: string): Promise<Preparation> {
  const parameters = [here("slides/preparation-worker.ts"), slide, annotations, out, String(options.patches)];
  const { stdout } = await promisify(execFile)(process.execPath, [...tsx, ...parameters]);
  return JSON.parse(stdout);
}

type Contents = Awaited<ReturnType<typeof contentsOf>>;

/** Bytes of the tiles that the patches touch, and of the level in which the tissue is looked for. */
async function neededBytes(dataset: string, { columns, lengths }: Contents): Promise<number> {
  const touched = new Set<number>();
  for (const { x, y } of await readManifest(join(dataset, "manifest.csv"))) {
    const [left, top] = [x ?? 0, y ?? 0];
    for (let row = Math.floor(top / TILE); row * TILE < top + PATCH; row++) {
      for (let column = Math.floor(left / TILE); column * TILE < left + PATCH; column++) {
        touched.add(row * columns + column);
      }
    }
  }
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  return sum([...touched].map((index) => lengths[0]?.[index] ?? 0)) + sum(lengths.at(-1) ?? []);
}

const machine = await describeMachine();
const folder = await mkdtemp(join(tmpdir(), "epsam-bench-remote-"));
try {
  const slide = await slideFile();
  const contents = await contentsOf(slide);
  const annotations = join(folder, "annotations");
  await mkdir(annotations);
  await writeFileAtomically(join(annotations, "slide.xml"), rectangleAnnotation(contents.side));
  const local = join(folder, "slide.tif");
  await symlink(slide, local);
  const here = await prepare(local, annotations, join(folder, "here"));
  const server = new Server(slide);
  const there = await prepare(await server.line(), annotations, join(folder, "there"));
  const moved = await server.moved();
  server.close();
  const manifests = ["here", "there"].map((name) => readFile(join(folder, name, "manifest.csv"), "utf8"));
  const [one, other] = await Promise.all(manifests);
  if (one !== other) throw new Error("the two datasets differ");
  const needed = await neededBytes(join(folder, "here"), contents);
  const transfer = (moved.bytes * 8) / (options.megabits * 1e6);
  const result = {
    slideBytes: (await stat(slide)).size,
    ...{ local: here, remote: there, moved, needed, index: contents.index, transferSeconds: transfer },
    bytesRatio: (moved.bytes - contents.index) / needed,
    timeRatio: (there.seconds - transfer) / here.seconds,
  };
  if (options.json === true) console.log(JSON.stringify({ machine, ...result }, null, 2));
  else print(result);
} finally {
  await rm(folder, { recursive: true, force: true });
}

function print(result: {
  readonly slideBytes: number;
  readonly local: Preparation;
  readonly remote: Preparation;
  readonly moved: { readonly bytes: number; readonly requests: number };
  readonly needed: number;
  readonly index: number;
  readonly transferSeconds: number;
  readonly bytesRatio: number;
  readonly timeRatio: number;
}): void {
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}` : "";
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`);
  console.log(
    `${megabytes(result.slideBytes)}, ${result.remote.patches} patches; ${options.latency} ms, ${options.megabits} Mbit/s`,
  );
  console.log(
    `  moved ${megabytes(result.moved.bytes)} in ${result.moved.requests} requests; tiles ${megabytes(result.needed)}, index ${megabytes(result.index)}: ${result.bytesRatio.toFixed(2)} times the tiles beside the index`,
  );
  console.log(
    `  local ${result.local.seconds.toFixed(1)} s, remote ${result.remote.seconds.toFixed(1)} s, transfer ${result.transferSeconds.toFixed(1)} s: ${result.timeRatio.toFixed(2)} times the local time beside the transfer`,
  );
}
