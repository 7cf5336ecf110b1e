import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Command, Option } from "@commander-js/extra-typings";
import { pause } from "../src/common/index.js";
import { device, elementCount, type FloatTensor, floatTensor, type Shape } from "../src/graph/index.js";
import {
  openModelWeights,
  streamSafetensors,
  TransformerModel,
  transformerTensors,
  transformerWeights,
  type VisionTransformer,
} from "../src/models/index.js";
import { PYTORCH_THREADS_REST } from "./bench-process.js";
import { peakBytes, resetPeak } from "./peak-memory.js";
import { transformerSizes } from "./transformer-sizes.js";

// Seconds per 224-pixel tile and peak memory of vision transformers with random weights, by turns with PyTorch's (timm's, in
// foundation-baseline.py) in one run on the same cores, so that what else runs there troubles both alike.

const sizes: Readonly<Record<string, VisionTransformer>> = transformerSizes;

const command = new Command("bench:foundation")
  .option("--python <file>", "a Python with torch and timm", process.env.EPSAM_PYTHON ?? "python3")
  .option(
    "--blocks <count>",
    "blocks of each model at most; all unless told",
    Number,
    Number.POSITIVE_INFINITY,
  )
  .option("--rounds <count>", "times each takes its turn", Number, 7)
  .option("--batch <count>", "tiles of one run", Number, 1)
  .option("--threads <count>", "threads of both", Number, 2)
  .option("--alone", "without PyTorch")
  .addOption(
    new Option("--mapped <how>", "weights mapped from their file; by their size unless told").choices([
      "yes",
      "no",
    ] as const),
  )
  .argument("[sizes...]", "S, B, L, H, g")
  .parse();
const { python, blocks, rounds, batch, threads, alone, mapped } = command.opts();
const [names] = command.processedArgs;

/** What a tile takes, in seconds, and what the process has taken at most, in GB. */
interface Turn {
  readonly wall: number;
  readonly processor: number;
  readonly memory: number;
}

