import { join } from "node:path";
import { Command } from "@commander-js/extra-typings";
import { writeCorrectionFiles, writeSquareFiles } from "../../annotations/index.js";
import { collectPreparation, prepareInShard, prepareOnQueue, type Shard } from "../../cohort/index.js";
import { cacheDirectory, EpSamError } from "../../common/index.js";
import { type ClassMeaning, defaultOf, preparationSettings } from "../../contract/index.js";
import {
  listSlides,
  type PreparationResult,
  type PrepareOptions,
  type PrepareSlidesOptions,
  prepareDataset,
  prepareSlides,
  type SlidePreparationResult,
  squaresOf,
} from "../../dataset/index.js";
import {
  exclusionGroupsOption,
  GROUP_OPTIONS,
  type GroupOptions,
  groupRules,
  ignoreGroupsOption,
  tumourGroupsOption,
} from "../group-options.js";
import {
  anyResolutionOption,
  cacheGigabytesOption,
  collectOption,
  inputs,
  jsonOption,
  outOrBucketOption,
  overwriteOption,
  queueAddress,
  queueOption,
  seedOption,
  shardOption,
} from "../options.js";
import { type CommandOutcome, outcomeWithSkipped, runCommand } from "../run-command.js";
import { flagOf } from "../setting-flags.js";
import { prepareOptions } from "./prepare-options.js";
import { describeIncomplete, describePreparation, describeShard } from "./prepare-text.js";

const HELP = `
Examples:
  $ epsam prepare images --masks masks --patch-size 256 --stride 128 --split 60,10,15 --out dataset
  $ epsam prepare patches --out dataset          patches named <id>_0.png and <id>_1.png, or with a labels.csv
  $ epsam prepare slides --annotations xml --mpp 0.5 --out dataset
  $ epsam prepare CAMELYON17/images --annotations CAMELYON17/annotations --profile camelyon17 --out dataset
  $ epsam prepare slides --annotations xml --out dataset --shard 3/16        one part of many slides, see --collect
  $ epsam prepare s3://bucket/slides/ --annotations xml --out dataset      slides that stay where they are
  $ epsam prepare slides --annotations xml --out s3://bucket/dataset         into a bucket
  $ epsam prepare slides --from-annotations epsam-view --split 1,0,0 --out corrections     corrections of \`epsam view\`
  $ epsam prepare slides --labelled-squares squares.csv --mpp 0.5 --out dataset            squares, see \`epsam teach\`

Inputs that cannot be read are skipped and named; the exit code is then 3. Work on slides that was interrupted
goes on when the same command is given again.`;

/** `epsam prepare`: slides and annotations, images and masks, or ready patches become a dataset directory. */
export function prepareCommand() {
  return new Command("prepare")
    .argument("<inputs...>", "folders of slides or images, or such files", inputs)
    .addOption(
      outOrBucketOption(
        "the dataset to make: a folder; of slides with annotations also s3://BUCKET/PREFIX",
      ).makeOptionMandatory(),
    )
    .addOption(prepareOptions.masks)
    .addOption(prepareOptions.as)
    .addOption(prepareOptions.patchSize)
    .addOption(prepareOptions.stride)
    .addOption(prepareOptions.windowSize)
    .addOption(prepareOptions.windowStride)
    .addOption(prepareOptions.windowShare)
    .addOption(prepareOptions.border)
    .addOption(prepareOptions.positiveRange)
    .addOption(prepareOptions.negativeLimit)
    .addOption(prepareOptions.maxPositives)
    .addOption(prepareOptions.maxNegatives)
    .addOption(prepareOptions.evaluationPatches)
    .addOption(prepareOptions.split)
    .addOption(prepareOptions.patients)
    .addOption(prepareOptions.maskValues)
    .addOption(prepareOptions.mpp)
    .addOption(prepareOptions.annotations)
    .addOption(prepareOptions.fromAnnotations)
    .addOption(prepareOptions.labelledSquares)
    .addOption(prepareOptions.unmarked)
    .addOption(prepareOptions.annotationOrigin)
    .addOption(prepareOptions.level)
    .addOption(prepareOptions.mppCsv)
    .addOption(prepareOptions.profile)
    .addOption(prepareOptions.splitCsv)
    .addOption(tumourGroupsOption())
    .addOption(exclusionGroupsOption())
    .addOption(ignoreGroupsOption())
    .addOption(prepareOptions.splines)
    .addOption(prepareOptions.unannotated)
    .addOption(prepareOptions.tissue)
    .addOption(prepareOptions.minTissue)
    .addOption(seedOption().default(defaultOf(preparationSettings.shape.seed)))
    .addOption(shardOption())
    .addOption(collectOption())
    .addOption(queueOption())
    .addOption(anyResolutionOption())
    .addOption(overwriteOption())
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) =>
      runCommand({ ...options, resumeHint: RESUME_HINT }, ({ reporter, signal }) =>
        prepare({ ...options, inputs, reporter, signal }),
      ),
    );
}

const RESUME_HINT =
  "Slides: give the same command again to go on. Images and patches: nothing was written; it starts over.";

