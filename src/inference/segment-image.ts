import { type FloatMap, type Mask, type RgbImage, resizeFloatMap } from "../imaging/index.js";
import { addWeighted, cutTile, DEFAULT_OVERLAP, placeTiles } from "./tiles.js";

/**
 * How a tile ended: `segmented` by SAM, left out because the classifier's probability was `below-gate`, or
 * without a mask because its class activation map had `no-activation` to prompt SAM with.
 */
export type TileOutcome = "segmented" | "below-gate" | "no-activation";

/** What a segmenter says of one tile. */
export interface SegmentedTile {
  /** The classifier's probability of tumour in the tile, 0 to 1. */
  readonly probability: number;
  readonly outcome: TileOutcome;
  /** Class activation map in [0, 1], at any resolution. */
  readonly activation: FloatMap;
  /** Probability of tumour of each pixel, tile size; present when the outcome is `segmented`. */
  readonly tumour?: FloatMap;
  /** SAM's own estimate of its mask's IoU; present when the outcome is `segmented`. */
  readonly estimatedIou?: number;
}

/** SAM's answer for one tile. */
export interface TileMask {
  /** Probability of tumour of each pixel, tile size. */
  readonly tumour: FloatMap;
  /** SAM's own estimate of its mask's IoU. */
  readonly estimatedIou: number;
}

/** What the classifier says of one tile. */
export interface ClassifiedTile extends Pick<SegmentedTile, "probability" | "activation"> {
  /** As the tile will end. */
  readonly outcome: TileOutcome;
  /** SAM's part, to be called once; present when the outcome is `segmented`. */
  readonly segment?: () => Promise<TileMask>;
}

/** A segmenter whose classifier can go on to the next tile while SAM is at the last. */
export interface StagedSegmenter {
  /** Side of the tiles in pixels. */
  readonly tileSize: number;
  /**
   * Classifies one tile.
   * @param name of the tile; the same name gives the same random prompts
   */
  classifyTile(tile: RgbImage, ...name: readonly (string | number)[]): Promise<ClassifiedTile>;
}

/** Something that segments square tiles of one size. */
export interface TileSegmenter {
  /** Side of the tiles in pixels. */
  readonly tileSize: number;
  /**
   * Segments one tile.
   * @param name of the tile; the same name gives the same random prompts
   */
  segmentTile(tile: RgbImage, ...name: readonly (string | number)[]): Promise<SegmentedTile>;
}

/** One row of an image's tile table. */
export interface TileRow {
  /** Top left corner in pixels of the image. */
  readonly x: number;
  readonly y: number;
  readonly probability: number;
  readonly outcome: TileOutcome;
  readonly estimatedIou: number | null;
}

/** The result for one image; all maps have its size. */
export interface Segmentation {
  /** Pixels of tumour probability above one half. */
  readonly mask: Mask;
  /** Probability of tumour: the sigmoid of SAM's logits, blended over tiles; 0 in tiles below the gate. */
  readonly probability: FloatMap;
  /** Class activation times the classifier's probability of the tile, blended over tiles, 0 to 1. */
  readonly activation: FloatMap;
  readonly tiles: readonly TileRow[];
  /** Foreground pixels of the mask. */
  readonly tumourPixels: number;
}

export interface SegmentImageOptions {
  /** Name of the image, which decides the random prompts together with the run's seed. */
  readonly name: string;
  /** Least overlap of neighbouring tiles as a share of their side, 0 to 0.9. */
  readonly overlap?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each tile. */
  readonly onTile?: ((done: number, total: number) => void) | undefined;
}

/**
 * Segments an image of any size (paper section 2, inference): tile by tile with overlap, blended with raised
 * cosines so that no seams show. An image smaller than a tile is continued by mirroring; one of exactly a tile's
 * size gives what evaluation gives. The image must have the magnification of the training patches.
 *
 * Memory: 9 bytes for each pixel of the image beside the image itself, whatever the overlap.
 *
 * @throws EpSamError `usage` when the overlap is out of range, `device` when a model cannot run; the signal's
 *   reason when aborted.
 */
export async function segmentImage(
  segmenter: TileSegmenter,
  image: RgbImage,
  { name, overlap = DEFAULT_OVERLAP, signal, onTile }: SegmentImageOptions,
): Promise<Segmentation> {
  const { width, height } = image;
  const size = segmenter.tileSize;
  const placements = placeTiles(image, size, overlap);
  const probability: FloatMap = { width, height, data: new Float32Array(width * height) };
  const activation: FloatMap = { width, height, data: new Float32Array(width * height) };
  const tiles: TileRow[] = [];
  for (const placement of placements) {
    signal?.throwIfAborted();
    const { x, y } = placement;
    const tile = await segmenter.segmentTile(cutTile(image, x, y, size), name, x, y);
    // A map is stretched to its own tile's range; the classifier's probability makes tiles comparable.
    addWeighted(activation, resizeFloatMap(tile.activation, size, size), placement, tile.probability);
    if (tile.tumour !== undefined) addWeighted(probability, tile.tumour, placement);
    tiles.push(rowOf(tile, x, y));
    onTile?.(tiles.length, placements.length);
  }
  const mask = aboveHalf(probability);
  const tumourPixels = mask.data.reduce((sum, value) => sum + value, 0);
  return { mask, probability, activation, tiles, tumourPixels };
}

function rowOf(tile: SegmentedTile, x: number, y: number): TileRow {
  const { probability, outcome, estimatedIou } = tile;
  return { x, y, probability, outcome, estimatedIou: estimatedIou ?? null };
}

function aboveHalf({ width, height, data }: FloatMap): Mask {
  return { width, height, data: Uint8Array.from(data, (value) => (value > 0.5 ? 1 : 0)) };
}
