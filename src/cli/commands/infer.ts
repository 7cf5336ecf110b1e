import { Command, Option } from "@commander-js/extra-typings";
import { collectInference, inferOnQueue, inferShard, type Shard } from "../../cohort/index.js";
import { EpSamError, isRemotePath } from "../../common/index.js";
import { defaultOf, inferenceSettings } from "../../contract/index.js";
import type { DeviceRequest } from "../../graph/index.js";
import { type InferResult, inferImages, inferSlides, recogniseInputs } from "../../inference/index.js";
import { deviceFor } from "../device-choice.js";
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
  deviceOption,
  inputs,
  jsonOption,
  numberSetting,
  outOrBucketOption,
  overwriteOption,
  path,
  paths,
  queueAddress,
  queueOption,
  shardOption,
} from "../options.js";
import { type ActionContext, type CommandOutcome, outcomeWithSkipped, runCommand } from "../run-command.js";
import { flagOf } from "../setting-flags.js";
import { describeCollected, describeQueued, describeSlides } from "./infer-text.js";
import { annotationOriginOption, tissueOption } from "./prepare-options.js";

const settings = inferenceSettings.shape;

const HELP = `
Examples:
  $ epsam infer --run run images --out results
  $ epsam infer --run run dataset/test/image --out results --stage preliminary
  $ epsam infer --run run images --out results --mpp 0.5 --resume
  $ epsam infer --run run slides --out results
  $ epsam infer --run run slide.tif --out results --annotations xml     and how well they agree
  $ epsam infer --run run slides --out results --shard 3/16             one part of many slides, see --collect
  $ epsam infer --run run slides --out results --queue redis://host     by the workers of a queue, see epsam worker
  $ epsam infer --run run slides --out s3://bucket/results              into a bucket

Each image gives masks/NAME.png, probabilities/NAME.png (0-255), heatmaps/NAME.png, overlays/NAME.png and
results/NAME.json. Images larger than the run's patches are segmented in overlapping patches; they must have the
magnification of the training patches. An overlap of 0.5 takes twice the time of 0.25.
Each slide gives a folder NAME with mask, probability and activation map as pyramidal TIFF, outlines for QuPath and
ASAP, an overlay and figures; summary.csv lists all slides. Slides are read at the resolution of the run's patches,
where they have tissue, and a call that was interrupted goes on at the patch with --resume.
What cannot be read is left out and named; the exit code is then 3.`;

/** `epsam infer`: masks, heat maps and areas of slides, and of images of any size. */
export function inferCommand() {
  return new Command("infer")
    .argument("<inputs...>", "slides or images, folders of them, or datasets", inputs)
    .requiredOption("--run <directory>", "run directory from `epsam train`", path)
    .addOption(
      outOrBucketOption(
        "where to write the results: a folder; of slides also s3://BUCKET/PREFIX",
      ).makeOptionMandatory(),
    )
    .option(
      "--stage <name>",
      "whose decoder to use: untrained, preliminary, round-1, ... (default: the last finished one)",
    )
    .option(
      "--gate <probability>",
      "tumour probability from which a patch is segmented (default: the run's)",
      numberSetting(settings.gate),
    )
    .option(
      "--overlap <share>",
      "least overlap of neighbouring patches, 0 to 0.9 of their side",
      numberSetting(settings.overlap.def.innerType),
      defaultOf(settings.overlap),
    )
    .option(
      "--mpp <microns>",
      "microns per pixel: of images, for areas in µm²; of slides that do not tell them, at full resolution",
      numberSetting(settings.mpp),
    )
    .addOption(asOption())
    .option(
      "--patch-mpp <microns>",
      "slides: microns per pixel to read them at (default: those of the run's dataset)",
      numberSetting(settings.patchMpp),
    )
    .addOption(tissueOption())
    .option(
      "--tolerance <microns>",
      "slides: how far outlines may lie from the mask's (default: half a pixel)",
      numberSetting(settings.tolerance),
    )
    .option(
      "--min-area <square microns>",
      "slides: smaller foci are left out of outlines and figures, 0 keeps all (default: 80, about a cell)",
      numberSetting(settings.minimumArea.def.innerType),
    )
    .addOption(annotationsOption())
    .addOption(labelledSquaresOption())
    .addOption(annotationOriginOption())
    .addOption(tumourGroupsOption())
    .addOption(exclusionGroupsOption())
    .addOption(ignoreGroupsOption())
    .addOption(deviceOption())
    .addOption(shardOption())
    .addOption(collectOption())
    .addOption(queueOption())
    .option("--resume", "go on with an interrupted call: what is finished is kept")
    .addOption(anyResolutionOption())
    .addOption(overwriteOption())
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", HELP)
    .action((inputs, options) =>
      runCommand({ ...options, resumeHint: RESUME_HINT }, (context) =>
        infer({ ...options, inputs }, context),
      ),
    );
}