/** The options as the command line names them: settings by their own names, files and folders as flags. */
interface PrepareCommandOptions
  extends Omit<PrepareOptions, "inputKind" | "windows">,
    Omit<
      PrepareSlidesOptions,
      keyof PrepareOptions | "annotations" | "groups" | "minimumTissue" | "mppTable" | "splitTable"
    >,
    GroupOptions {
  readonly as?: "images" | "patches" | "slides" | undefined;
  readonly annotations?: readonly string[] | undefined;
  readonly fromAnnotations?: string | undefined;
  readonly labelledSquares?: string | undefined;
  readonly mppCsv?: string | undefined;
  readonly splitCsv?: string | undefined;
  readonly minTissue?: number | undefined;
  readonly windowSize?: number | undefined;
  readonly windowStride?: number | undefined;
  readonly windowShare?: number | undefined;
  readonly shard?: Shard | undefined;
  readonly collect?: true | undefined;
  readonly queue?: string | true | undefined;
}

/** Options that mean something for slides alone. */
const SLIDE_OPTIONS = [
  "profile",
  "level",
  "mppCsv",
  "splitCsv",
  ...GROUP_OPTIONS,
  "splines",
  "unannotated",
  "unmarked",
  "annotationOrigin",
  "tissue",
  "minTissue",
  "shard",
  "collect",
  "queue",
] as const satisfies readonly (keyof PrepareCommandOptions)[];

/** With annotations the inputs are slides; anything else is images or patches. */
async function prepare(given: PrepareCommandOptions): Promise<CommandOutcome> {
  const options = await withCorrections(await withSquares(given));
  const { as, annotations, masks, mppCsv, splitCsv, minTissue } = options;
  const { tumourGroups, exclusionGroups, ignoreGroups, shard, collect, queue, ...others } = options;
  const common = { ...others, windows: windowsOf(options) };
  if (annotations === undefined) {
    const slideOption = SLIDE_OPTIONS.find((name) => name in options);
    if (as === "slides") throw withoutAnnotations("--as slides");
    if (slideOption !== undefined) throw withoutAnnotations(flagOf(slideOption));
    return done(await prepareDataset({ ...common, inputKind: as }));
  }
  if (masks !== undefined) throw notTogether("--masks");
  if (as === "images" || as === "patches") throw notTogether(`--as ${as}`);
  const slides: PrepareSlidesOptions = {
    ...common,
    annotations,
    mppTable: mppCsv,
    splitTable: splitCsv,
    minimumTissue: minTissue,
    groups: groupRules({ tumourGroups, exclusionGroups, ignoreGroups }),
  };
  if (queue !== undefined) return done(await prepareOnQueue(slides, queueAddress(queue)));
  if (shard !== undefined) return describeShard(await prepareInShard(slides, shard));
  if (collect !== true) return done(await prepareSlides(slides));
  const collected = await collectPreparation(slides);
  return "dataset" in collected ? done(collected.dataset) : describeIncomplete(collected);
}

function done(result: PreparationResult | SlidePreparationResult): CommandOutcome {
  return outcomeWithSkipped(result, describePreparation(result));
}

/** The windows that get labels of their own, undefined for none. */
function windowsOf({
  windowSize: size,
  windowStride: stride,
  windowShare: share,
}: PrepareCommandOptions): PrepareOptions["windows"] {
  if (size !== undefined) return { size, stride, share };
  if (stride === undefined && share === undefined) return undefined;
  throw new EpSamError("usage", {
    where: flagOf(stride === undefined ? "windows.share" : "windows.stride"),
    what: "is for labels of windows, which need a size",
    action: `Give ${flagOf("windows.size")} PIXELS.`,
  });
}

const MEANINGS: Readonly<Record<ClassMeaning, string>> = {
  tumour: "is tumour",
  exclusion: "is no tumour",
  unknown: "is left out",
};

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
  const slides = (await listSlides(options.inputs)).slides.map(({ path: file }) => file);
  const { folder, classes } = await writeCorrectionFiles(fromAnnotations, slides);
  const meanings = classes.map(({ name, meaning }) => `"${name}" ${MEANINGS[meaning]}`);
  if (meanings.length > 0) options.reporter?.note(`Classes made in the page: ${meanings.join(", ")}.`);
  return { ...options, annotations: [folder], unmarked: options.unmarked ?? "unknown" };
}

/** Windows of labelled squares in pixels of patches, where none are told: half a usual square, so that some lie in each. */
const SQUARE_WINDOW = 56;

/** Labelled squares as annotation files; of the rest of their slides nothing is known, and other slides are left out. */
async function withSquares({
  labelledSquares,
  ...options
}: PrepareCommandOptions): Promise<PrepareCommandOptions> {
  if (labelledSquares === undefined) return options;
  const other = (["annotations", "fromAnnotations", "queue"] as const).find(
    (name) => options[name] !== undefined,
  );
  if (other !== undefined) {
    const action = "Leave one of them out.";
    const where = `--labelled-squares and ${flagOf(other)}`;
    throw new EpSamError("usage", { where, what: "are both given", action });
  }
  const { slides } = await listSlides(options.inputs);
  const { values, unmatched } = await squaresOf(labelledSquares, slides);
  if (unmatched !== null) options.reporter?.warn(`${labelledSquares}: ${unmatched}.`);
  const folder = await writeSquareFiles(join(cacheDirectory(), "labelled-squares"), values);
  return {
    ...options,
    ...{ annotations: [folder], unmarked: options.unmarked ?? "unknown" },
    ...{ unannotated: options.unannotated ?? "leave", windowSize: options.windowSize ?? SQUARE_WINDOW },
  };
}

function withoutAnnotations(option: string): EpSamError {
  const action = "Give --annotations FOLDER.";
  return new EpSamError("usage", { where: option, what: "is for slides, which need annotations", action });
}

function notTogether(option: string): EpSamError {
  const action = "Give --annotations for slides, or leave it out for images and patches.";
  return new EpSamError("usage", { where: `--annotations and ${option}`, what: "are both given", action });
}
