import type { Estimate } from "../evaluation/index.js";

/** Everything a run's report shows. What is absent is stated in the page, with the reason given here. */
export interface ReportData {
  /** Heading of the page, for example the name of the run directory. */
  readonly title: string;
  readonly run: RunIdentity;
  readonly dataset: DatasetSummary;
  /** Training curves in the order of the stages; empty while nothing has been trained. */
  readonly curves: readonly CurveChart[];
  readonly stageTable: StageTable;
  /** How well the patch classifier tells the labels apart; absent before evaluation. */
  readonly classification?: ClassificationTable | undefined;
  readonly scoreDistributions: readonly ScoreDistribution[];
  /** Pseudo-label selection, one row per round. */
  readonly selection: readonly SelectionRow[];
  readonly gallery: Gallery;
  /** The effective configuration as YAML text. */
  readonly configurationYaml: string;
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** What identifies a run well enough to repeat it. */
export interface RunIdentity {
  /** Moment the run was started, ISO 8601. */
  readonly created: string;
  /** Working time in seconds, all sittings together. */
  readonly durationSeconds: number;
  readonly seed: number;
  readonly preset: string;
  /** Name and version of the package, of Node, of the engine and so on. */
  readonly versions: Readonly<Record<string, string>>;
  /** Execution provider and processor, for example `cpu (2 cores, AMD EPYC)`. */
  readonly device: string;
  /** SHA-256 of the data set's manifest and files. */
  readonly dataHash: string;
  readonly weights: readonly WeightIdentity[];
  readonly commandLine: string;
}

/** One file of weights that went into or came out of the run. */
export interface WeightIdentity {
  readonly name: string;
  readonly file: string;
  readonly sha256: string;
}

export interface DatasetSummary {
  readonly location: string;
  /** Side of the square patches, in pixels. */
  readonly patchSize: number;
  /** Micrometres per pixel, absent where the source does not say. */
  readonly micronsPerPixel?: number | undefined;
  readonly splits: readonly SplitCounts[];
}

/** Numbers of patches in one split. */
export interface SplitCounts {
  readonly split: string;
  readonly positive: number;
  readonly negative: number;
  /** Source images, slides or patients the patches were cut from. */
  readonly sources: number;
  /** Positive patches that come with a pixel mask. */
  readonly withMask: number;
}

export interface CurvePoint {
  readonly epoch: number;
  /** A value that is not finite interrupts the line. */
  readonly value: number;
}

export interface CurveSeries {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** One line chart over epochs. */
export interface CurveChart {
  readonly title: string;
  readonly yLabel: string;
  readonly series: readonly CurveSeries[];
  /** The epoch whose weights were kept. */
  readonly bestEpoch?: number | undefined;
}

/** The columns of the stage table; all are fractions between 0 and 1. */
export type StageMetric =
  | "positiveDice"
  | "positiveIou"
  | "dice"
  | "iou"
  | "pooledDice"
  | "meanIou"
  | "precision"
  | "recall"
  | "falsePositiveArea";

/** A stage that was measured, or the reason it was not. */
export type StageRow =
  | { readonly stage: string; readonly metrics: Readonly<Partial<Record<StageMetric, Estimate>>> }
  | { readonly stage: string; readonly missing: string };

/** What each stage of the method brings, in the order of the method. */
export interface StageTable {
  /** The split measured, for example `test`. */
  readonly split: string;
  /** How many patches with and without foreground the figures rest on. */
  readonly positivePatches: number;
  readonly negativePatches: number;
  /** How the intervals were made, for example `95 % bootstrap over source images, 1000 resamples`. */
  readonly intervalMethod: string;
  readonly rows: readonly StageRow[];
  /** What fine-tuned decoders gain over the initial masks and over SAM untrained. */
  readonly comparisons: readonly StageComparisonRow[];
  /** Why there are no rows, for example that the split has no pixel masks. */
  readonly missing?: string | undefined;
}

/** What one stage gains over another; a difference is absent where it is not defined. */
export interface StageComparisonRow {
  readonly stage: string;
  readonly against: string;
  readonly meanIou?: Estimate | undefined;
  readonly positiveDice?: Estimate | undefined;
}

/** Figures of the patch classifier. */
export interface ClassificationTable {
  /** The split measured, for example `test`. */
  readonly split: string;
  readonly patches: number;
  readonly positives: number;
  /** Probability from which a patch counts as tumour. */
  readonly threshold: number;
  /** An estimate is absent where it is not defined, for example the AUC with one label only. */
  readonly rows: readonly { readonly name: string; readonly estimate?: Estimate | undefined }[];
}

/** One or several groups of scores drawn as histograms over a common axis. */
export interface ScoreDistribution {
  readonly title: string;
  readonly xLabel: string;
  readonly groups: readonly { readonly name: string; readonly values: readonly number[] }[];
  readonly threshold?: { readonly value: number; readonly label: string } | undefined;
}

/** How many pseudo-labels passed the selection after a stage. */
export interface SelectionRow {
  readonly stage: string;
  readonly kept: number;
  readonly total: number;
}

export interface Gallery {
  /** How the patches were chosen and what the colours mean. */
  readonly description: string;
  readonly entries: readonly GalleryEntry[];
}

/** One patch with its figures side by side. */
export interface GalleryEntry {
  readonly id: string;
  /** The patch label in words, for example `positive`. */
  readonly label: string;
  /** Figures in numbers below the heading, for example `Dice` and `0.812`. */
  readonly measures?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly panels: readonly GalleryPanel[];
}

/** A picture as `data:image/…;base64,…`, or the reason there is none. */
export type GalleryPanel =
  | { readonly caption: string; readonly dataUri: string; readonly alt: string }
  | { readonly caption: string; readonly missing: string };
