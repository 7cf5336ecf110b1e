import { RecentlyUsed } from "../../common/index.js";
import { type PatchGeometry, readArea } from "../../dataset/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { applyDihedral, cutArea, reflectPadded } from "../../imaging/index.js";
import { pyramidSide } from "../../method/index.js";
import type { JoinedFeatures } from "../../models/index.js";
import type { PixelSource } from "../../slides/index.js";
import { MIRRORED, type SeenFeatures, VIEW_SHIFT, type ViewCount } from "./taught-model.js";

/** Side in pixels of the tiles that a map is made of. */
export const TILE_SIDE = 512;
/**
 * What is seen around each: two cells. With four, each tile took a third longer, and the mean IoU of two breast regions was
 * lower by 0.001 (six sets of five and of ten squares each).
 */
const SURROUNDINGS = 32;
/** Side of a tile with its surroundings. */
const SEEN_SIDE = TILE_SIDE + 2 * SURROUNDINGS;
/** Bytes of features that are kept: about 0.5 MB a view. */
const FEATURE_BYTES = 320 * 2 ** 20;

/** A tile of the map. */
export interface MapPlace {
  readonly column: number;
  readonly row: number;
}

/** What is seen with a tile. */
export interface SeenTile extends SeenFeatures {
  /** Of the tile in what is seen, in pixels. */
  readonly left: number;
  readonly top: number;
}

export interface SeenTilesOptions {
  readonly source: PixelSource;
  readonly geometry: PatchGeometry;
  /** Of the slide, in pixels of patches. */
  readonly extent: { readonly width: number; readonly height: number };
  readonly features: (image: RgbImage) => Promise<JoinedFeatures>;
}

/** Features of the tiles of one slide, of which those that were used last are kept. */
export class SeenTiles {
  readonly #options: SeenTilesOptions;
  readonly #views = new RecentlyUsed<string, JoinedFeatures>({
    limit: FEATURE_BYTES,
    sizeOf: ({ data }) => data.byteLength,
  });

  constructor(options: SeenTilesOptions) {
    this.#options = options;
  }

  /** A tile in one view or in both, of which only what is not kept is computed. */
  async see({ column, row }: MapPlace, count: ViewCount): Promise<SeenTile> {
    const { extent, features } = this.#options;
    const [left, top] = [startOf(column), startOf(row)];
    // At the slide's border less is seen, and so less computed.
    const size = { width: seenSide(extent.width - left), height: seenSide(extent.height - top) };
    let read: Promise<RgbImage> | undefined;
    const views: JoinedFeatures[] = [];
    for (let view = 0; view < count; view++) {
      const load = async () => {
        read ??= this.#read({ left, top }, size);
        return features(viewOf(await read, view, size));
      };
      views.push(await this.#views.load(`${column}/${row}/${view}`, load));
    }
    return { views, size, left: column * TILE_SIDE - left, top: row * TILE_SIDE - top };
  }

  /** A place of the slide with what the second view sees beyond it. */
  async #read(
    { left, top }: { readonly left: number; readonly top: number },
    size: SeenFeatures["size"],
  ): Promise<RgbImage> {
    const { source, geometry, extent } = this.#options;
    const [width, height] = [size.width + VIEW_SHIFT, size.height + VIEW_SHIFT];
    const { pixelSize } = geometry;
    const corner = { x: left * pixelSize.x, y: top * pixelSize.y };
    const there = {
      width: Math.min(width, extent.width - left),
      height: Math.min(height, extent.height - top),
    };
    return reflectPadded(await readArea(source, corner, there, geometry), width, height);
  }
}

/** As it is, or mirrored and shifted. */
function viewOf(image: RgbImage, view: number, size: SeenFeatures["size"]): RgbImage {
  if (view === 0) return cutArea(image, { left: 0, top: 0, ...size });
  return applyDihedral(cutArea(image, { left: VIEW_SHIFT, top: VIEW_SHIFT, ...size }), MIRRORED);
}

/** Pixels that are seen along a side of which so many are left: all of a tile and its surroundings, or whole cells. */
function seenSide(left: number): number {
  return Math.min(SEEN_SIDE, pyramidSide(left));
}

/** Where what is seen with a tile begins. */
function startOf(index: number): number {
  return Math.max(0, index * TILE_SIDE - SURROUNDINGS);
}
