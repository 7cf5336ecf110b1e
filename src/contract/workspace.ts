import type { Position } from "./geometry.js";

/** What became of a slide: a broken one stays in the list with the reason. */
export type SlideStatus =
  | { readonly state: "ready" }
  | { readonly state: "broken"; readonly problem: Problem };

/** An error as every endpoint answers it, with the fields of the command line's messages. */
export interface Problem {
  /** Tag of the error, such as `slide`, `annotation`, `usage`, `conflict`, `not-found`, `too-large`, `busy`. */
  readonly tag: string;
  readonly what: string;
  readonly where: string | null;
  readonly why: string | null;
  readonly action: string | null;
}

/** Body of every answer that is not 2xx. */
export interface ProblemBody {
  readonly problem: Problem;
}

/** One slide of the list. `id` is opaque and stays the same over restarts for the same file. */
export interface SlideEntry {
  readonly id: string;
  /** File name without its folder; paths never leave the server. */
  readonly name: string;
  readonly status: SlideStatus;
  /** Null when the slide could not be opened. */
  readonly size: { readonly width: number; readonly height: number } | null;
  /** Of level 0; null when unknown. */
  readonly micronsPerPixel: { readonly x: number; readonly y: number } | null;
  readonly format: string | null;
  /** Corrections saved for this slide. */
  readonly annotationCount: number;
  /** Whether results of a run are at hand for it. */
  readonly segmented: boolean;
}

export interface DatasetEntry {
  readonly id: string;
  readonly name: string;
  readonly patchSize: number;
  /** Patches per split: positive, negative. */
  readonly counts: Readonly<
    Record<"train" | "val" | "test", { readonly positive: number; readonly negative: number }>
  >;
  readonly problem: Problem | null;
}

export interface RunEntry {
  readonly id: string;
  readonly name: string;
  /** Decoders that can be used, the last one first: `round-3` … `preliminary`, `untrained`. */
  readonly stages: readonly string[];
  readonly finished: boolean;
  readonly hasReport: boolean;
  /** The dataset it was trained on, when that is in the workspace. */
  readonly dataset: string | null;
  readonly problem: Problem | null;
}

/** `GET /api/workspace`: everything that was given to `epsam view`, found in its folders, or made by its jobs. */
export interface Workspace {
  readonly version: string;
  readonly slides: readonly SlideEntry[];
  readonly datasets: readonly DatasetEntry[];
  readonly runs: readonly RunEntry[];
}

export interface LevelEntry {
  readonly width: number;
  readonly height: number;
  readonly downsample: number;
  /** Side lengths of the tiles that are served for this level: the stored ones where the slide has tiles. */
  readonly tileWidth: number;
  readonly tileHeight: number;
}

/** What an overlay shows. */
export type LayerKind =
  | "tumour-mask"
  | "probability"
  | "class-activation-map"
  | "tissue-mask"
  | "ground-truth"
  | "difference";

/** A raster over a slide. Its tiles are 8-bit grey PNG: the browser colours them, so that opacity and map are free. */
export interface LayerEntry {
  readonly id: string;
  readonly kind: LayerKind;
  readonly title: string;
  /** Where it comes from, for example the run and its stage, or the annotation file. */
  readonly origin: string;
  /** From the finest; `downsample` is level-0 pixels per pixel of the layer. */
  readonly levels: readonly LevelEntry[];
  /** What grey levels mean: a fraction 0–1 in 0–255, a mask 0/255, or the classes of {@link DIFFERENCE_LEVELS}. */
  readonly values: "fraction" | "mask" | "difference";
}

/** Grey levels of a `difference` layer. */
export const DIFFERENCE_LEVELS = {
  trueNegative: 0,
  truePositive: 85,
  falsePositive: 170,
  falseNegative: 255,
} as const;

/** `GET /api/slides/:slide`. */
export interface SlideDetail extends SlideEntry {
  readonly levels: readonly LevelEntry[];
  readonly objectivePower: number | null;
  readonly associatedImages: readonly string[];
  readonly warnings: readonly string[];
  readonly layers: readonly LayerEntry[];
  /** Datasets with patches of this slide, for the patch grid. */
  readonly datasets: readonly string[];
}

/** One focus of the results, largest first. */
export interface FocusEntry {
  readonly id: string;
  readonly name: string;
  readonly centre: Position;
  readonly box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
  readonly squareMicrons: number | null;
  readonly level0Pixels: number;
  /** Largest diameter in microns. */
  readonly diameterMicrons: number | null;
  readonly meanProbability: number | null;
  readonly sizeClass: "isolated-tumour-cells" | "micrometastasis" | "macrometastasis" | null;
}

/** `GET /api/slides/:slide/results`: what a run found, null figures where the slide tells no resolution. */
export interface SlideResults {
  readonly origin: string;
  readonly notice: string;
  readonly tumourSquareMillimetres: number | null;
  readonly tissueSquareMillimetres: number | null;
  readonly tumourToTissue: number | null;
  readonly foci: readonly FocusEntry[];
}

/** `GET /api/slides/:slide/patches?dataset=ID`: the patch grid. */
export interface SlidePatch {
  readonly patch: string;
  readonly split: "train" | "val" | "test";
  readonly label: 0 | 1;
  readonly tumourFraction: number | null;
  /** Level-0 pixels. */
  readonly x: number;
  readonly y: number;
  readonly side: number;
}
