import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "@commander-js/extra-typings";
import { processTerminal } from "../src/cli/terminal.js";
import { TerminalReporter } from "../src/cli/terminal-reporter.js";
import { silentReporter } from "../src/common/index.js";
import { device } from "../src/graph/index.js";
import { presetNames, readConfigFile } from "../src/run/index.js";
import { tryGlas } from "./accuracy/glas.js";
import { formatFigures, type StageFigures } from "./accuracy/image-figures.js";

// How well the recipe segments: from files to a table of stages, on images that take no part in the training.

const program = new Command("bench:accuracy").description(
  "Trains from weak labels alone and compares whole test images with their masks, stage by stage.",
);

const seeds = (text: string): number[] => text.split(",").map(Number);

program
  .command("glas")
  .description("Images with masks, of which the training sees labels of windows alone.")
  .requiredOption("--images <folder>", "images to learn from, and to test on without --test-images")
  .requiredOption("--masks <folder>", "their masks; any value but 0 is foreground")
  .option("--test-images <folder>", "images to test on, never learned from")
  .option("--test-masks <folder>", "their masks")
  .option("--seeds <list>", "seeds, separated by commas", seeds, [0])
  .addOption(new Option("--preset <name>").choices(presetNames).default("windows"))
  .option("--config <file>", "values that differ from the preset")
  .option("--out <folder>", "where data sets and runs are kept", join(tmpdir(), "epsam-accuracy"))
  .option("--json", "print one JSON document")
  .action(async ({ json, config, out, seeds: wanted, ...options }) => {
    const overrides = config === undefined ? {} : await readConfigFile(config);
    const stages: StageFigures[] = [];
    for (const seed of wanted) {
      const reporter = json === true ? silentReporter : new TerminalReporter(processTerminal());
      stages.push(
        ...(await tryGlas({ ...options, seed, overrides, out: resolve(out), device: device(), reporter })),
      );
    }
    process.stdout.write(json === true ? `${JSON.stringify({ stages })}\n` : `${formatFigures(stages)}\n`);
  });

await program.parseAsync();
