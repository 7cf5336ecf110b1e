import { Command } from "@commander-js/extra-typings";
import { deviceOption } from "../../src/cli/options.js";
import { isEpSamError } from "../../src/common/index.js";
import { chooseDevice, type DeviceRequest } from "../../src/graph/index.js";
import { loadGolden, type SectionResult } from "./golden.js";
import { isWithinTolerance, type ParityReport, runParity } from "./run-parity.js";

const NAME_WIDTH = 62;
const NUMBER_WIDTH = 10;

const HELP = `
Examples:
  npm run parity -- ../shared/golden
  npm run parity -- ../shared/golden --device webgpu --sections sam_points,classifier_eval`;

const program = new Command("parity")
  .description("recomputes a directory of golden values and compares")
  .argument("<dir>", "directory with golden.json and the files beside it")
  .option("--sections <names>", "compare only these sections, separated by commas", (text) => text.split(","))
  .addOption(deviceOption().default("cpu" as DeviceRequest))
  .addHelpText("after", HELP)
  .action(async (directory, { sections, device: request }) => {
    const { device, reason } = await chooseDevice(request);
    print(`on ${reason}\n`);
    const golden = await loadGolden(directory, device);
    print(tableRow("section", "error", "tolerance", "worst at"));
    const report = await runParity(golden, sections, (result) => print(resultRow(result)));
    print(summaryOf(report));
    process.exitCode = report.passed ? 0 : 1;
  });

try {
  await program.parseAsync();
} catch (cause) {
  if (!isEpSamError(cause)) throw cause;
  process.stderr.write(`${cause.message}\n`);
  process.exitCode = 1;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function tableRow(section: string, error: string, tolerance: string, rest: string): string {
  return `${section.padEnd(NAME_WIDTH)}${error.padStart(NUMBER_WIDTH)}${tolerance.padStart(NUMBER_WIDTH + 1)}  ${rest}`;
}

function resultRow(result: SectionResult): string {
  const { section, largestRelativeError, tolerance, worst = "" } = result;
  const verdict = isWithinTolerance(result) ? worst : `${worst}  EXCEEDED`;
  return tableRow(section, largestRelativeError.toExponential(1), tolerance.toExponential(1), verdict);
}

function summaryOf({ results, failures, passed }: ParityReport): string {
  const exceeded = results.filter((result) => !isWithinTolerance(result));
  const lines = [
    ...failures.map(({ section, reason }) => `FAILED ${section}: ${reason}`),
    ...exceeded.map(({ section }) => `FAILED ${section}: the tolerance is exceeded`),
  ];
  return ["", ...lines, passed ? `All ${results.length} comparisons passed.` : "Parity is NOT given."].join(
    "\n",
  );
}
