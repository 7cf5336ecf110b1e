import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { z } from "zod";
import { reportError } from "../src/cli/error-report.js";
import { numberSetting, numbersSetting, wholeNumber } from "../src/cli/options.js";
import { processTerminal } from "../src/cli/terminal.js";
import { TerminalReporter } from "../src/cli/terminal-reporter.js";
import { hashBytes, type Reporter, silentReporter } from "../src/common/index.js";
import { seedSetting } from "../src/contract/index.js";
import { type Device, device } from "../src/graph/index.js";
import { type PresetName, presetNames, readConfigFile } from "../src/run/index.js";
import { tryFolder } from "./accuracy/folder.js";
import { tryGlas } from "./accuracy/glas.js";
import { formatFigures, type StageFigures } from "./accuracy/image-figures.js";
import { tryRegions } from "./accuracy/regions.js";

// How well the recipe segments: from files to a table of stages, on images that take no part in the training.

const program = new Command("bench:accuracy").description(
  "Trains from weak labels alone and compares whole test images with their masks, stage by stage.",
);

/** What all trials share. */
interface TrialOptions {
  readonly seeds: readonly number[];
  readonly preset: PresetName;
  readonly config?: string | undefined;
  readonly out: string;
  readonly json?: true | undefined;
}

type Trial = Pick<TrialOptions, "preset"> & {
  readonly seed: number;
  readonly overrides: unknown;
  readonly out: string;
  readonly device: Device;
  readonly reporter: Reporter;
};

/**
 * Tries every seed and prints the figures.
 * @param asked what tells one trial from another beside seed, preset and configuration; each has a folder of its own
 */
async function report(
  asked: readonly unknown[],
  { seeds: wanted, preset, config, out: folder, json }: TrialOptions,
  attempt: (trial: Trial) => Promise<StageFigures[]>,
): Promise<void> {
  const overrides = config === undefined ? {} : await readConfigFile(config);
  const out = resolve(folder, hashBytes(JSON.stringify([asked, preset, overrides])).slice(0, 12));
  const reporter = json === true ? silentReporter : new TerminalReporter(processTerminal());
  const stages: StageFigures[] = [];
  for (const seed of wanted) {
    const trial = { seed, preset, overrides, out, device: device(), reporter };
    stages.push(...(await attempt(trial)));
  }
  process.stdout.write(json === true ? `${JSON.stringify({ stages })}\n` : `${formatFigures(stages)}\n`);
}

const seedsOption = () =>
  new Option("--seeds <list>", "seeds, separated by commas")
    .argParser(numbersSetting(z.array(seedSetting)))
    .default<readonly number[]>([0]);
const presetOption = () => new Option("--preset <name>").choices(presetNames).default("laptop" as const);
const outDefault = join(tmpdir(), "epsam-accuracy");
const [configText, outText, jsonText] = [
  "values that differ from the preset",
  "where data sets and runs are kept, each trial in a folder of its own; one that was killed goes on there",
  "print one JSON document",
];

program
  .command("glas")
  .description("Images with masks, of which the training sees labels of windows alone.")
  .requiredOption("--images <folder>", "images to learn from, and to test on without --test-images")
  .requiredOption("--masks <folder>", "their masks; any value but 0 is foreground")
  .option("--test-images <folder>", "images to test on, never learned from")
  .option("--test-masks <folder>", "their masks")
  .addOption(seedsOption())
  .addOption(presetOption())
  .option("--config <file>", configText)
  .option("--out <folder>", outText, join(outDefault, "glas"))
  .option("--json", jsonText)
  .action((options) => {
    const folders = [options.images, options.masks, options.testImages, options.testMasks];
    const asked = folders.map((folder) => folder && resolve(folder));
    return report(asked, options, (trial) => tryGlas({ ...options, ...trial }));
  });

program
  .command("regions")
  .description("Annotated slides; each in turn is left out and segmented by what learned from the others.")
  .argument("<slides...>", "slides small enough to be read whole")
  .requiredOption("--annotations <folder>", "annotations named like the slides")
  .option("--mpp <number>", "microns per pixel of the patches", numberSetting(z.number().positive()), 0.5)
  .option(
    "--labelled-windows <number>",
    "a further stage: adapted to so many labelled windows of the slide left out",
    wholeNumber(0),
    0,
  )
  .addOption(seedsOption())
  .addOption(presetOption())
  .option("--config <file>", configText)
  .option("--out <folder>", outText, join(outDefault, "regions"))
  .option("--json", jsonText)
  .action((slides, options) => {
    const asked = [...slides, options.annotations].map((path) => resolve(path));
    return report([...asked, options.mpp], options, (trial) => tryRegions({ ...options, ...trial, slides }));
  });

program
  .command("folder")
  .description("A dataset of your own, as `epsam prepare` makes them, whose test patches have pixel masks.")
  .argument("<dataset>", "the dataset")
  .addOption(seedsOption())
  .addOption(presetOption())
  .option("--config <file>", configText)
  .option("--out <folder>", outText, join(outDefault, "folder"))
  .option("--json", jsonText)
  .action((data, options) =>
    report([resolve(data)], options, (trial) => tryFolder({ ...options, ...trial, data })),
  );

await program.parseAsync().catch((failure: unknown) => {
  process.exitCode = reportError(failure, processTerminal(), process.argv.includes("--json"));
});
