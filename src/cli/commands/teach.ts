import { Command } from "@commander-js/extra-typings";
import { inferenceSettings } from "../../contract/index.js";
import { keepTaughtRun } from "../../inference/index.js";
import { deviceFor } from "../device-choice.js";
import {
  cacheGigabytesOption,
  deviceOption,
  input,
  jsonOption,
  numberSetting,
  outOption,
  overwriteOption,
  path,
  shownCommandLine,
} from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam teach slide.tif --labelled-squares squares.csv --out taught
  $ epsam teach slide.tif --labelled-squares squares.csv --run run --out taught
  $ epsam teach slide.tif --labelled-squares more.csv --run taught --out better    from the head of taught
  $ epsam infer slide.tif --run taught --out results

The file has the columns slide, x, y, size (pixels of full resolution) and tumour (1 mostly, 0 mostly not); both kinds
are needed, ten squares are a good beginning. \`epsam view\` makes them with clicks. The run keeps them.`;

/** `epsam teach`: a run of labelled squares of a slide. */
export function teachCommand() {
  return new Command("teach")
    .argument("<slide>", "the slide that the squares lie on", input)
    .requiredOption("--labelled-squares <file>", "CSV with slide, x, y, size, tumour", path)
    .option(
      "--run <directory>",
      "run whose decoder is adapted, or, if squares made it, whose head is taught on (default: a new head)",
      path,
    )
    .addOption(outOption("where to write the run").makeOptionMandatory())
    .option(
      "--mpp <microns>",
      "microns per pixel of a slide that does not tell them",
      numberSetting(inferenceSettings.shape.mpp),
    )
    .addOption(deviceOption())
    .addOption(overwriteOption())
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((slide, { device, json, ...options }) =>
      runCommand({ json }, async ({ reporter, signal }): Promise<CommandOutcome> => {
        const taught = await keepTaughtRun({
          ...options,
          ...{
            slide,
            reporter,
            signal,
            device: deviceFor(device, reporter),
            commandLine: shownCommandLine(),
          },
        });
        const { tumour, other } = taught.squares;
        return {
          status: "done",
          json: { ...taught },
          text: `Taught with ${tumour} squares of tumour and ${other} of other tissue: ${taught.root}`,
        };
      }),
    );
}