const RESUME_HINT = "Go on with the same command and --resume.";

type ImageOptions = Omit<Parameters<typeof inferImages>[0], "reporter" | "signal" | "device">;
type SlideOptions = Omit<
  Parameters<typeof inferSlides>[0],
  "reporter" | "signal" | "groups" | "device" | "leaveOut"
>;

/** The options as the command line names them. */
interface InferCommandOptions extends ImageOptions, SlideOptions, GroupOptions {
  readonly device: DeviceRequest;
  readonly as?: "images" | "slides" | undefined;
  readonly minArea?: number | undefined;
  readonly shard?: Shard | undefined;
  readonly collect?: true | undefined;
  readonly queue?: string | true | undefined;
}

function annotationsOption() {
  return new Option(
    "--annotations <folder...>",
    "slides: annotations named like them, to compare the results with",
  ).argParser(paths);
}

function asOption() {
  return new Option("--as <kind>", "what the inputs are, when it is not clear").choices([
    "images",
    "slides",
  ] as const);
}

function labelledSquaresOption() {
  return new Option(
    "--labelled-squares <file>",
    "slides: CSV with slide, x, y, size, tumour (1 all, 0 none) of a few squares, which the decoder is adapted to",
  ).argParser(path);
}

/** Options that mean something for slides alone. */
const SLIDE_OPTIONS = [
  "patchMpp",
  "tissue",
  "tolerance",
  "minArea",
  "annotations",
  "labelledSquares",
  "annotationOrigin",
  "shard",
  "collect",
  "queue",
  ...GROUP_OPTIONS,
] as const satisfies readonly (keyof InferCommandOptions)[];

async function infer(options: InferCommandOptions, context: ActionContext): Promise<CommandOutcome> {
  const { as, minArea, tumourGroups, exclusionGroups, ignoreGroups, device: request, ...others } = options;
  const { shard, collect, queue, ...rest } = others;
  const common = { ...rest, device: deviceFor(request, context.reporter) };
  const { kind, leaveOut } =
    as === undefined ? await recogniseInputs(options.inputs) : { kind: as, leaveOut: [] };
  if (kind === "slides") {
    const groups = groupRules({ tumourGroups, exclusionGroups, ignoreGroups });
    const slides = { ...common, ...context, leaveOut, minimumArea: minArea, groups };
    if (queue !== undefined) return describeQueued(await inferOnQueue(slides, queueAddress(queue)));
    if (collect === true) return describeCollected(await collectInference(slides));
    const result = shard === undefined ? await inferSlides(slides) : await inferShard(slides, shard);
    return outcomeWithSkipped(result, describeSlides(result));
  }
  const slideOption = SLIDE_OPTIONS.find((name) => name in options);
  if (isRemotePath(options.out)) {
    const action = "Give a folder, or pass --as slides if the inputs are slides.";
    throw new EpSamError("usage", {
      where: "--out",
      what: "can be in a bucket for slides, and these are images",
      action,
    });
  }
  if (slideOption === undefined) {
    const result = await inferImages({ ...common, ...context });
    return outcomeWithSkipped(result, describeResult(result));
  }
  const action = "Leave it out, or pass --as slides if the inputs are slides.";
  const where = flagOf(slideOption);
  throw new EpSamError("usage", { where, what: "is for slides, and these are images", action });
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
