import { Command, Option } from "@commander-js/extra-typings";
import { deviceOption, wholeNumber } from "../src/cli/options.js";
import { chooseDevice, type DeviceRequest } from "../src/graph/index.js";
import { BenchProcess, defaultPython } from "./bench-process.js";
import { DeviceMemoryWatch } from "./device-memory.js";
import { describeMachine, isBusy, type Machine } from "./machine.js";
import { memorySections, type Section, sections, tinySections } from "./sections.js";

// Seconds per image of each kind of training and inference step, beside PyTorch's on the same shapes in the same run.

/** One side's steps of one section. */
interface Timing {
  /** Median over the counted steps. */
  readonly secondsPerImage: number;
  readonly fastest: number;
  readonly slowest: number;
  readonly peakBytes: number;
  /** On the device, beyond what was in use before; undefined on the CPU and where no driver tells. */
  readonly devicePeakBytes: number | undefined;
}

interface SectionTimes {
  readonly section: string;
  readonly title: string;
  readonly ours: Timing;
  readonly pyTorch: Timing | undefined;
  /** PyTorch's time over ours. */
  readonly ratio: number | undefined;
  readonly target: number | undefined;
}

const program = new Command("bench:training")
  .description("Times our training and inference steps beside PyTorch's.")
  .addOption(
    new Option("--only <section>", "one section").choices([
      ...new Set([...Object.keys(sections), ...Object.keys(memorySections), ...Object.keys(tinySections)]),
    ]),
  )
  .option("--repeats <count>", "counted steps of each side", wholeNumber(1), 7)
  .option("--warm-up <count>", "steps before, which are not counted", wholeNumber(0), 2)
  .option("--threads <count>", "threads of each side", wholeNumber(1), 2)
  .option("--python <file>", "interpreter that has PyTorch (also EPSAM_PYTHON)", defaultPython())
  .addOption(deviceOption().default("cpu" as DeviceRequest))
  .option("--memory", "measure the peak memory of the largest steps instead of times")
  .option("--json", "print one JSON document")
  .parse();
const options = program.opts();

const machine = await describeMachine(options.python);
const { device, reason: deviceText } = await chooseDevice(options.device);
if (options.json !== true) printMachine(machine);
if (options.memory === true) await measureMemory();
else await measureTimes();

async function measureTimes(): Promise<void> {
  const results: SectionTimes[] = [];
  const asked = options.only === undefined ? sections : { ...sections, ...tinySections };
  for (const [name, section] of chosen(asked)) {
    process.stderr.write(`${section.title}…\n`);
    results.push(await timeSection(name, section));
  }
  if (options.json === true) console.log(JSON.stringify({ machine, results }, null, 2));
  else printTimes(results);
}

/** The section that `--only` names, or all. */
function chosen<Of>(from: Readonly<Record<string, Of>>): [string, Of][] {
  return Object.entries(from).filter(([name]) => options.only === undefined || options.only === name);
}

/** Steps of both sides in turn, one at a time, so that a slow spell of the machine meets both. */
async function timeSection(name: string, section: Section): Promise<SectionTimes> {
  const compared = section.inPyTorch && machine.pyTorch !== undefined && device.name === "cpu";
  const watch = device.name === "cpu" ? undefined : await DeviceMemoryWatch.start();
  const ours = await BenchProcess.ours(name, options.threads, device.name);
  const theirs = compared ? await BenchProcess.pyTorch(name, options.threads, options.python) : undefined;
  const seconds = { ours: [] as number[], theirs: [] as number[] };
  for (let step = 0; step < options.warmUp + options.repeats; step++) {
    seconds.ours.push(await ours.step());
    if (theirs !== undefined) seconds.theirs.push(await theirs.step());
  }
  const counted = (all: readonly number[]) => all.slice(options.warmUp).map((time) => time / section.images);
  const oursTiming = timing(counted(seconds.ours), await ours.peakBytes(), watch?.stop());
  const theirsTiming = theirs && timing(counted(seconds.theirs), await theirs.peakBytes());
  await Promise.all([ours.close(), theirs?.close()]);
  return {
    section: name,
    title: section.title,
    ours: oursTiming,
    pyTorch: theirsTiming,
    ratio: theirsTiming && theirsTiming.secondsPerImage / oursTiming.secondsPerImage,
    target: section.target,
  };
}

