import { Command, Option } from "@commander-js/extra-typings";
import { wholeNumber } from "../src/cli/options.js";
import { BenchProcess, type StepTime } from "./bench-process.js";
import { encoderSections } from "./encoder-sections.js";
import { describeMachine, isBusy } from "./machine.js";

// Seconds per image and peak memory of SAM's image encoders, beside PyTorch's of the same weights in the same run.

const program = new Command("bench:encoder")
  .description("Times SAM's image encoders beside PyTorch's.")
  .addOption(
    new Option("--variant <name>", "size of the encoder")
      .choices(Object.keys(encoderSections))
      .default("vit-b"),
  )
  .option("--repeats <count>", "counted runs of each side", wholeNumber(1), 3)
  .option("--warm-up <count>", "runs before, which are not counted", wholeNumber(0), 1)
  .option("--threads <count>", "threads of each side", wholeNumber(1), 2)
  .option("--ours-only", "leave PyTorch out")
  .option("--json", "print one JSON document")
  .parse();
const { variant, repeats, warmUp, threads, oursOnly, json } = program.opts();

const machine = await describeMachine();
const section = encoderSections[variant];
if (section === undefined) throw new RangeError(`no encoder is called ${variant}`);
const compared = machine.pyTorch !== undefined && oursOnly !== true;

const ours = await BenchProcess.ours(variant, threads);
const theirs = compared ? await BenchProcess.pyTorch(variant, threads) : undefined;
const times = { ours: [] as StepTime[], theirs: [] as StepTime[] };
// In turn, so that a slow spell of the machine meets both.
for (let run = 0; run < warmUp + repeats; run++) {
  times.ours.push(await ours.timedStep());
  if (theirs !== undefined) times.theirs.push(await theirs.timedStep());
}
const result = {
  variant,
  ours: { ...spread(times.ours), peakBytes: await ours.peakBytes() },
  pyTorch: theirs && { ...spread(times.theirs), peakBytes: await theirs.peakBytes() },
};
await Promise.all([ours.close(), theirs?.close()]);

if (json === true) console.log(JSON.stringify({ machine, threads, result }, null, 2));
else print();
if (section.limitBytes !== undefined && result.ours.peakBytes > section.limitBytes) process.exitCode = 1;

function spread(all: readonly StepTime[]) {
  const sorted = (key: keyof StepTime) =>
    all
      .slice(warmUp)
      .map((time) => time[key])
      .sort((a, b) => a - b);
  const seconds = sorted("seconds");
  return {
    median: middle(seconds),
    fastest: seconds[0] ?? Number.NaN,
    slowest: seconds.at(-1) ?? Number.NaN,
    coreSeconds: middle(sorted("coreSeconds")),
  };
}

function middle(sorted: readonly number[]): number {
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
}

function print(): void {
  console.log(
    `${machine.processor}, ${machine.cores} cores, ${threads} threads; load before: ${machine.load.toFixed(2)}`,
  );
  if (isBusy(machine))
    console.log("WARNING: the machine is busy with other work; these times are not reliable.");
  console.log(`${section?.title}`);
  console.log(`  ours     ${line(result.ours)}`);
  if (result.pyTorch === undefined) return;
  console.log(`  PyTorch  ${line(result.pyTorch)}`);
  const ratio = (key: "median" | "coreSeconds") =>
    ((result.pyTorch?.[key] ?? Number.NaN) / result.ours[key]).toFixed(2);
  console.log(`  PyTorch / ours: ${ratio("median")}× by the clock, ${ratio("coreSeconds")}× in core-seconds`);
}

function line(of: ReturnType<typeof spread> & { readonly peakBytes: number }): string {
  const range = `${of.fastest.toFixed(2)}–${of.slowest.toFixed(2)}`;
  return `${of.median.toFixed(2)} s (${range}), ${of.coreSeconds.toFixed(2)} core-seconds, peak memory ${(of.peakBytes / 1e9).toFixed(2)} GB`;
}
