import { Option } from "@commander-js/extra-typings";
import { defaultOf, preparationSettings, slideSettings } from "../../contract/index.js";
import { profileNames } from "../../dataset/index.js";
import { numberSetting, numbersSetting, path, paths, wholeSetting, wordOrNumberSetting } from "../options.js";

const patches = preparationSettings.shape;
const windows = patches.windows.def.innerType.def.innerType.shape;
const slides = slideSettings.shape;

/** The options of `epsam prepare` that are its own; limits and defaults are the contract's. */
export const prepareOptions = {
  masks: new Option("--masks <folder>", "masks, named like the images, or with _mask or _anno").argParser(
    path,
  ),
  as: new Option("--as <kind>", "what the inputs are, when it is not clear").choices([
    "images",
    "patches",
    "slides",
  ] as const),
  patchSize: new Option(
    "--patch-size <pixels>",
    `width and height of a patch (default: ${defaultOf(patches.patchSize)})`,
  ).argParser(wholeSetting(patches.patchSize.def.innerType)),
  stride: new Option("--stride <pixels>", "from one patch to the next (default: the patch size)").argParser(
    wholeSetting(patches.stride),
  ),
  windowSize: new Option(
    "--window-size <pixels>",
    "label windows of each patch by themselves: their width and height (default: one label for the patch)",
  ).argParser(wholeSetting(windows.size)),
  windowStride: new Option(
    "--window-stride <pixels>",
    "from one window to the next (default: half the window size)",
  ).argParser(wholeSetting(windows.stride)),
  windowShare: new Option(
    "--window-share <share>",
    `share of a window above which tumour, or other tissue, counts as there (default: ${defaultOf(windows.share)})`,
  ).argParser(numberSetting(windows.share.def.innerType)),
  border: new Option(
    "--border <rule>",
    "add a last row and column flush with the border, or drop the remainder",
  )
    .choices(patches.border.def.innerType.options)
    .default(defaultOf(patches.border)),
  positiveRange: new Option("--positive-range <low,high>", "tumour fraction of positive patches")
    .argParser(numbersSetting(patches.positiveRange))
    .default(defaultOf(patches.positiveRange), defaultOf(patches.positiveRange).join()),
  negativeLimit: new Option("--negative-limit <fraction>", "highest tumour fraction of negative patches")
    .argParser(numberSetting(patches.negativeLimit))
    .default(defaultOf(patches.negativeLimit)),
  maxPositives: new Option(
    "--max-positives <count>",
    "of each split, evenly over bins of tumour fraction",
  ).argParser(wholeSetting(patches.maxPositives)),
  maxNegatives: new Option("--max-negatives <count>", "of each split, drawn by the seed").argParser(
    wholeSetting(patches.maxNegatives),
  ),
  evaluationPatches: new Option(
    "--evaluation-patches <which>",
    "val and test: patches sampled as for training, or all of them",
  )
    .choices(patches.evaluationPatches.def.innerType.options)
    .default(defaultOf(patches.evaluationPatches)),
  split: new Option("--split <train,val,test>", "shares of the source images, or their numbers")
    .argParser(numbersSetting(patches.split))
    .default(defaultOf(patches.split), defaultOf(patches.split).join()),
  patients: new Option(
    "--patients <csv>",
    "table with the columns image, patient, optionally split",
  ).argParser(path),
  maskValues: new Option(
    "--mask-values <rule>",
    "binary; any: all but 0 is tumour; a number: it and all above are",
  )
    .argParser(wordOrNumberSetting(patches.maskValues))
    .default(defaultOf(patches.maskValues)),
  mpp: new Option(
    "--mpp <microns>",
    "microns per pixel: slides are resampled to it, for images it is recorded",
  ).argParser(numberSetting(patches.mpp)),
  annotations: new Option(
    "--annotations <folder...>",
    "slides: ASAP XML, GeoJSON or Camelyon JSON, named like them",
  ).argParser(paths),
  fromAnnotations: new Option(
    "--from-annotations <state>",
    "slides: the corrections that `epsam view` saved in this state directory",
  ).argParser(path),
  labelledSquares: new Option(
    "--labelled-squares <file>",
    "slides: CSV with slide, x, y, size, tumour, such as a run of squares keeps; the rest of the slide is unknown",
  ).argParser(path),
  unmarked: new Option(
    "--unmarked <rule>",
    "slides: what is not marked: unknown (default of --from-annotations and --labelled-squares), or free of tumour",
  ).choices(slides.unmarked.def.innerType.options),
  annotationOrigin: annotationOriginOption(),
  level: new Option("--level <number>", "slides: the pyramid level to read (default: 0)").argParser(
    wholeSetting(slides.level),
  ),
  mppCsv: new Option(
    "--mpp-csv <csv>",
    "slides: table with the columns slide, mpp, for files that do not tell",
  ).argParser(path),
  profile: new Option(
    "--profile <name>",
    "slides: the authors' slides, splits and numbers of patches",
  ).choices(profileNames),
  splitCsv: new Option(
    "--split-csv <csv>",
    "slides: table with the columns slide, split, optionally patient",
  ).argParser(path),
  splines: new Option(
    "--splines <rule>",
    "slides: ASAP's splines as they are drawn, or as its masks take them",
  ).choices(slides.splines.def.innerType.options),
  unannotated: new Option(
    "--unannotated <rule>",
    `slides without annotations: ${defaultOf(slides.unannotated)} them (default), leave them out without calling it a fault, or free of tumour`,
  ).choices(slides.unannotated.def.innerType.options),
  tissue: tissueOption(),
  minTissue: new Option(
    "--min-tissue <fraction>",
    `slides: least share of tissue in a patch (default: ${defaultOf(slides.minimumTissue)})`,
  ).argParser(numberSetting(slides.minimumTissue.def.innerType)),
};

export function annotationOriginOption() {
  return new Option(
    "--annotation-origin <corner>",
    "MIRAX and the like: annotations count from the corner of the slide, or of what was scanned (default: by program)",
  ).choices(slides.annotationOrigin.def.innerType.options);
}

export function tissueOption() {
  return new Option(
    "--tissue <rule>",
    `slides: ${defaultOf(slides.tissue)} (default), all, or the least saturation of tissue`,
  ).argParser(wordOrNumberSetting(slides.tissue.def.innerType));
}
