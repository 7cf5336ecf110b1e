import { RecentlyUsed } from "../../common/index.js";
import { resizeFloatMap } from "../../imaging/index.js";
import type { TileAxis } from "../tiles.js";
import type { PatchLog } from "./patch-log.js";
import type { SlideGrid } from "./slide-grid.js";

/** Decoded patches kept between neighbouring tiles: 1.3 MB each at 512 × 512. */
const KEPT_PATCHES = 24;

/** One tile of the blended rasters, 0 to 255 for 0 to 1; null where zero throughout. */
export interface BlendedTile {
  readonly probability: Uint8Array | null;
  readonly activation: Uint8Array | null;
}

/** A patch ready to be added: maps of its own size, 0 to 255. */
interface DecodedPatch {
  readonly tumour: Uint8Array | null;
  /** Times the classifier's probability. */
  readonly activation: Float32Array | null;
}

/**
 * Blends finished patches tile by tile with the weights of `segmentImage`: a patch that is not in the log, because
 * it has no tissue, counts as probability 0.
 */
export class PatchBlender {
  readonly #grid: SlideGrid;
  readonly #log: PatchLog;
  readonly #tileSize: number;
  readonly #decoded = new RecentlyUsed<number, DecodedPatch>({ limit: KEPT_PATCHES });

  constructor(grid: SlideGrid, log: PatchLog, tileSize: number) {
    this.#grid = grid;
    this.#log = log;
    this.#tileSize = tileSize;
  }

  /** @param column,row of the tile, in tiles */
  async blend(column: number, row: number): Promise<BlendedTile> {
    const { columns, rows } = this.#grid;
    const across = overlapping(columns, column * this.#tileSize, this.#tileSize);
    const down = overlapping(rows, row * this.#tileSize, this.#tileSize);
    const probability = new LevelSum(this.#tileSize);
    const activation = new LevelSum(this.#tileSize);
    // Always row by row: sums of floating-point numbers depend on the order.
    for (const y of down) {
      for (const x of across) {
        const patch = await this.#patch(y.number * columns.starts.length + x.number);
        if (patch === null) continue;
        if (patch.tumour !== null) probability.add(patch.tumour, this.#patchSize, x, y);
        if (patch.activation !== null) activation.add(patch.activation, this.#patchSize, x, y);
      }
    }
    return { probability: probability.levels(), activation: activation.levels() };
  }

  get #patchSize(): number {
    return this.#grid.geometry.patchSize;
  }

  async #patch(index: number): Promise<DecodedPatch | null> {
    const kept = this.#decoded.get(index);
    if (kept !== undefined) return kept;
    const maps = await this.#log.read(index);
    if (maps === null) return null;
    const { tumour, activation } = maps;
    const probability = this.#log.patches.get(index)?.probability ?? 0;
    const isFlat = activation.data.every((level) => level === 0);
    const patch = {
      tumour,
      activation: isFlat ? null : enlarged(activation, this.#patchSize, probability),
    };
    this.#decoded.set(index, patch);
    return patch;
  }
}

function enlarged(
  levels: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  size: number,
  factor: number,
): Float32Array {
  const map = { ...levels, data: Float32Array.from(levels.data) };
  return resizeFloatMap(map, size, size).data.map((level) => level * factor);
}

/** The part of a patch that lies in a tile, along one axis. */
interface Overlap {
  /** Of the patch along its axis. */
  readonly number: number;
  /** First pixel in the patch, first pixel in the tile, and how many. */
  readonly inPatch: number;
  readonly inTile: number;
  readonly count: number;
  /** Of the patch's pixels. */
  readonly weights: Float32Array;
}

function overlapping({ starts, weights }: TileAxis, from: number, size: number): Overlap[] {
  return starts.flatMap((start, number) => {
    const ownWeights = weights[number] ?? new Float32Array(0);
    const first = Math.max(start, from);
    const count = Math.min(start + ownWeights.length, from + size) - first;
    if (count <= 0) return [];
    return [{ number, inPatch: first - start, inTile: first - from, count, weights: ownWeights }];
  });
}

/** A tile's weighted sums of levels. */
class LevelSum {
  readonly #size: number;
  readonly #sums: Float64Array;
  #isZero = true;

  constructor(size: number) {
    this.#size = size;
    this.#sums = new Float64Array(size * size);
  }

  add(values: Uint8Array | Float32Array, width: number, across: Overlap, down: Overlap): void {
    this.#isZero = false;
    for (let line = 0; line < down.count; line++) {
      const rowWeight = down.weights[down.inPatch + line] ?? 0;
      const from = (down.inPatch + line) * width + across.inPatch;
      const to = (down.inTile + line) * this.#size + across.inTile;
      for (let step = 0; step < across.count; step++) {
        const weight = rowWeight * (across.weights[across.inPatch + step] ?? 0);
        this.#sums[to + step] = (this.#sums[to + step] ?? 0) + (values[from + step] ?? 0) * weight;
      }
    }
  }

  /** Rounded, halves down, so that a level above 127 is a value above one half. */
  levels(): Uint8Array | null {
    if (this.#isZero) return null;
    const levels = new Uint8Array(this.#sums.length);
    let isZero = true;
    for (let at = 0; at < levels.length; at++) {
      const level = Math.min(255, Math.ceil((this.#sums[at] ?? 0) - 0.5));
      levels[at] = level;
      if (level > 0) isZero = false;
    }
    return isZero ? null : levels;
  }
}
