import { Command, Option } from "@commander-js/extra-typings";
import { EpSamError } from "../../common/index.js";
import {
  findSlideFiles,
  type PreparationResult,
  prepareDataset,
  prepareSlides,
  profileNames,
  type SlidePreparationResult,
} from "../../dataset/index.js";
import { writeCorrectionFiles } from "../../server/index.js";
import {
  exclusionGroupsOption,
  GROUP_OPTIONS,
  type GroupOptions,
  groupRules,
  ignoreGroupsOption,
  tumourGroupsOption,
} from "../group-options.js";
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
import { outcomeWithSkipped, runCommand } from "../run-command.js";
import { describePreparation } from "./prepare-text.js";
import { maskValues, rangeOfFractions, shares, tissueRule } from "./prepare-values.js";

const HELP = `
Examples:
  $ epsam prepare images --masks masks --patch-size 256 --stride 128 --split 60,10,15 --out dataset
  $ epsam prepare patches --out dataset          patches named <id>_0.png and <id>_1.png, or with a labels.csv
  $ epsam prepare slides --annotations xml --mpp 0.5 --out dataset
  $ epsam prepare CAMELYON17/images --annotations CAMELYON17/annotations --profile camelyon17 --out dataset
  $ epsam prepare slides --from-annotations epsam-view --split 1,0,0 --out corrections     corrections of \`epsam view\`

Inputs that cannot be read are skipped and named; the exit code is then 3. Work on slides that was interrupted
goes on when the same command is given again.`;

