import type { CoordinateOrigin, GroupRules } from "../../annotations/index.js";
import type { SkippedInput, TissueRule } from "../../dataset/index.js";
import type { MicronsPerPixel, PixelSource } from "../../slides/index.js";
import type { SlideSummary } from "../export/index.js";
import type { InferenceOptions } from "../options.js";
import type { SegmenterIdentity } from "../segmenter.js";
import type { SlideAgreement } from "./agreement.js";
import type { PatchCounts } from "./segment-slide.js";

export interface InferSlidesOptions extends InferenceOptions {
  /** Slides and folders of slides; a folder of DICOM files is one slide. */
  readonly inputs: readonly string[];
  /** Files among them that are left out, as plain images. */
  readonly leaveOut?: readonly string[] | undefined;
  /** Microns per pixel at level 0 of slides that do not tell them; never guessed. */
  readonly mpp?: number | undefined;
  /** Microns per pixel at level 0 by the name of the slide (file name without extension); they go before those of the file. */
  readonly mppOf?: ReadonlyMap<string, MicronsPerPixel> | undefined;
  /** Microns per pixel of the run's patches; as its dataset tells when left out. */
  readonly patchMpp?: number | undefined;
  /** Default `otsu`. */
  readonly tissue?: TissueRule | undefined;
  /** How far outlines may lie from the mask's in microns. Default: half a pixel of the mask. */
  readonly tolerance?: number | undefined;
  /** Foci of less than this many square microns are left out of outlines and figures. Default: 80, about a cell. */
  readonly minimumArea?: number | undefined;
  /**
   * Folder, or folders, of annotations named like the slides, to compare the results with; or the file of each slide that
   * has one, by the slide's path.
   */
  readonly annotations?: string | readonly string[] | ReadonlyMap<string, string> | undefined;
  /**
   * Where coordinates of these annotations, and of the GeoJSON that is written, begin on slides with bounds; as the
   * program of each format counts when left out.
   */
  readonly annotationOrigin?: CoordinateOrigin | undefined;
  /** What groups of these annotations mean, beside those that are known. */
  readonly groups?: Partial<GroupRules> | undefined;
  /**
   * CSV file of squares of slides that are tumour altogether, or have none, see `readLabelledSquares`: the decoder is
   * adapted to each slide that has some of both.
   */
  readonly labelledSquares?: string | undefined;
  /** Where several calls share the output: the part that is this one's. It goes on with what is there. */
  readonly shared?: SharedOutput | undefined;
  /** How slides are opened. Default: any format the package reads. */
  readonly openSlide?: ((path: string) => Promise<PixelSource>) | undefined;
}

/** The part of one call where several write into one output directory, on one machine or on many. */
export interface SharedOutput {
  /** Names of the slides that are segmented by this call. */
  readonly stems: ReadonlySet<string>;
  /** Milliseconds after which a slide is taken over from a call that gives no sign of life. */
  readonly patience: number;
}

/** What decides a slide's results. */
export interface SegmentationSettings {
  /** Name, size in bytes and time of change of the file, or ETag on a server: slides are too large to be hashed. */
  readonly slide: { readonly name: string; readonly bytes: number; readonly modified: string };
  readonly model: SegmenterIdentity;
  /** Microns per pixel of level 0, told by the file or given; null when unknown. */
  readonly micronsPerPixel: { readonly x: number; readonly y: number } | null;
  /** Where patches are read. */
  readonly reading: {
    readonly level: number;
    /** Level-0 pixels per pixel of a patch, and microns. */
    readonly pixelSize: number;
    readonly mpp: number | null;
  };
  readonly overlap: number;
  readonly tissue: TissueRule;
  /** How outlines are drawn; a tolerance of null is half a pixel of the mask. */
  readonly outlines: {
    readonly tolerance: number | null;
    readonly minimumArea: number;
    /** Level-0 position where the coordinates of the GeoJSON begin; left out on slides without bounds. */
    readonly geoJsonOrigin?: { readonly x: number; readonly y: number } | undefined;
  };
}

/** The content of a slide's `inference.json`, which is written last: its presence says the rest is complete. */
export interface SlideResult {
  readonly formatVersion: 1;
  /** Path of the slide as it was given. */
  readonly file: string;
  readonly width: number;
  readonly height: number;
  readonly settings: SegmentationSettings;
  readonly patches: PatchCounts;
  /** Null without an annotation. */
  readonly agreement: SlideAgreement | null;
  /** What was unusual about the slide, or its annotation, such as missing tiles. */
  readonly warnings: readonly string[];
}

/** A slide that is finished. */
export interface FinishedSlide {
  readonly name: string;
  readonly result: SlideResult;
  readonly summary: SlideSummary;
  /** Of this call; null for slides that were there already. */
  readonly seconds: number | null;
}

/** What became of a call. */
export interface InferSlidesResult {
  readonly root: string;
  readonly slides: readonly FinishedSlide[];
  /** How many of them were there already. */
  readonly resumed: number;
  readonly skipped: readonly SkippedInput[];
  /** What else the user should know of the call as a whole. */
  readonly warnings: readonly string[];
}

/** What became of the slides of all calls. */
export interface CollectedSlides extends InferSlidesResult {
  /** Names of slides that have no result yet. */
  readonly missing: readonly string[];
}
