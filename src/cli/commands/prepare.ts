import { Command, InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { type PreparationResult, prepareDataset, SPLITS } from "../../dataset/index.js";
import {
  fraction,
  jsonOption,
  outOption,
  overwriteOption,
  path,
  positiveNumber,
  seedOption,
  wholeNumber,
} from "../options.js";
import { type CommandOutcome, runCommand } from "../run-command.js";

const HELP = `
Examples:
  $ epsam prepare images --masks masks --patch-size 256 --stride 128 --split 60,10,15 --out dataset
  $ epsam prepare patches --out dataset          patches named <id>_0.png and <id>_1.png, or with a labels.csv

Inputs that cannot be read are skipped and named; the exit code is then 3.`;

/** `epsam prepare`: images and masks, or ready patches, become a dataset directory. */
export function prepareCommand() {
  return new Command("prepare")
    .description("cut patches from images and masks, or take ready patches, and make a dataset")
    .argument("<inputs...>", "folders of images or image files", (text, earlier: readonly string[] = []) => [
      ...earlier,
      path(text),
    ])
    .addOption(outOption("the dataset directory to make").makeOptionMandatory())
    .addOption(
      new Option("--masks <folder>", "masks, named like the images, or with _mask or _anno").argParser(path),
    )
    .addOption(
      new Option("--as <kind>", "what the inputs are, when it is not clear").choices([
        "images",
        "patches",
      ] as const),
    )
    .addOption(
      new Option("--patch-size <pixels>", "width and height of a patch (default: 512)").argParser(
        wholeNumber(1),
      ),
    )
    .addOption(
      new Option("--stride <pixels>", "from one patch to the next (default: the patch size)").argParser(
        wholeNumber(1),
      ),
    )
    .addOption(
      new Option("--border <rule>", "add a last row and column flush with the border, or drop the remainder")
        .choices(["align", "drop"] as const)
        .default("align" as const),
    )
    .addOption(
      new Option("--positive-range <low,high>", "tumour fraction of positive patches")
        .argParser(rangeOfFractions)
        .default([0.2, 0.9] as const, "0.2,0.9"),
    )
    .addOption(
      new Option("--negative-limit <fraction>", "highest tumour fraction of negative patches")
        .argParser(fraction)
        .default(0),
    )
    .addOption(
      new Option("--max-positives <count>", "of each split, evenly over bins of tumour fraction").argParser(
        wholeNumber(0),
      ),
    )
    .addOption(
      new Option("--max-negatives <count>", "of each split, drawn by the seed").argParser(wholeNumber(0)),
    )
    .addOption(
      new Option(
        "--evaluation-patches <which>",
        "val and test: patches sampled as for training, or all of them",
      )
        .choices(["sampled", "all"] as const)
        .default("sampled" as const),
    )
    .addOption(
      new Option("--split <train,val,test>", "shares of the source images, or their numbers")
        .argParser(shares)
        .default([70, 10, 20] as const, "70,10,20"),
    )
    .addOption(
      new Option("--patients <csv>", "table with the columns image, patient, optionally split").argParser(
        path,
      ),
    )
    .addOption(
      new Option("--mask-values <rule>", "binary; any: all but 0 is tumour; a number: it and all above are")
        .argParser(maskValues)
        .default("binary" as const),
    )
    .addOption(
      new Option("--mpp <microns>", "microns per pixel, recorded in the manifest").argParser(positiveNumber),
    )
    .addOption(seedOption().default(0))
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, { as, ...options }) =>
      runCommand(options, async ({ reporter, signal }) =>
        outcomeOf(await prepareDataset({ ...options, inputs, inputKind: as, reporter, signal })),
      ),
    );
}

function numbers(text: string, count: number): number[] | null {
  const values = text
    .split(",")
    .map((part) => (/^\s*\d+(\.\d+)?\s*$/.test(part) ? Number(part) : Number.NaN));
  return values.length === count && values.every(Number.isFinite) ? values : null;
}

function rangeOfFractions(text: string): readonly [number, number] {
  const [low, high] = numbers(text, 2) ?? [];
  if (low !== undefined && high !== undefined && low <= high && high <= 1) return [low, high];
  throw new InvalidArgumentError("Give two fractions from 0 to 1, the smaller first, such as 0.2,0.9.");
}

function shares(text: string): readonly [number, number, number] {
  const [train, val, test] = numbers(text, 3) ?? [];
  if (train !== undefined && val !== undefined && test !== undefined && train + val + test > 0) {
    return [train, val, test];
  }
  throw new InvalidArgumentError(
    "Give three numbers for train, val and test, such as 60,10,15 or 0.7,0.1,0.2.",
  );
}

function maskValues(text: string): "binary" | "any" | number {
  if (text === "binary" || text === "any") return text;
  if (/^\d+$/.test(text) && Number(text) > 0) return Number(text);
  throw new InvalidArgumentError("Choose binary, any, or the lowest value that means tumour, such as 128.");
}

function outcomeOf(result: PreparationResult): CommandOutcome {
  return {
    json: result,
    text: describeResult(result),
    status: result.skipped.length > 0 ? "someSkipped" : "done",
  };
}

function describeResult({ root, patchSize, counts, discarded, skipped }: PreparationResult): string {
  const lines = [`Dataset of ${patchSize} x ${patchSize} patches in ${root}`];
  for (const split of SPLITS) {
    const { positive, negative } = counts[split];
    lines.push(
      `  ${split.padEnd(5)} ${String(positive).padStart(6)} positive ${String(negative).padStart(6)} negative`,
    );
  }
  const { belowPositiveRange, abovePositiveRange, overLimit } = discarded;
  if (belowPositiveRange + abovePositiveRange + overLimit > 0) {
    lines.push(
      `  discarded: ${belowPositiveRange} with too little tumour for a positive, ${abovePositiveRange} with too much, ` +
        `${overLimit} over a limit`,
    );
  }
  if (skipped.length > 0)
    lines.push(`${skipped.length} inputs were skipped; they are listed in dataset.json.`);
  lines.push(`Next: epsam train --data ${/^[\w./-]+$/.test(root) ? root : `"${root}"`} --out RUN`);
  return lines.join("\n");
}
