import * as z from "zod/mini";
import { positionSchema } from "./geometry.js";
import { problemSchema } from "./problem.js";
import { list } from "./values.js";

const text = z.string();
const number = z.number();
const figure = z.nullable(number);

export const splitSchema = z.enum(["train", "val", "test"]);
export const labelSchema = z.literal([0, 1]);

/** What became of a slide: a broken one stays in the list with the reason. */
const slideStatus = z.discriminatedUnion("state", [
  z.object({ state: z.literal("ready") }),
  z.object({ state: z.literal("broken"), problem: problemSchema }),
]);
export type SlideStatus = z.infer<typeof slideStatus>;

/** One slide of the list. `id` is opaque and stays the same over restarts for the same file. */
const slideEntry = z.object({
  id: text,
  /** File name; where several slides have the same, with those folders that tell them apart. */
  name: text,
  status: slideStatus,
  /** Null when the slide could not be opened. */
  size: z.nullable(z.object({ width: number, height: number })),
  /** Of level 0; null when unknown. */
  micronsPerPixel: z.nullable(z.object({ x: number, y: number })),
  format: z.nullable(text),
  /** Corrections saved for this slide. */
  annotationCount: number,
  /** Those of them that nobody has judged. */
  unreviewedCount: number,
  /** Whether a file of annotations has its name, beside it or in a folder given for that. */
  annotationFile: z.boolean(),
  /** Whether results of a run are at hand for it. */
  segmented: z.boolean(),
});
export type SlideEntry = z.infer<typeof slideEntry>;

const counts = z.object({ positive: number, negative: number });

const datasetEntry = z.object({
  id: text,
  name: text,
  patchSize: number,
  /** Patches per split: positive, negative. */
  counts: z.record(splitSchema, counts),
  problem: z.nullable(problemSchema),
});
export type DatasetEntry = z.infer<typeof datasetEntry>;

const runEntry = z.object({
  id: text,
  name: text,
  /** Decoders that can be used, the last one first: `round-3` … `preliminary`, `untrained`. */
  stages: list(text),
  finished: z.boolean(),
  /** Whether squares can teach it further, see `teachingRequestSchema`. */
  teachable: z.boolean(),
  /** Labelled squares that have taught it, of which slide; `isWhole` where it is a head of their own, without a decoder. */
  taught: z.nullable(z.object({ slide: text, tumour: number, other: number, isWhole: z.boolean() })),
  hasReport: z.boolean(),
  /** The dataset it was trained on, when that is in the workspace. */
  dataset: z.nullable(text),
  problem: z.nullable(problemSchema),
});
export type RunEntry = z.infer<typeof runEntry>;

/** `GET /api/workspace`: everything that was given to `epsam view`, found in its folders, or made by its jobs. */
export const workspaceSchema = z.object({
  version: text,
  slides: list(slideEntry),
  datasets: list(datasetEntry),
  runs: list(runEntry),
  /** What the folders are called below which files can be added by their paths. */
  folders: list(text),
});
export type Workspace = z.infer<typeof workspaceSchema>;

const levelEntry = z.object({
  width: number,
  height: number,
  downsample: number,
  /** Side lengths of the tiles that are served for this level: the stored ones where the slide has tiles. */
  tileWidth: number,
  tileHeight: number,
});
export type LevelEntry = z.infer<typeof levelEntry>;

/** What an overlay shows. */
const layerKind = z.enum([
  "tumour-mask",
  "probability",
  "class-activation-map",
  "tissue-mask",
  "ground-truth",
  "difference",
]);
export type LayerKind = z.infer<typeof layerKind>;

/** A raster over a slide. Its tiles are 8-bit grey PNG: the browser colours them, so that opacity and map are free. */
export const layerEntry = z.object({
  id: text,
  kind: layerKind,
  title: text,
  /** Where it comes from, for example the run and its stage, or the annotation file. */
  origin: text,
  /** From the finest; `downsample` is level-0 pixels per pixel of the layer. */
  levels: list(levelEntry),
  /** What grey levels mean: a fraction 0–1 in 0–255, a mask 0/255, or the classes of {@link DIFFERENCE_LEVELS}. */
  values: z.enum(["fraction", "mask", "difference"]),
  /** Each tile is computed when it is asked for, in a good part of a second: nobody should ask for what is not seen. */
  isComputed: z.optional(z.boolean()),
});
export type LayerEntry = z.infer<typeof layerEntry>;

/** Grey levels of a `difference` layer. */
export const DIFFERENCE_LEVELS = {
  trueNegative: 0,
  truePositive: 85,
  falsePositive: 170,
  falseNegative: 255,
} as const;

/** `GET /api/slides/:slide/thumbnail`. */
export const thumbnailQuery = z.object({
  /** Longer side in pixels. */
  size: z._default(z.coerce.number().check(z.int(), z.gte(16), z.lte(2048)), 256),
});

/** `GET /api/slides/:slide`. */
export const slideDetailSchema = z.object({
  ...slideEntry.shape,
  levels: list(levelEntry),
  objectivePower: figure,
  associatedImages: list(text),
  warnings: list(text),
  layers: list(layerEntry),
  /** Datasets with patches of this slide, for the patch grid. */
  datasets: list(text),
});
export type SlideDetail = z.infer<typeof slideDetailSchema>;

/** One focus of the results, largest first. */
const focusEntry = z.object({
  id: text,
  name: text,
  centre: positionSchema,
  box: z.object({ x: number, y: number, width: number, height: number }),
  squareMicrons: figure,
  level0Pixels: number,
  /** Largest diameter in microns. */
  diameterMicrons: figure,
  meanProbability: figure,
  sizeClass: z.nullable(z.enum(["isolated-tumour-cells", "micrometastasis", "macrometastasis"])),
});
export type FocusEntry = z.infer<typeof focusEntry>;

/** `GET /api/slides/:slide/results`: what a run found, null figures where the slide tells no resolution. */
export const slideResultsSchema = z.object({
  origin: text,
  notice: text,
  tumourSquareMillimetres: figure,
  tissueSquareMillimetres: figure,
  tumourToTissue: figure,
  foci: list(focusEntry),
  /** Foci too small to be listed, which the mask has; null where that was not counted. */
  fociLeftOut: z.nullable(z.object({ count: number, minimumArea: number, inMicrons: z.boolean() })),
});
export type SlideResults = z.infer<typeof slideResultsSchema>;

/** `GET /api/slides/:slide/patches?dataset=ID`: the patch grid. */
export const slidePatchesQuery = z.object({ dataset: text });
const slidePatch = z.object({
  patch: text,
  split: splitSchema,
  label: labelSchema,
  tumourFraction: figure,
  /** Level-0 pixels. */
  x: number,
  y: number,
  side: number,
});
export const slidePatchesSchema = list(slidePatch);
export type SlidePatch = z.infer<typeof slidePatch>;