function timing(times: readonly number[], peakBytes: number, devicePeakBytes?: number): Timing {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return {
    secondsPerImage: (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2,
    fastest: at(0),
    slowest: at(sorted.length - 1),
    peakBytes,
    devicePeakBytes,
  };
}

/** Peak memory after a few steps (it still grows at the second), each section in a process of its own. */
async function measureMemory(): Promise<void> {
  const results: MemoryPeak[] = [];
  for (const [name, { title, limitBytes }] of chosen(memorySections)) {
    process.stderr.write(`${title}…\n`);
    const watch = device.name === "cpu" ? undefined : await DeviceMemoryWatch.start();
    const ours = await BenchProcess.ours(name, options.threads, device.name);
    for (let step = 0; step < 3; step++) await ours.step();
    const devicePeakBytes = watch?.stop();
    results.push({ section: name, title, peakBytes: await ours.peakBytes(), devicePeakBytes, limitBytes });
    await ours.close();
  }
  if (options.json === true) console.log(JSON.stringify({ machine, results }, null, 2));
  else {
    console.log("\n| step | peak memory | on the device | limit |\n| --- | ---: | ---: | ---: |");
    for (const { title, peakBytes, devicePeakBytes, limitBytes } of results) {
      const cells = [title, gigabytes(peakBytes), deviceGigabytes(devicePeakBytes), gigabytes(limitBytes)];
      console.log(`| ${cells.join(" | ")} |`);
    }
  }
  const isAbove = ({ peakBytes, devicePeakBytes, limitBytes }: MemoryPeak) =>
    (devicePeakBytes ?? peakBytes) > limitBytes;
  if (results.some(isAbove)) process.exitCode = 1;
}

/** What a step took. */
interface MemoryPeak {
  readonly section: string;
  readonly title: string;
  readonly peakBytes: number;
  readonly devicePeakBytes: number | undefined;
  readonly limitBytes: number;
}

function deviceGigabytes(bytes: number | undefined): string {
  return bytes === undefined ? "n/a" : gigabytes(bytes);
}

function printMachine(of: Machine): void {
  const versions = `Node ${of.node}, ONNX Runtime ${of.onnxRuntime}, PyTorch ${of.pyTorch ?? "not installed"}`;
  console.log(`${of.processor}, ${of.cores} cores, ${gigabytes(of.memoryBytes)} memory; ${versions}`);
  console.log(`Device: ${deviceText}`);
  console.log(`${options.threads} threads; load average before the start: ${of.load.toFixed(2)}`);
  if (isBusy(of)) {
    console.log("WARNING: the machine is busy with other work; these times and ratios are not reliable.");
  }
  if (of.pyTorch === undefined && options.memory !== true) {
    console.log(
      `No comparison: ${options.python} has no PyTorch. Install Debian's with \`sudo apt-get install python3-torch\`, or ` +
        "give a virtual environment's interpreter with --python or EPSAM_PYTHON.",
    );
  }
}

function printTimes(results: readonly SectionTimes[]): void {
  console.log(
    "\n| step | ours, s per image (range) | PyTorch, s per image (range) | PyTorch / ours | target | peak memory, ours / PyTorch | on the device |",
  );
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
  for (const { title, ours, pyTorch, ratio, target } of results) {
    const cells = [
      title,
      secondsOf(ours),
      pyTorch === undefined ? "n/a" : secondsOf(pyTorch),
      ratio === undefined ? "n/a" : `${ratio.toFixed(2)}×`,
      target === undefined ? "" : `${target}×`,
      `${gigabytes(ours.peakBytes)} / ${pyTorch === undefined ? "n/a" : gigabytes(pyTorch.peakBytes)}`,
      deviceGigabytes(ours.devicePeakBytes),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
}

function secondsOf({ secondsPerImage, fastest, slowest }: Timing): string {
  return `${secondsPerImage.toFixed(3)} (${fastest.toFixed(3)}–${slowest.toFixed(3)})`;
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
