import { boxOfRing, type Level0Box, type Level0Ring } from "../geometry/index.js";

/** Edges whose lowest end is compared at once. */
const BLOCK = 64;

/**
 * The edges of a ring in order of their upper ends, so that those crossing a band of rows are found without
 * looking at the others: blocks of 64 know how far down they reach. Horizontal edges never count.
 */
export class EdgeIndex {
  readonly box: Level0Box;
  readonly #count: number;
  /** Upper y, x there, lower y, x there of each edge. */
  readonly #edges: Float64Array;
  /** 1 for edges that run down, -1 for those that run up. */
  readonly #directions: Int8Array;
  readonly #blockBottoms: Float64Array;

  constructor(ring: Level0Ring) {
    this.box = boxOfRing(ring);
    const unsorted = edgesOf(ring);
    const order = Uint32Array.from({ length: unsorted.length / 5 }, (_, edge) => edge);
    order.sort((a, b) => (unsorted[5 * a] ?? 0) - (unsorted[5 * b] ?? 0) || a - b);
    this.#count = order.length;
    this.#edges = new Float64Array(4 * order.length);
    this.#directions = new Int8Array(order.length);
    this.#blockBottoms = new Float64Array(Math.ceil(order.length / BLOCK)).fill(-Infinity);
    for (const [position, edge] of order.entries()) {
      this.#edges.set(unsorted.subarray(5 * edge, 5 * edge + 4), 4 * position);
      this.#directions[position] = unsorted[5 * edge + 4] ?? 0;
      const block = Math.floor(position / BLOCK);
      const bottom = unsorted[5 * edge + 2] ?? 0;
      this.#blockBottoms[block] = Math.max(this.#blockBottoms[block] ?? 0, bottom);
    }
  }

  /** Calls `visit` for every edge that reaches into top <= y < bottom. */
  visit(
    top: number,
    bottom: number,
    visit: (upperY: number, upperX: number, lowerY: number, lowerX: number, direction: number) => void,
  ): void {
    for (let block = 0; block < this.#blockBottoms.length; block++) {
      const first = block * BLOCK;
      if ((this.#edges[4 * first] ?? 0) >= bottom) return;
      if ((this.#blockBottoms[block] ?? 0) <= top) continue;
      const end = Math.min(this.#count, first + BLOCK);
      for (let edge = first; edge < end; edge++) {
        const upperY = this.#edges[4 * edge] ?? 0;
        if (upperY >= bottom) return;
        const lowerY = this.#edges[4 * edge + 2] ?? 0;
        if (lowerY <= top) continue;
        const upperX = this.#edges[4 * edge + 1] ?? 0;
        visit(upperY, upperX, lowerY, this.#edges[4 * edge + 3] ?? 0, this.#directions[edge] ?? 0);
      }
    }
  }
}

/** Five numbers an edge: upper y, x there, lower y, x there, direction. */
function edgesOf({ coordinates }: Level0Ring): Float64Array {
  const edges = new Float64Array((coordinates.length / 2) * 5);
  let used = 0;
  let fromX = coordinates.at(-2) ?? 0;
  let fromY = coordinates.at(-1) ?? 0;
  for (let at = 0; at < coordinates.length; at += 2) {
    const x = coordinates[at] ?? 0;
    const y = coordinates[at + 1] ?? 0;
    if (fromY < y) edges.set([fromY, fromX, y, x, 1], used);
    else if (fromY > y) edges.set([y, x, fromY, fromX, -1], used);
    if (fromY !== y) used += 5;
    fromX = x;
    fromY = y;
  }
  return edges.subarray(0, used);
}