/** `epsam prepare`: slides and annotations, images and masks, or ready patches become a dataset directory. */
export function prepareCommand() {
  return new Command("prepare")
    .argument(
      "<inputs...>",
      "folders of slides or images, or such files",
      (text, earlier: readonly string[] = []) => [...earlier, path(text)],
    )
    .addOption(outOption("the dataset directory to make").makeOptionMandatory())
    .addOption(
      new Option("--masks <folder>", "masks, named like the images, or with _mask or _anno").argParser(path),
    )
    .addOption(
      new Option("--as <kind>", "what the inputs are, when it is not clear").choices([
        "images",
        "patches",
        "slides",
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
      new Option(
        "--mpp <microns>",
        "microns per pixel: slides are resampled to it, for images it is recorded",
      ).argParser(positiveNumber),
    )
    .addOption(
      new Option(
        "--annotations <folder>",
        "slides: ASAP XML, GeoJSON or Camelyon JSON, named like them",
      ).argParser(path),
    )
    .addOption(
      new Option(
        "--from-annotations <state>",
        "slides: the corrections that `epsam view` saved in this state directory",
      ).argParser(path),
    )
    .addOption(
      new Option(
        "--unmarked <rule>",
        "slides: what is not marked: unknown (default of --from-annotations), or free of tumour",
      ).choices(["unknown", "normal"] as const),
    )
    .addOption(
      new Option("--level <number>", "slides: the pyramid level to read (default: 0)").argParser(
        wholeNumber(0),
      ),
    )
    .addOption(
      new Option(
        "--mpp-csv <csv>",
        "slides: table with the columns slide, mpp, for files that do not tell",
      ).argParser(path),
    )
    .addOption(
      new Option("--profile <name>", "slides: the authors' slides, splits and numbers of patches").choices(
        profileNames,
      ),
    )
    .addOption(
      new Option(
        "--split-csv <csv>",
        "slides: table with the columns slide, split, optionally patient",
      ).argParser(path),
    )
    .addOption(tumourGroupsOption())
    .addOption(exclusionGroupsOption())
    .addOption(ignoreGroupsOption())
    .addOption(
      new Option(
        "--splines <rule>",
        "slides: ASAP's splines as they are drawn, or as its masks take them",
      ).choices(["curve", "straight"] as const),
    )
    .addOption(
      new Option(
        "--unannotated <rule>",
        "slides without annotations: skip them (default), or free of tumour",
      ).choices(["skip", "normal"] as const),
    )
    .addOption(
      new Option(
        "--tissue <rule>",
        "slides: otsu (default), all, or the least saturation of tissue",
      ).argParser(tissueRule),
    )
    .addOption(
      new Option(
        "--min-tissue <fraction>",
        "slides: least share of tissue in a patch (default: 0.1)",
      ).argParser(fraction),
    )
    .addOption(seedOption().default(0))
    .addOption(overwriteOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) =>
      runCommand({ ...options, resumeHint: RESUME_HINT }, async ({ reporter, signal }) => {
        const result = await prepare({ ...options, inputs, reporter, signal });
        return outcomeWithSkipped(result, describePreparation(result));
      }),
    );
}

const RESUME_HINT =
  "Slides: give the same command again to go on. Images and patches: nothing was written; it starts over.";

type ImageOptions = Parameters<typeof prepareDataset>[0];
type SlideOptions = Parameters<typeof prepareSlides>[0];

/** The options as the command line names them. */
interface PrepareCommandOptions
  extends Omit<ImageOptions, "inputKind">,
    Omit<SlideOptions, "annotations" | "groups" | "minimumTissue" | "mppTable" | "splitTable">,
    GroupOptions {
  readonly as?: "images" | "patches" | "slides" | undefined;
  readonly annotations?: string | undefined;
  readonly fromAnnotations?: string | undefined;
  readonly mppCsv?: string | undefined;
  readonly splitCsv?: string | undefined;
  readonly minTissue?: number | undefined;
}

/** Options that mean something for slides alone, by their name on the command line. */
const SLIDE_OPTIONS = {
  profile: "--profile",
  level: "--level",
  mppCsv: "--mpp-csv",
  splitCsv: "--split-csv",
  ...GROUP_OPTIONS,
  splines: "--splines",
  unannotated: "--unannotated",
  unmarked: "--unmarked",
  tissue: "--tissue",
  minTissue: "--min-tissue",
} as const satisfies Partial<Record<keyof PrepareCommandOptions, string>>;

/** With annotations the inputs are slides; anything else is images or patches. */
async function prepare(given: PrepareCommandOptions): Promise<PreparationResult | SlidePreparationResult> {
  const options = await withCorrections(given);
  const { as, annotations, masks, mppCsv, splitCsv, minTissue } = options;
  const { tumourGroups, exclusionGroups, ignoreGroups, ...common } = options;
  if (annotations === undefined) {
    const slideOption = Object.entries(SLIDE_OPTIONS).find(([name]) => name in options)?.[1];
    if (as === "slides") throw withoutAnnotations("--as slides");
    if (slideOption !== undefined) throw withoutAnnotations(slideOption);
    return prepareDataset({ ...common, inputKind: as });
  }
  if (masks !== undefined) throw notTogether("--masks");
  if (as === "images" || as === "patches") throw notTogether(`--as ${as}`);
  return prepareSlides({
    ...common,
    annotations,
    mppTable: mppCsv,
    splitTable: splitCsv,
    minimumTissue: minTissue,
    groups: groupRules({ tumourGroups, exclusionGroups, ignoreGroups }),
  });
}

/** Corrections as annotation files; nobody may have looked at what they do not speak of. */
async function withCorrections({
  fromAnnotations,
  ...options
}: PrepareCommandOptions): Promise<PrepareCommandOptions> {
  if (fromAnnotations === undefined) return options;
  if (options.annotations !== undefined) {
    const action = "Give one of them.";
    const where = "--annotations and --from-annotations";
    throw new EpSamError("usage", { where, what: "are both given", action });
  }
  const slides = (await findSlideFiles(options.inputs)).map(({ path: file }) => file);
  const { folder } = await writeCorrectionFiles(fromAnnotations, slides);
  return { ...options, annotations: folder, unmarked: options.unmarked ?? "unknown" };
}

function withoutAnnotations(option: string): EpSamError {
  const action = "Give --annotations FOLDER.";
  return new EpSamError("usage", { where: option, what: "is for slides, which need annotations", action });
}

function notTogether(option: string): EpSamError {
  const action = "Give --annotations for slides, or leave it out for images and patches.";
  return new EpSamError("usage", { where: `--annotations and ${option}`, what: "are both given", action });
}
