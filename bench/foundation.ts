import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { Command } from "@commander-js/extra-typings";
import { device, elementCount, floatTensor } from "../src/graph/index.js";
import {
  TransformerModel,
  type TransformerWeights,
  transformerTensors,
  type VisionTransformer,
} from "../src/models/index.js";

// Seconds per 224-pixel tile of vision transformers with random weights, by turns with PyTorch's (timm's, in
// foundation-baseline.py) in one run on the same cores, so that what else runs there troubles both alike.

const common = {
  patch: 14,
  grid: 16,
  classToken: true,
  registers: 4,
  placedTokens: 0,
  layerScale: true,
  qkvBias: true,
  patchBias: true,
  preNorm: false,
  finalNorm: true,
  epsilon: 1e-6,
  positions: "antialiased",
} as const;
const sizes: Readonly<Record<string, VisionTransformer>> = {
  S: { ...common, width: 384, depth: 12, heads: 6, feedForward: "gelu", hidden: 1536 },
  B: { ...common, width: 768, depth: 12, heads: 12, feedForward: "gelu", hidden: 3072 },
  L: { ...common, width: 1024, depth: 24, heads: 16, feedForward: "gelu", hidden: 4096 },
  H: { ...common, width: 1280, depth: 32, heads: 16, feedForward: "swiglu", hidden: 6832 },
  g: { ...common, width: 1536, depth: 40, heads: 24, feedForward: "swiglu", hidden: 8192 },
};

const command = new Command("bench:foundation")
  .option("--python <file>", "a Python with torch and timm", "python3")
  .option(
    "--blocks <count>",
    "blocks of each model at most; all unless told",
    Number,
    Number.POSITIVE_INFINITY,
  )
  .option("--rounds <count>", "times each takes its turn", Number, 7)
  .option("--batch <count>", "tiles of one run", Number, 1)
  .option("--threads <count>", "threads of both", Number, 2)
  .option("--alone", "without PyTorch: time and peak memory of this process")
  .argument("[sizes...]", "S, B, L, H, g")
  .parse();
const { python, blocks, rounds, batch, threads, alone } = command.opts();
const [names] = command.processedArgs;

async function measure(name: string, transformer: VisionTransformer): Promise<void> {
  const model = await TransformerModel.create({
    transformer,
    weights: randomWeights(transformer),
    grid: { rows: 16, columns: 16 },
    batchSize: batch,
    normalisation: { mean: [127, 127, 127], deviation: [60, 60, 60] },
    device: device("cpu", threads),
  });
  const images = floatTensor([batch, 3, 224, 224]);
  images.data.forEach((_, index) => {
    images.data[index] = (index * 37) % 256;
  });
  const own = async (): Promise<number> => {
    const start = performance.now();
    await model.run(images);
    return (performance.now() - start) / 1000 / batch;
  };
  await own();
  if (alone === true) {
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await own());
    const memory = process.resourceUsage().maxRSS / 1e6;
    console.log(
      `${name} ${transformer.depth} blocks: ${median(times).toFixed(3)} s a tile; peak memory of the process ${memory.toFixed(2)} GB`,
    );
  } else {
    const other = new Baseline(transformer);
    const pairs: (readonly [number, number])[] = [];
    await other.run();
    for (let round = 0; round < rounds; round++) {
      // The two change places, so that neither always comes first.
      if (round % 2 === 0) pairs.push([await own(), await other.run()]);
      else {
        const theirs = await other.run();
        pairs.push([await own(), theirs]);
      }
    }
    other.close();
    const ratio = median(pairs.map(([ours, theirs]) => theirs / ours));
    const [ours, theirs] = [0, 1].map((side) => median(pairs.map((pair) => pair[side] ?? 0)));
    console.log(
      `${name} ${transformer.depth} blocks: ${ours?.toFixed(3)} s a tile, PyTorch ${theirs?.toFixed(3)} s; ${ratio.toFixed(2)} times as fast`,
    );
  }
  await model.close();
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function randomWeights(transformer: VisionTransformer): TransformerWeights {
  const shapes = new Map(transformerTensors(transformer).map(({ name, shape }) => [name, shape]));
  return {
    path: "random",
    style: "timm",
    shapes,
    beside: [],
    read: async (name) => {
      const shape = shapes.get(name) ?? [];
      const data = new Float32Array(elementCount(shape));
      const isNorm = /norm.*weight$|gamma$/.test(name);
      let state = 12345;
      for (let at = 0; at < data.length; at++) {
        state = (Math.imul(state, 1664525) + 1013904223) | 0;
        data[at] = isNorm ? 1 : (state / 2 ** 31) * 0.03;
      }
      return floatTensor(shape, data);
    },
  };
}

/** PyTorch's model in a process of its own: a line in, the seconds of a run out. */
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

  async run(): Promise<number> {
    this.#process.stdin?.write("run\n");
    const line =
      this.#answers.shift() ??
      (await new Promise<string>((resolve, reject) => {
        this.#waiting = resolve;
        this.#process.once("exit", (code) => reject(new Error(`the baseline ended with ${code}`)));
      }));
    return Number(line) / batch;
  }

  close(): void {
    this.#process.stdin?.end();
  }
}

for (const name of names.length > 0 ? names : Object.keys(sizes)) {
  const full = sizes[name];
  if (full === undefined) continue;
  const transformer = { ...full, depth: Math.min(full.depth, blocks) };
  await measure(name, transformer);
}
