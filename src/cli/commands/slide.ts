import { Command } from "@commander-js/extra-typings";
import { closing } from "../../common/index.js";
import { writePng } from "../../imaging/index.js";
import { MAX_THUMBNAIL_SIDE, openSlide, readThumbnail } from "../../slides/index.js";
import { requireFree } from "../free-output.js";
import { cacheGigabytesOption, input, jsonOption, overwriteOption, path, wholeNumber } from "../options.js";
import { type ActionContext, type CommandOutcome, runCommand } from "../run-command.js";
import { slideRecord, slideText } from "../slide-text.js";

const DEFAULT_SIZE = 1024;

const INFO_HELP = `
Examples:
  $ epsam slide info slide.svs
  $ epsam slide info slide.dcm --properties --json

Reads TIFF and BigTIFF pyramids, Aperio SVS, Philips TIFF, OME-TIFF, DICOM (a file or its folder), DeepZoom and plain
images; NDPI, MIRAX and others when the system has OpenSlide.`;

const THUMBNAIL_HELP = `
Examples:
  $ epsam slide thumbnail slide.svs --out slide.png
  $ epsam slide thumbnail slide.svs --out slide.png --size 4096 --overwrite`;

export function slideCommand() {
  return new Command("slide")
    .addHelpText("after", `${INFO_HELP}\n`)
    .addCommand(infoCommand())
    .addCommand(thumbnailCommand());
}

function infoCommand() {
  return new Command("info")
    .description("levels, resolution, format and associated images of a slide")
    .argument("<file>", "slide or image", input)
    .option("--properties", "every property that the file holds, too")
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", INFO_HELP)
    .action((file, options) =>
      runCommand(options, () =>
        closing(openSlide(file), async (slide) => ({
          json: slideRecord(slide, options.properties ?? false),
          text: slideText(slide, options.properties ?? false),
        })),
      ),
    );
}

function thumbnailCommand() {
  return new Command("thumbnail")
    .description("write a small picture of a slide")
    .argument("<file>", "slide or image", input)
    .requiredOption("--out <png>", "file to write", path)
    .option(
      "--size <pixels>",
      "longer side of the picture",
      wholeNumber(16, MAX_THUMBNAIL_SIDE),
      DEFAULT_SIZE,
    )
    .addOption(overwriteOption())
    .addOption(cacheGigabytesOption())
    .addOption(jsonOption())
    .addHelpText("after", THUMBNAIL_HELP)
    .action((file, options) => runCommand(options, (context) => writeThumbnail(file, options, context)));
}

interface ThumbnailSettings {
  readonly out: string;
  readonly size: number;
  readonly overwrite?: true | undefined;
}

async function writeThumbnail(
  file: string,
  { out, size, overwrite }: ThumbnailSettings,
  { reporter, signal }: ActionContext,
): Promise<CommandOutcome> {
  await requireFree(out, overwrite);
  return closing(openSlide(file), async (slide) => {
    const onProgress = (done: number, total: number): void =>
      reporter.progress({ task: `reading ${file}`, done, total });
    const image = await readThumbnail(slide, size, { signal, onProgress });
    await writePng(out, image);
    for (const warning of slide.warnings) reporter.warn(warning);
    const { width, height } = image;
    return { json: { out, width, height }, text: `${width} × ${height} pixels in ${out}` };
  });
}