async function measure(name: string, transformer: VisionTransformer, folder: string): Promise<void> {
  const path = await randomCheckpoint(transformer, join(folder, `${name}.safetensors`));
  await resetPeak();
  const start = performance.now();
  const file = await openModelWeights(path);
  const model = await TransformerModel.create({
    transformer,
    weights: transformerWeights(file),
    grid: { rows: 16, columns: 16 },
    batchSize: batch,
    normalisation: { mean: [127, 127, 127], deviation: [60, 60, 60] },
    device: device("cpu", threads),
    mapped: mapped === undefined ? undefined : mapped === "yes",
  });
  await file.close();
  const opened = (performance.now() - start) / 1000;
  const images = floatTensor([batch, 3, 224, 224]);
  images.data.forEach((_, index) => {
    images.data[index] = (index * 37) % 256;
  });
  const own = async (): Promise<Turn> => {
    const [start, before] = [performance.now(), process.cpuUsage()];
    await model.run(images);
    const { user, system } = process.cpuUsage(before);
    const wall = (performance.now() - start) / 1000 / batch;
    return { wall, processor: (user + system) / 1e6 / batch, memory: (await peakBytes()) / 1e9 };
  };
  await own();
  const other = alone === true ? undefined : new Baseline(transformer);
  const turns: { readonly ours: Turn; readonly theirs: Turn | undefined }[] = [];
  try {
    await other?.run();
    for (let round = 0; round < rounds; round++) {
      await pause(PYTORCH_THREADS_REST, undefined);
      const ours = await own();
      turns.push({ ours, theirs: await other?.run() });
    }
  } finally {
    other?.close();
    await model.close();
  }
  await rm(path);
  const text = (whose: string, turns: readonly Turn[]) => {
    const [wall, processor] = (["wall", "processor"] as const).map((key) =>
      median(turns.map((turn) => turn[key])).toFixed(3),
    );
    const memory = Math.max(...turns.map((turn) => turn.memory)).toFixed(2);
    return `${whose} ${wall} s a tile, ${processor} s of processors, ${memory} GB at most`;
  };
  const lines = [
    text(
      `opened in ${opened.toFixed(1)} s;`,
      turns.map(({ ours }) => ours),
    ),
  ];
  const pairs = turns.flatMap(({ ours, theirs }) => (theirs === undefined ? [] : [{ ours, theirs }]));
  if (pairs.length > 0) {
    lines.push(
      text(
        "PyTorch",
        pairs.map(({ theirs }) => theirs),
      ),
    );
    const [wall, processor] = (["wall", "processor"] as const).map((key) =>
      median(pairs.map(({ ours, theirs }) => theirs[key] / ours[key])).toFixed(2),
    );
    lines.push(`${wall} times as fast, ${processor} by processor time`);
  }
  console.log(`${name} ${transformer.depth} blocks: ${lines.join("; ")}`);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Writes a checkpoint of random weights under the names of timm. */
async function randomCheckpoint(transformer: VisionTransformer, path: string): Promise<string> {
  const tensors = transformerTensors(transformer).map(({ name, shape }) => ({
    name,
    shape,
    read: async () => randomTensor(name, shape),
  }));
  await streamSafetensors(path, tensors);
  return path;
}

function randomTensor(name: string, shape: Shape): FloatTensor {
  const data = new Float32Array(elementCount(shape));
  const isNorm = /norm.*weight$|gamma$/.test(name);
  let state = 12345;
  for (let at = 0; at < data.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    data[at] = isNorm ? 1 : (state / 2 ** 31) * 0.03;
  }
  return floatTensor(shape, data);
}

/** PyTorch's model in a process of its own: a line in, what a run took out. */
class Baseline {
  readonly #process: ChildProcess;
  readonly #answers: string[] = [];
  #waiting: ((line: string) => void) | undefined;

  constructor({ width, depth, heads, hidden, feedForward }: VisionTransformer) {
    const script = fileURLToPath(new URL("foundation-baseline.py", import.meta.url));
    const shape = [width, depth, heads, hidden, feedForward, batch, threads].map(String);
    this.#process = spawn(python, [script, ...shape], { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("no output");
    createInterface({ input: stdout }).on("line", (line) => {
      const waiting = this.#waiting;
      this.#waiting = undefined;
      if (waiting === undefined) this.#answers.push(line);
      else waiting(line);
    });
  }

  async run(): Promise<Turn> {
    this.#process.stdin?.write("run\n");
    const line =
      this.#answers.shift() ??
      (await new Promise<string>((resolve, reject) => {
        this.#waiting = resolve;
        this.#process.once("exit", (code) => reject(new Error(`the baseline ended with ${code}`)));
      }));
    const [wall = Number.NaN, processor = Number.NaN, memory = Number.NaN] = line.split(" ").map(Number);
    return { wall: wall / batch, processor: processor / batch, memory };
  }

  close(): void {
    this.#process.stdin?.end();
  }
}

/** @throws Error when Python cannot run what is compared with, before checkpoints of gigabytes are written */
function requireBaseline(): void {
  const { status, error, stderr } = spawnSync(python, ["-c", "import timm, torch"], { encoding: "utf8" });
  if (status === 0) return;
  const why = error?.message ?? stderr.trim().split("\n").at(-1);
  throw new Error(
    `${python} cannot import timm and torch: ${why}. Name one that can with --python or EPSAM_PYTHON, or give --alone.`,
  );
}

const wanted = (names.length > 0 ? names : Object.keys(sizes)).map((name) => {
  const full = sizes[name];
  if (full === undefined)
    throw new Error(`there is no size ${name}; there are ${Object.keys(sizes).join(", ")}`);
  return { name, transformer: { ...full, depth: Math.min(full.depth, blocks) } };
});
if (alone !== true) requireBaseline();
const folder = await mkdtemp(join(tmpdir(), "epsam-foundation-"));
try {
  for (const { name, transformer } of wanted) await measure(name, transformer, folder);
} finally {
  await rm(folder, { recursive: true });
}
