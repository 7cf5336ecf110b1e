import { RecentlyUsed } from "../../common/index.js";
import { type FloatMap, resizeFloatMap } from "../../imaging/index.js";
import type { LayoutArea, PatchAxis, PatchLayout } from "./layout.js";
import type { MapValues, PatchLog, PatchMaps } from "./patch-log.js";

/** Decoded patches kept between neighbouring tiles: 1.3 MB each at 512 × 512. */
const KEPT_PATCHES = 24;

/** The part of a patch that lies in an area, along one axis. */
interface Overlap {
  /** Of the patch along its axis. */
  readonly number: number;
  /** First pixel in the patch, first pixel in the area, and how many. */
  readonly inPatch: number;
  readonly inArea: number;
  readonly count: number;
  /** Of the patch's pixels. */
  readonly weights: Float32Array;
}

function overlapOf({ starts, weights }: PatchAxis, number: number, from: number, size: number): Overlap[] {
  const [start, ownWeights] = [starts[number], weights[number]];
  if (start === undefined || ownWeights === undefined) return [];
  const first = Math.max(start, from);
  const count = Math.min(start + ownWeights.length, from + size) - first;
  if (count <= 0) return [];
  return [{ number, inPatch: first - start, inArea: first - from, count, weights: ownWeights }];
}

function overlapsOf(axis: PatchAxis, from: number, size: number): Overlap[] {
  return axis.starts.flatMap((_, number) => overlapOf(axis, number, from, size));
}

/**
 * Adds a patch's values, times their weights, to the sums of an area `rowLength` wide. Sums of floating-point
 * numbers depend on the order: patches are always added row by row.
 */
function addWeighted(
  sums: Float32Array | Float64Array,
  rowLength: number,
  values: MapValues,
  patchSize: number,
  { across, down }: { readonly across: Overlap; readonly down: Overlap },
  factor = 1,
): void {
  for (let line = 0; line < down.count; line++) {
    const rowWeight = (down.weights[down.inPatch + line] ?? 0) * factor;
    const from = (down.inPatch + line) * patchSize + across.inPatch;
    const to = (down.inArea + line) * rowLength + across.inArea;
    for (let step = 0; step < across.count; step++) {
      const value = (values[from + step] ?? 0) * rowWeight * (across.weights[across.inPatch + step] ?? 0);
      sums[to + step] = (sums[to + step] ?? 0) + value;
    }
  }
}

function enlarged({ width, height, data }: PatchMaps["activation"], size: number): Float32Array {
  return resizeFloatMap({ width, height, data: Float32Array.from(data) }, size, size).data;
}

/** The blended maps of a whole image, to which patches are added as they are finished, row by row. */
export class ImageBlender {
  readonly probability: FloatMap;
  readonly activation: FloatMap;
  readonly #layout: PatchLayout;

  constructor(layout: PatchLayout) {
    const { width, height } = layout;
    this.#layout = layout;
    this.probability = { width, height, data: new Float32Array(width * height) };
    this.activation = { width, height, data: new Float32Array(width * height) };
  }

  /**
   * @param index of the patch in the layout
   * @param factor the classifier's probability: a map is stretched to its own patch's range, which this makes
   *   comparable
   */
  add(index: number, { activation, tumour }: PatchMaps, factor: number): void {
    const { columns, rows, width, height, geometry } = this.#layout;
    const { patchSize } = geometry;
    const [across] = overlapOf(columns, index % columns.starts.length, 0, width);
    const [down] = overlapOf(rows, Math.floor(index / columns.starts.length), 0, height);
    if (across === undefined || down === undefined) throw new RangeError(`the layout has no patch ${index}`);
    const place = { across, down };
    addWeighted(this.activation.data, width, enlarged(activation, patchSize), patchSize, place, factor);
    if (tumour !== null) addWeighted(this.probability.data, width, tumour, patchSize, place);
  }
}

/** One tile of the blended rasters, 0 to 255 for 0 to 1; null where zero throughout. */
export interface BlendedTile {
  readonly probability: Uint8Array | null;
  readonly activation: Uint8Array | null;
}

/** A patch ready to be added: maps of its own size, 0 to 255. */
interface DecodedPatch {
  readonly tumour: MapValues | null;
  /** Times the classifier's probability. */
  readonly activation: Float32Array | null;
}

/**
 * Blends finished patches tile by tile with the weights of {@link ImageBlender}, in memory that does not grow with
 * the slide: a patch that is not in the log, because it has no tissue, counts as probability 0.
 */
export class TileBlender {
  readonly #layout: PatchLayout;
  readonly #log: PatchLog;
  readonly #tileSize: number;
  readonly #decoded = new RecentlyUsed<number, DecodedPatch>({ limit: KEPT_PATCHES });

  /** @param log of maps of 8 bits */
  constructor(layout: PatchLayout, log: PatchLog, tileSize: number) {
    this.#layout = layout;
    this.#log = log;
    this.#tileSize = tileSize;
  }

  /** @param column,row of the tile, in tiles */
  async blend(column: number, row: number): Promise<BlendedTile> {
    const { columns, rows, geometry } = this.#layout;
    const size = this.#tileSize;
    const area: LayoutArea = { x: column * size, y: row * size, width: size, height: size };
    const [probability, activation] = [new LevelSum(area), new LevelSum(area)];
    for (const down of overlapsOf(rows, area.y, size)) {
      for (const across of overlapsOf(columns, area.x, size)) {
        const patch = await this.#patch(down.number * columns.starts.length + across.number);
        probability.add(patch?.tumour, geometry.patchSize, { across, down });
        activation.add(patch?.activation, geometry.patchSize, { across, down });
      }
    }
    return { probability: probability.levels(), activation: activation.levels() };
  }

  async #patch(index: number): Promise<DecodedPatch | null> {
    const kept = this.#decoded.get(index);
    if (kept !== undefined) return kept;
    const maps = await this.#log.read(index);
    if (maps === null) return null;
    const patch = { tumour: maps.tumour, activation: this.#weighedActivation(index, maps.activation) };
    this.#decoded.set(index, patch);
    return patch;
  }

  #weighedActivation(index: number, activation: PatchMaps["activation"]): Float32Array | null {
    if (activation.data.every((level) => level === 0)) return null;
    const probability = this.#log.patches.get(index)?.probability ?? 0;
    return enlarged(activation, this.#layout.geometry.patchSize).map((level) => level * probability);
  }
}

/** A tile's weighted sums of levels. */
class LevelSum {
  readonly #width: number;
  readonly #sums: Float64Array;
  #isZero = true;

  constructor({ width, height }: LayoutArea) {
    this.#width = width;
    this.#sums = new Float64Array(width * height);
  }

  add(
    values: MapValues | null | undefined,
    patchSize: number,
    place: { readonly across: Overlap; readonly down: Overlap },
  ): void {
    if (values === null || values === undefined) return;
    this.#isZero = false;
    addWeighted(this.#sums, this.#width, values, patchSize, place);
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
