import { RecentlyUsed } from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { recycleTileBuffer } from "./tile-buffers.js";

/** Bytes of decoded tiles that a process keeps unless told otherwise. */
export const DEFAULT_TILE_CACHE_BYTES = 32 * 2 ** 20;

/** Tiles that were asked for lately; about as many as the cache holds of the usual ones. */
const LATELY = 256;
/** Requests that the share of those who come back is a mean of, about. */
const WEIGHED = 64;
/** Share of those who come back below which tiles are decoded in part: a part spares less than half the time. */
const WORTH_KEEPING = 0.1;

/**
 * Decoded tiles of any number of slides, limited in bytes; the least recently used leave first.
 * Two readers that want the same tile at the same time share one decoding. The buffers of tiles that leave are used
 * again: copy what you need of a tile before you await anything.
 */
export class TileCache {
  readonly #tiles: RecentlyUsed<string, RgbImage | null>;
  /** Keys that were asked for lately, decoded in part or as a whole. */
  readonly #lately = new RecentlyUsed<string, number>({ limit: LATELY });
  /** Share of those who ask lately that came back to a tile; from 1, so that tiles are kept until it is known. */
  #returning = 1;

  /** @param limit bytes of pixels kept, at least 0 */
  constructor(readonly limit: number = DEFAULT_TILE_CACHE_BYTES) {
    const onLeave = (tile: RgbImage | null) => {
      if (tile !== null) recycleTileBuffer(tile.data);
    };
    this.#tiles = new RecentlyUsed({ limit, sizeOf, onLeave });
  }

  /** Bytes of the tiles held now. */
  get bytes(): number {
    return this.#tiles.size;
  }

  /**
   * Notes that a tile is asked for.
   * @returns whether a whole tile is worth its time: it is here, or tiles are come back to, as where patches lie side by
   *   side; not where regions are drawn at random from a whole slide
   */
  asked(key: string): boolean {
    const isAgain = this.#lately.get(key) !== undefined;
    this.#lately.set(key, 1);
    this.#returning += ((isAgain ? 1 : 0) - this.#returning) / WEIGHED;
    return this.#returning >= WORTH_KEEPING || this.#tiles.get(key) !== undefined;
  }

  /**
   * The tile under `key`, decoded by `load` unless it is held or under way. A failure is not kept.
   * @param key unique in the cache; begins with the owner's prefix, see {@link TileCache.forget}
   */
  get(key: string, load: () => Promise<RgbImage | null>): Promise<RgbImage | null> {
    return this.#tiles.load(key, load);
  }

  /** Drops every tile whose key begins with `prefix`; what is under way under it is not kept when it arrives. */
  forget(prefix: string): void {
    this.#tiles.deleteWhere((key) => key.startsWith(prefix));
  }
}

/** A missing tile costs its key. */
function sizeOf(tile: RgbImage | null): number {
  return 128 + (tile?.data.length ?? 0);
}

/** The cache that every slide of the process shares by default. */
export const sharedTileCache = new TileCache();

let owners = 0;

/** A prefix for the keys of one open slide, never given twice in a process. */
export function newCachePrefix(): string {
  owners += 1;
  return `${owners}/`;
}
