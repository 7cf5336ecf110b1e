import { Command } from "@commander-js/extra-typings";
import { isEpSamError } from "../../src/common/index.js";
import { loadGolden, type SectionResult } from "./golden.js";
import { isWithinTolerance, type ParityReport, runParity } from "./run-parity.js";

const NAME_WIDTH = 62;
const NUMBER_WIDTH = 10;

const program = new Command("parity")
  .description("recomputes a directory of golden values and compares")
  .argument("<dir>", "directory with golden.json and the files beside it")
  .option("--sections <names>", "compare only these sections, separated by commas", (text) => text.split(","))
  .addHelpText("after", "\nExample:\n  npm run parity -- ../shared/golden")
  .action(async (directory, { sections }) => {
    const golden = await loadGolden(directory);
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
