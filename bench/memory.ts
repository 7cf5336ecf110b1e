import { Command, Option } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { BenchProcess } from "./bench-process.js";
import { describeMachine } from "./machine.js";
import { memoryModels, memoryVariants } from "./memory-sections.js";

// Peak memory of training steps against the batch size, for each way to save memory; each in a process of its own.

interface Cell {
  readonly peakBytes: number;
  /** Processor time of the last step: unlike the clock it hardly depends on what else the machine does. */
  readonly coreSecondsPerImage: number;
}

const options = new Command("bench:memory")
  .description("Peak memory of training steps against the batch size.")
  .addOption(new Option("--model <name>", "one model").choices(Object.keys(memoryModels)))
  .addOption(new Option("--variant <name...>", "some variants").choices(Object.keys(memoryVariants)))
  .option("--steps <count>", "steps of each", wholeNumber(1), 3)
  .option("--threads <count>", "threads", wholeNumber(1), 2)
  .option("--limit <gigabytes>", "leave out what is expected to take more", wholeNumber(1), 12)
  .option("--batch <sizes>", "batches, separated by commas", (text) => text.split(",").map(Number))
  .parse()
  .opts();

const { processor, cores, memoryBytes, node, onnxRuntime } = await describeMachine();
console.log(
  `${processor}, ${cores} cores, ${gigabytes(memoryBytes)} GB, Node ${node}, onnxruntime-node ${onnxRuntime}`,
);
for (const [name, model] of Object.entries(memoryModels)) {
  if (options.model !== undefined && options.model !== name) continue;
  const batches = options.batch ?? model.batches;
  const header = batches.map((batch) => ` batch ${batch} |`).join("");
  console.log(`\n${model.title}: GB (core-seconds per image)\n\n| |${header}`);
  console.log(`|---|${batches.map(() => "---:|").join("")}`);
  for (const variant of options.variant ?? Object.keys(memoryVariants)) {
    const cells = await measure(name, variant, batches);
    console.log(`| ${memoryVariants[variant]?.title} | ${cells.map(formatCell).join(" | ")} |`);
  }
}

/** One row; `undefined` where the batch before says that it would take more than the limit. */
async function measure(
  model: string,
  variant: string,
  batches: readonly number[],
): Promise<(Cell | undefined)[]> {
  const cells: (Cell | undefined)[] = [];
  let expected = 0;
  for (const [index, batch] of batches.entries()) {
    if (expected > options.limit * 1e9) {
      cells.push(undefined);
      continue;
    }
    const cell = await measureCell(`${model}/${variant}/${batch}`, batch);
    process.stderr.write(`${model} ${variant} ${batch}: ${formatCell(cell)}\n`);
    cells.push(cell);
    expected = (cell.peakBytes * (batches[index + 1] ?? batch)) / batch;
  }
  return cells;
}

async function measureCell(section: string, batch: number): Promise<Cell> {
  const worker = await BenchProcess.ours(section, options.threads);
  let coreSeconds = 0;
  for (let step = 0; step < options.steps; step++) coreSeconds = (await worker.timedStep()).coreSeconds;
  const peakBytes = await worker.peakBytes();
  await worker.close();
  return { peakBytes, coreSecondsPerImage: coreSeconds / batch };
}

function formatCell(cell: Cell | undefined): string {
  if (cell === undefined) return "–";
  return `${gigabytes(cell.peakBytes)} (${cell.coreSecondsPerImage.toFixed(2)})`;
}

function gigabytes(bytes: number): string {
  return (bytes / 1e9).toFixed(2);
}
