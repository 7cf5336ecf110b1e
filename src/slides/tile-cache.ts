import type { RgbImage } from "../imaging/index.js";
import { recycleTileBuffer } from "./tile-buffers.js";

/** Bytes of decoded tiles that a process keeps unless told otherwise. */
export const DEFAULT_TILE_CACHE_BYTES = 32 * 2 ** 20;

/**
 * Decoded tiles of any number of slides, limited in bytes; the least recently used leave first.
 * Two readers that want the same tile at the same time share one decoding. The buffers of tiles that leave are used
 * again: copy what you need of a tile before you await anything.
 */
export class TileCache {
  readonly limit: number;
  readonly #tiles = new Map<string, RgbImage | null>();
  readonly #pending = new Map<string, Promise<RgbImage | null>>();
  #bytes = 0;

  /** @param limit bytes of pixels kept, at least 0 */
  constructor(limit: number = DEFAULT_TILE_CACHE_BYTES) {
    this.limit = limit;
  }

  /** Bytes of the tiles held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The tile under `key`, decoded by `load` unless it is held or under way. A failure is not kept.
   * @param key unique in the cache; begins with the owner's prefix, see {@link TileCache.forget}
   */
  async get(key: string, load: () => Promise<RgbImage | null>): Promise<RgbImage | null> {
    const held = this.#tiles.get(key);
    if (held !== undefined) {
      this.#tiles.delete(key);
      this.#tiles.set(key, held);
      return held;
    }
    const pending = this.#pending.get(key);
    if (pending !== undefined) return pending;
    const loading = load();
    this.#pending.set(key, loading);
    try {
      const tile = await loading;
      if (this.#pending.get(key) === loading) this.#keep(key, tile);
      return tile;
    } finally {
      if (this.#pending.get(key) === loading) this.#pending.delete(key);
    }
  }

  /** Drops every tile whose key begins with `prefix`, and what is under way under it when it arrives. */
  forget(prefix: string): void {
    for (const key of [...this.#pending.keys()]) if (key.startsWith(prefix)) this.#pending.delete(key);
    for (const key of [...this.#tiles.keys()]) if (key.startsWith(prefix)) this.#drop(key);
  }

  #keep(key: string, tile: RgbImage | null): void {
    const bytes = sizeOf(tile);
    if (bytes > this.limit) return;
    this.#tiles.set(key, tile);
    this.#bytes += bytes;
    for (const oldest of this.#tiles.keys()) {
      if (this.#bytes <= this.limit) break;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    const tile = this.#tiles.get(key) ?? null;
    this.#bytes -= sizeOf(tile);
    this.#tiles.delete(key);
    if (tile !== null) recycleTileBuffer(tile.data);
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
