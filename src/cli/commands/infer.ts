import { Command, Option } from "@commander-js/extra-typings";
import { DEFAULT_OVERLAP, type InferResult, inferImages } from "../../inference/index.js";
import {
  deviceOption,
  fraction,
  jsonOption,
  outOption,
  overwriteOption,
  path,
  positiveNumber,
} from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam infer --run run images --out results
  $ epsam infer --run run dataset/test/image --out results --stage preliminary
  $ epsam infer --run run images --out results --mpp 0.5 --resume

Each image gives masks/NAME.png, probabilities/NAME.png (0-255), heatmaps/NAME.png, overlays/NAME.png and
results/NAME.json. Images larger than the run's patches are segmented in overlapping tiles; they must have the
magnification of the training patches. An overlap of 0.25 takes about half the time of 0.5.
Images that cannot be read are left out and named; the exit code is then 3.`;

/** `epsam infer`: masks, heat maps and areas of images of any size. */
export function inferCommand() {
  return new Command("infer")
    .description("segment patches and images of any size with a trained run")
    .argument(
      "<inputs...>",
      "image files, folders of images, or datasets",
      (text, earlier: readonly string[] = []) => [...earlier, path(text)],
    )
    .addOption(
      new Option("--run <directory>", "run directory from `epsam train`")
        .argParser(path)
        .makeOptionMandatory(),
    )
    .addOption(outOption("where to write the results").makeOptionMandatory())
    .addOption(
      new Option(
        "--stage <name>",
        "whose decoder to use: untrained, preliminary, round-1, ... (default: the last finished one)",
      ),
    )
    .addOption(
      new Option(
        "--gate <probability>",
        "tumour probability from which a tile is segmented (default: the run's)",
      ).argParser(fraction),
    )
    .addOption(
      new Option("--overlap <share>", "least overlap of neighbouring tiles, 0 to 0.9 of their side")
        .argParser(fraction)
        .default(DEFAULT_OVERLAP),
    )
    .addOption(new Option("--mpp <microns>", "microns per pixel, for areas in µm²").argParser(positiveNumber))
    .addOption(deviceOption())
    .addOption(new Option("--resume", "leave out images whose results are there already"))
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) =>
      runCommand({ ...options, resumeHint: "Go on with the same command and --resume." }, async (context) =>
        outcomeOf(await inferImages({ ...options, ...context, inputs })),
      ),
    );
}

function outcomeOf(result: InferResult): CommandOutcome {
  return {
    json: result,
    text: describeResult(result),
    status: result.skipped.length > 0 ? "someSkipped" : "done",
  };
}

function describeResult({ root, images, resumed, skipped }: InferResult): string {
  const lines = [`Results of ${images.length} images in ${root}`];
  if (resumed > 0) lines.push(`  ${resumed} of them were there already`);
  for (const { file, tumour } of images) {
    const share = `${(100 * tumour.fraction).toFixed(1)} %`.padStart(8);
    const area = tumour.squareMicrons === null ? "" : `  ${Math.round(tumour.squareMicrons)} µm²`;
    lines.push(`  ${share} tumour${area}  ${file}`);
  }
  for (const { file, reason } of skipped) lines.push(`  skipped  ${file}: ${reason}`);
  return lines.join("\n");
}
