import type { Level0Polygon } from "../../geometry/index.js";
import type { Colour } from "../../imaging/index.js";
import type { MicronsPerPixel } from "../../slides/index.js";
import type { TiledRaster } from "./raster.js";

/** How a pixel of the next pyramid level comes from the 2 by 2 above it. */
export type PyramidReduction = "mean" | "majority" | "nearest";

export interface PyramidTiffOptions {
  /** Of the slide's level 0, null where unknown; the raster's own resolution is this times its downsample. */
  readonly micronsPerPixel: MicronsPerPixel | null;
  /** `majority` and `nearest` for masks, `mean` for probabilities. */
  readonly reduction: PyramidReduction;
  /** Text of the ImageDescription tag, ASCII. */
  readonly description: string;
  readonly signal?: AbortSignal | undefined;
}

export interface PyramidTiffResult {
  readonly levels: number;
  readonly bytes: number;
}

/** A connected area of tumour (pixels that touch at a side or a corner). */
export interface Focus {
  /** Outline and holes in level-0 pixels, simplified to the tolerance. Outlines run clockwise on the screen. */
  readonly polygon: Level0Polygon;
  /** Area in pixels of the raster, as the mask has it before simplification. */
  readonly rasterPixels: number;
  /** Area in level-0 pixels. */
  readonly level0Area: number;
  /** Largest distance between two points of the outline (maximum Feret diameter), in level-0 pixels. */
  readonly level0Diameter: number;
  /** Area in square microns; null without a resolution, as all that follow. */
  readonly areaMicrons: number | null;
  readonly diameterMicrons: number | null;
  /** Mean of the probability raster inside, 0 to 1; null without one. */
  readonly meanProbability: number | null;
}

export interface TraceFociOptions {
  /** Of level 0; null where unknown. */
  readonly micronsPerPixel: MicronsPerPixel | null;
  /** A probability raster of the mask's size and tiles, for the mean inside each focus. */
  readonly probability?: TiledRaster | null | undefined;
  /** Values from this on are foreground. Default 1. */
  readonly threshold?: number | undefined;
  /**
   * How far a vertex that is left out may lie from the simplified outline, in microns (in level-0 pixels without a
   * resolution). Default half a pixel of the raster; 0 keeps every corner.
   */
  readonly tolerance?: number | undefined;
  /** Foci of less than this many square microns (level-0 pixels without a resolution) are left out. Default 0. */
  readonly minimumArea?: number | undefined;
  /** Is told the area, in level-0 pixels, of each focus that is left out. */
  readonly onLeftOut?: ((level0Area: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What the names, colours and identifiers of exported foci come from. */
export interface FociAnnotationOptions {
  /** What makes identifiers reproducible and distinct: the run's and the slide's identity. */
  readonly identity: { readonly run: string; readonly slide: string };
  /**
   * Level-0 position where the coordinates of GeoJSON begin, on slides with bounds. Default: the slide's corner; ASAP
   * always counts from there.
   */
  readonly geoJsonOrigin?: { readonly x: number; readonly y: number } | undefined;
  /** Classification in QuPath and group in ASAP. Default `Tumor`. */
  readonly group?: string | undefined;
  /** Colour of the classification. Default QuPath's for tumour, [200, 0, 0]. */
  readonly colour?: Colour | undefined;
}

export type FocusSizeClass = "isolated tumour cells" | "micrometastasis" | "macrometastasis";

/** Everything {@link TiledRaster} results of one slide are exported with. */
export interface SlideExportInput {
  /** Mask, 0 and 255. */
  readonly mask: TiledRaster;
  /** Probability of tumour, 0 to 255; null where there is none. */
  readonly probability: TiledRaster | null;
  /** Class activation map, 0 to 255; null where there is none. */
  readonly activation: TiledRaster | null;
  /** Of level 0; null where unknown, which is never guessed. */
  readonly micronsPerPixel: MicronsPerPixel | null;
  /** Area of tissue in level-0 pixels; null where it was not looked for. */
  readonly level0TissueArea: number | null;
  readonly identity: { readonly run: string; readonly slide: string };
}
