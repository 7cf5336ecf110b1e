import { VertexGrid } from "./vertex-grid.js";

/** Rings keep at least this many vertices, so that small areas keep their shape. */
const LEAST_VERTICES = 4;
/** Vertices are taken out by passes of growing tolerance, so that those that matter least go first. */
const PASSES = [1 / 4, 1 / 2, 1] as const;

/**
 * Rings with fewer vertices, a subset of their own: every vertex left out lies within `tolerance` of the edge that
 * takes its place. The rings come and stay free of crossings and touches with themselves and each other, because a
 * vertex is only taken out when the triangle with its neighbours holds no other vertex; where it does, the outline
 * stays as fine as it is.
 * @param rings x and y in turn, whole numbers; together one area with its holes
 */
export function simplifyRings(rings: readonly Int32Array[], tolerance: number): Int32Array[] {
  if (tolerance <= 0) return [...rings];
  const simplification = new Simplification(rings, tolerance);
  for (const share of PASSES) simplification.pass(share * tolerance);
  return simplification.rings();
}

class Simplification {
  readonly #coordinates: Int32Array;
  readonly #grid: VertexGrid;
  /** First vertex of each ring, and one past the last. */
  readonly #starts: Int32Array;
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  /** Vertices left of each ring, and one of them. */
  readonly #left: Int32Array;
  readonly #anchors: Int32Array;

  constructor(rings: readonly Int32Array[], tolerance: number) {
    if (!Number.isFinite(tolerance)) throw new RangeError("the tolerance is not finite");
    const total = rings.reduce((sum, ring) => sum + ring.length, 0);
    this.#coordinates = new Int32Array(total);
    this.#starts = new Int32Array(rings.length + 1);
    this.#next = new Int32Array(total / 2);
    this.#previous = new Int32Array(total / 2);
    this.#left = Int32Array.from(rings, (ring) => ring.length / 2);
    let start = 0;
    for (const [index, ring] of rings.entries()) {
      const count = ring.length / 2;
      this.#coordinates.set(ring, 2 * start);
      for (let at = 0; at < count; at++) {
        this.#next[start + at] = start + ((at + 1) % count);
        this.#previous[start + at] = start + ((at + count - 1) % count);
      }
      start += count;
      this.#starts[index + 1] = start;
    }
    this.#anchors = this.#starts.slice(0, rings.length);
    this.#grid = new VertexGrid(this.#coordinates);
  }

  /** Takes out what may go at this tolerance. Neighbours do not go in one round, so that edges grow evenly. */
  pass(tolerance: number): void {
    for (let ring = 0; ring < this.#left.length; ring++) {
      while (this.#round(ring, tolerance) > 0);
    }
  }

  rings(): Int32Array[] {
    return Array.from(this.#left, (count, ring) => {
      const coordinates = new Int32Array(2 * count);
      let vertex = this.#anchors[ring] ?? 0;
      for (let at = 0; at < count; at++) {
        coordinates[2 * at] = this.#coordinates[2 * vertex] ?? 0;
        coordinates[2 * at + 1] = this.#coordinates[2 * vertex + 1] ?? 0;
        vertex = this.#next[vertex] ?? 0;
      }
      return coordinates;
    });
  }

  /** @returns how many vertices went */
  #round(ring: number, tolerance: number): number {
    let removed = 0;
    let vertex = this.#anchors[ring] ?? 0;
    for (let steps = this.#left[ring] ?? 0; steps > 0; steps--) {
      if ((this.#left[ring] ?? 0) <= LEAST_VERTICES) return removed;
      const before = this.#previous[vertex] ?? 0;
      const after = this.#next[vertex] ?? 0;
      if (!this.#mayGo(ring, before, vertex, after, tolerance)) {
        vertex = after;
        continue;
      }
      this.#takeOut(ring, before, vertex, after);
      removed++;
      steps--;
      vertex = this.#next[after] ?? 0;
    }
    return removed;
  }

  #takeOut(ring: number, before: number, vertex: number, after: number): void {
    this.#next[before] = after;
    this.#previous[after] = before;
    this.#grid.remove(vertex);
    this.#left[ring] = (this.#left[ring] ?? 0) - 1;
    this.#anchors[ring] = before;
  }

  #mayGo(ring: number, before: number, vertex: number, after: number, tolerance: number): boolean {
    if (!this.#staysWithin(ring, before, after, tolerance ** 2)) return false;
    return !this.#grid.triangleHoldsOther(before, vertex, after);
  }

  /** Whether all vertices of the ring as it was between the two lie near the edge that would join them. */
  #staysWithin(ring: number, from: number, to: number, squared: number): boolean {
    const first = this.#starts[ring] ?? 0;
    const end = this.#starts[ring + 1] ?? 0;
    const at = this.#coordinates;
    const [x, y] = [at[2 * from] ?? 0, at[2 * from + 1] ?? 0];
    const alongX = (at[2 * to] ?? 0) - x;
    const alongY = (at[2 * to + 1] ?? 0) - y;
    const length = alongX * alongX + alongY * alongY;
    if (length === 0) return false;
    for (let vertex = from + 1; ; vertex++) {
      if (vertex === end) vertex = first;
      if (vertex === to) return true;
      const dx = (at[2 * vertex] ?? 0) - x;
      const dy = (at[2 * vertex + 1] ?? 0) - y;
      const share = Math.min(Math.max((dx * alongX + dy * alongY) / length, 0), 1);
      if ((dx - share * alongX) ** 2 + (dy - share * alongY) ** 2 > squared) return false;
    }
  }
}
