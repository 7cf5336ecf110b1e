import { type ChildProcess, execFile, spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Command } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { RandomStream } from "../src/common/index.js";
import { defaultPython } from "./bench-process.js";
import { describeMachine, isBusy } from "./machine.js";
import { generatedSlide } from "./slides/generated-slide.js";

// Random reads of a large slide per second, beside OpenSlide's C library and, where EPSAM_PYTHON has it (0.8.1 was used),
// fastslide on the same regions in the same run, on the same cores. The sides take turns, so that what else the machine does falls on both.

const options = new Command("bench:slides")
  .description("Times random reads of a large JPEG BigTIFF beside OpenSlide's C library.")
  .option("--side <pixels>", "side of the slide", wholeNumber(1024), 40_000)
  .option("--tile <pixels>", "side of its tiles", wholeNumber(16), 256)
  .option("--region <pixels>", "side of the regions", wholeNumber(1), 512)
  .option("--reads <count>", "regions of each turn", wholeNumber(1), 100)
  .option("--turns <count>", "turns of each side", wholeNumber(1), 7)
  .option("--new-memory", "our side takes new memory for each region, as with few of them")
  .option("--json", "print one JSON document")
  .parse()
  .opts();

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

interface Turn {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakBytes: number;
  readonly sum: number;
}

/** One side, kept to some cores. */
class Reader {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(cores: number, command: readonly string[]) {
    const list = Array.from({ length: cores }, (_, core) => core).join(",");
    const child = spawn("taskset", ["--cpu-list", list, ...command], { stdio: ["pipe", "pipe", "inherit"] });
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async ready(): Promise<this> {
    await this.#answer();
    return this;
  }

  async read(corners: readonly (readonly [number, number])[]): Promise<Turn> {
    this.#child.stdin?.write(`${JSON.stringify(corners)}\n`);
    const turn: Turn = JSON.parse(await this.#answer());
    return turn;
  }

  close(): void {
    this.#child.stdin?.end();
  }

  async #answer(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("a reader ended; its message is above");
    return value;
  }
}

interface Side {
  readonly readsPerSecond: number;
  readonly cpuMillisecondsPerRead: number;
  readonly peakBytes: number;
}

interface Comparison {
  readonly cores: number;
  readonly aligned: boolean;
  readonly ours: Side;
  readonly others: readonly (Side & {
    readonly name: string;
    /** Our reads per second over its. */
    readonly ratio: number;
  })[];
}

/**
 * Levels by which two samples of fastslide may differ from libjpeg's exact ones, which OpenSlide and we give: it enlarges
 * chrominance in a simpler way.
 */
const FASTER_CHROMA = 40;

/** Other libraries, by the worker that reads with each. */
const OTHERS = [
  ["OpenSlide", "slides/openslide-worker.py"],
  ...((await hasFastSlide()) ? [["fastslide", "slides/fastslide-worker.py"] as const] : []),
] as const;

async function hasFastSlide(): Promise<boolean> {
  return promisify(execFile)(defaultPython(), ["-c", "import fastslide"]).then(
    () => true,
    () => false,
  );
}

const slide = await generatedSlide(options.side, options.tile);
const machine = await describeMachine();
const comparisons: Comparison[] = [];
for (const cores of [1, 2]) {
  for (const aligned of [false, true]) comparisons.push(await compare(cores, aligned));
}
const { size } = await stat(slide);
if (options.json === true) console.log(JSON.stringify({ machine, bytes: size, comparisons }, null, 2));
else print();

async function compare(cores: number, aligned: boolean): Promise<Comparison> {
  const parameters = [slide, String(options.region)];
  const tsx = import.meta.resolve("tsx");
  const worker = [
    process.execPath,
    "--import",
    tsx,
    here("slides/worker.ts"),
    ...parameters,
    String(2 * cores),
    String(options.newMemory === true),
  ];
  const ours = await new Reader(cores, worker).ready();
  const others = await Promise.all(
    OTHERS.map(async ([name, file]) => {
      const reader = new Reader(cores, [defaultPython(), here(file), ...parameters, String(cores)]);
      return { name, reader: await reader.ready(), turns: [] as Turn[] };
    }),
  );
  const turns: Turn[] = [];
  for (let turn = 0; turn <= options.turns; turn++) {
    const corners = randomCorners(turn, aligned);
    const read = await ours.read(corners);
    for (const { name, reader, turns: own } of others) {
      const other = await reader.read(corners);
      const most = name === "OpenSlide" ? 0 : FASTER_CHROMA * options.reads;
      if (Math.abs(read.sum - other.sum) > most) throw new Error(`${name} reads other pixels`);
      // The first turn warms all up.
      if (turn > 0) own.push(other);
    }
    if (turn > 0) turns.push(read);
  }
  ours.close();
  for (const { reader } of others) reader.close();
  return {
    cores,
    aligned,
    ours: summary(turns),
    others: others.map(({ name, turns: own }) => ({
      name,
      ...summary(own),
      ratio: median(own.map(({ seconds }, turn) => seconds / (turns[turn]?.seconds ?? Number.NaN))),
    })),
  };
}

function randomCorners(turn: number, aligned: boolean): [number, number][] {
  const random = new RandomStream(0, "bench regions", turn, String(aligned));
  const step = aligned ? options.tile : 1;
  const places = Math.floor((options.side - options.region) / step);
  return Array.from({ length: options.reads }, () => [
    random.integer(places) * step,
    random.integer(places) * step,
  ]);
}

function summary(turns: readonly Turn[]): Side {
  return {
    readsPerSecond: options.reads / median(turns.map(({ seconds }) => seconds)),
    cpuMillisecondsPerRead: (1000 * median(turns.map(({ cpuSeconds }) => cpuSeconds))) / options.reads,
    peakBytes: Math.max(...turns.map(({ peakBytes }) => peakBytes)),
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function print(): void {
  const busy = isBusy(machine) ? `; busy, load ${machine.load.toFixed(1)}, so compare processor time` : "";
  console.log(`${machine.processor}, ${machine.cores} cores, Node ${machine.node}${busy}`);
  console.log(
    `${options.side}² BigTIFF of ${options.tile}² JPEG tiles, ${(size / 2 ** 20).toFixed(0)} MiB; regions of ${options.region}²`,
  );
  for (const { cores, aligned, ours, others } of comparisons) {
    console.log(`${cores} ${cores === 1 ? "core" : "cores"}, ${aligned ? "on tile corners" : "anywhere"}:`);
    console.log(`  ours      ${describe(ours)}`);
    for (const { name, ratio, ...other } of others) {
      const cpuRatio = (other.cpuMillisecondsPerRead / ours.cpuMillisecondsPerRead).toFixed(2);
      console.log(`  ${name.padEnd(9)} ${describe(other)}`);
      console.log(`            ours ${ratio.toFixed(2)} times by the clock, ${cpuRatio} by processor time`);
    }
  }
}

function describe({ readsPerSecond, cpuMillisecondsPerRead, peakBytes }: Side): string {
  const peak = (peakBytes / 2 ** 20).toFixed(0);
  return `${readsPerSecond.toFixed(0)} reads/s, ${cpuMillisecondsPerRead.toFixed(2)} ms of processor each, peak ${peak} MiB`;
}
