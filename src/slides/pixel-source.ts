import type { Level0Box } from "../geometry/index.js";
import type { RgbImage } from "../imaging/index.js";

/** A position in pixels of the slide's full resolution (level 0). */
export interface Level0Point {
  readonly space: "level-0";
  readonly x: number;
  readonly y: number;
}

/** One resolution of a slide. */
export interface SlideLevel {
  readonly width: number;
  readonly height: number;
  /** Level-0 pixels per pixel of this level, at least 1; 1 at level 0. */
  readonly downsample: number;
  /** Size of the stored tiles; null where the file has none. */
  readonly tileSize: { readonly width: number; readonly height: number } | null;
}

/** Side lengths of one level-0 pixel in microns. */
export interface MicronsPerPixel {
  readonly x: number;
  readonly y: number;
}

/** A rectangle of one level: where it starts at level 0, how large it is at that level. */
export interface Region {
  /** Top left corner, integers; may lie outside the slide. */
  readonly origin: Level0Point;
  readonly level: number;
  /** Size in pixels of `level`. */
  readonly width: number;
  readonly height: number;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface ReadRegionOptions extends ReadOptions {
  /**
   * Memory that the pixels may be put into: their array is then its beginning. Many regions one after another in the same
   * memory are faster than each in its own. Left out, too small, or of no use to the format: new memory.
   */
  readonly memory?: Uint8Array<ArrayBuffer> | undefined;
}

/** A compressed tile as it lies in the file, complete enough to be decoded alone. */
export interface CompressedTile {
  readonly mediaType: "image/jpeg" | "image/png" | "image/webp";
  readonly bytes: Uint8Array;
}

/**
 * Where pixels come from: all of them from the level itself, some from a finer one because tiles are missing, or some
 * from nowhere.
 */
export type Coverage = "stored" | "finer" | "missing";

/** What a slide tells about itself. */
export interface SlideFacts {
  /** Path the source was opened from. */
  readonly path: string;
  /** Format in the field's terms, such as "Aperio SVS" or "OME-TIFF". */
  readonly format: string;
  /** From full to least resolution; never empty. */
  readonly levels: readonly SlideLevel[];
  /** Of level 0; null when the file does not tell, which is never guessed. */
  readonly micronsPerPixel: MicronsPerPixel | null;
  /** Magnification of the objective; null when the file does not tell. */
  readonly objectivePower: number | null;
  /** Names of associated images, such as "thumbnail", "label", "macro". */
  readonly associatedImages: readonly string[];
  /** What is unusual but did not stop the reading, such as missing tiles; grows while reading. */
  readonly warnings: readonly string[];
  /**
   * What the scanner took of the slide, where the format tells (MIRAX and others through OpenSlide): the rest of level 0
   * is empty. Left out where that is everything.
   */
  readonly bounds?: Level0Box | undefined;
  /** Bytes of pixels that it holds while it is open, beside the tile cache; left out where that is none. */
  readonly heldBytes?: number | undefined;
  /** The slide's own properties by name, as the file spells them. */
  readonly properties: Readonly<Record<string, string>>;
}

/**
 * An image pyramid that regions are read from: a slide, or a plain image as its single level.
 * Reads may overlap in time. Memory is bounded by the tile cache, whatever the slide's size.
 */
export interface PixelSource extends SlideFacts {
  /**
   * The pixels of a region. Tiles that the file leaves out are drawn from the next finer level, as OpenSlide does for
   * Aperio's; what lies outside the slide, or in tiles that are left out at every finer level, too, is white.
   * @throws EpSamError `slide` when the file is damaged there, `usage` for a level or size that cannot be read;
   *   the signal's reason when aborted
   */
  readRegion(region: Region, options?: ReadRegionOptions): Promise<RgbImage>;
  /**
   * Where a region's pixels inside the slide come from, without reading them; left out where nothing is known of
   * missing tiles.
   */
  coverage?(region: Region, options?: ReadOptions): Promise<Coverage>;
  /**
   * One stored tile without decoding it; null when the file's tiles cannot stand alone in a common format.
   * @param column,row in tiles of the level
   */
  readCompressedTile?(
    level: number,
    column: number,
    row: number,
    options?: ReadOptions,
  ): Promise<CompressedTile | null>;
  /** @throws EpSamError `usage` for a name that is not in {@link associatedImages} */
  readAssociatedImage(name: string, options?: ReadOptions): Promise<RgbImage>;
  /** Closes files and frees cached tiles; reads under way are aborted. */
  close(): Promise<void>;
}
