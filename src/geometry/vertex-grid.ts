/** Side of a cell in half pixels. */
const CELL = 16;
/** Cells are folded onto a table of at most this many, so that sparse outlines take no area's worth of memory. */
const MOST_BUCKETS = 1 << 22;

/** Finds vertices of outlines by place; vertices can be taken out. */
export class VertexGrid {
  readonly #coordinates: Int32Array;
  readonly #columns: number;
  readonly #left: number;
  readonly #top: number;
  readonly #mask: number;
  /** First place in #vertices of each bucket. */
  readonly #starts: Int32Array;
  readonly #counts: Int32Array;
  readonly #vertices: Int32Array;

  /** @param coordinates x and y of all vertices in turn, in half pixels */
  constructor(coordinates: Int32Array) {
    this.#coordinates = coordinates;
    let [left, top, right] = [Infinity, Infinity, -Infinity];
    for (let at = 0; at < coordinates.length; at += 2) {
      left = Math.min(left, coordinates[at] ?? 0);
      right = Math.max(right, coordinates[at] ?? 0);
      top = Math.min(top, coordinates[at + 1] ?? 0);
    }
    this.#left = left;
    this.#top = top;
    this.#columns = Math.floor((right - left) / CELL) + 1;
    const count = coordinates.length / 2;
    let buckets = 16;
    while (buckets < count && buckets < MOST_BUCKETS) buckets *= 2;
    this.#mask = buckets - 1;
    this.#starts = new Int32Array(buckets);
    this.#counts = new Int32Array(buckets);
    this.#vertices = new Int32Array(count);
    this.#fill(count);
  }

  #fill(count: number): void {
    for (let vertex = 0; vertex < count; vertex++) {
      const bucket = this.#bucketOf(vertex);
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    }
    let start = 0;
    for (let bucket = 0; bucket < this.#starts.length; bucket++) {
      this.#starts[bucket] = start;
      start += this.#counts[bucket] ?? 0;
      this.#counts[bucket] = 0;
    }
    for (let vertex = 0; vertex < count; vertex++) {
      const bucket = this.#bucketOf(vertex);
      const held = this.#counts[bucket] ?? 0;
      this.#vertices[(this.#starts[bucket] ?? 0) + held] = vertex;
      this.#counts[bucket] = held + 1;
    }
  }

  remove(vertex: number): void {
    const bucket = this.#bucketOf(vertex);
    const start = this.#starts[bucket] ?? 0;
    const last = (this.#counts[bucket] ?? 0) - 1;
    for (let at = start; at <= start + last; at++) {
      if (this.#vertices[at] !== vertex) continue;
      this.#vertices[at] = this.#vertices[start + last] ?? 0;
      this.#counts[bucket] = last;
      return;
    }
  }

  /** True when a vertex other than the three lies in their triangle or on its border. */
  triangleHoldsOther(a: number, b: number, c: number): boolean {
    const at = this.#coordinates;
    const [ax, ay] = [at[2 * a] ?? 0, at[2 * a + 1] ?? 0];
    const [bx, by] = [at[2 * b] ?? 0, at[2 * b + 1] ?? 0];
    const [cx, cy] = [at[2 * c] ?? 0, at[2 * c + 1] ?? 0];
    const firstRow = this.#row(Math.min(ay, by, cy));
    const lastRow = this.#row(Math.max(ay, by, cy));
    const reach = { low: 0, high: 0 };
    for (let row = firstRow; row <= lastRow; row++) {
      const top = this.#top + row * CELL;
      reach.low = Infinity;
      reach.high = -Infinity;
      widen(reach, ax, ay, bx, by, top);
      widen(reach, bx, by, cx, cy, top);
      widen(reach, cx, cy, ax, ay, top);
      const lastColumn = Math.floor((reach.high - this.#left) / CELL);
      for (let column = Math.floor((reach.low - this.#left) / CELL); column <= lastColumn; column++) {
        if (this.#bucketHits((row * this.#columns + column) & this.#mask, a, b, c)) return true;
      }
    }
    return false;
  }

  #bucketHits(bucket: number, a: number, b: number, c: number): boolean {
    const start = this.#starts[bucket] ?? 0;
    const end = start + (this.#counts[bucket] ?? 0);
    for (let at = start; at < end; at++) {
      const vertex = this.#vertices[at] ?? 0;
      if (vertex !== a && vertex !== b && vertex !== c && this.#isInside(vertex, a, b, c)) return true;
    }
    return false;
  }

  #isInside(vertex: number, a: number, b: number, c: number): boolean {
    const one = this.#side(a, b, vertex);
    const two = this.#side(b, c, vertex);
    const three = this.#side(c, a, vertex);
    const isLeft = one < 0 || two < 0 || three < 0;
    const isRight = one > 0 || two > 0 || three > 0;
    return !(isLeft && isRight);
  }

  /** Exact: coordinates are whole and their products far below 2^53. */
  #side(from: number, to: number, vertex: number): number {
    const at = this.#coordinates;
    const [x, y] = [at[2 * from] ?? 0, at[2 * from + 1] ?? 0];
    const across = ((at[2 * to] ?? 0) - x) * ((at[2 * vertex + 1] ?? 0) - y);
    return across - ((at[2 * vertex] ?? 0) - x) * ((at[2 * to + 1] ?? 0) - y);
  }

  #row(y: number): number {
    return Math.floor((y - this.#top) / CELL);
  }

  #bucketOf(vertex: number): number {
    const column = Math.floor(((this.#coordinates[2 * vertex] ?? 0) - this.#left) / CELL);
    const row = this.#row(this.#coordinates[2 * vertex + 1] ?? 0);
    return (row * this.#columns + column) & this.#mask;
  }
}

/** Widens a range of x by what an edge has of the rows of cells from `top` on. */
function widen(
  reach: { low: number; high: number },
  ax: number,
  ay: number,
  bx: number,
  by: number,
  top: number,
): void {
  const bottom = top + CELL;
  if (Math.max(ay, by) < top || Math.min(ay, by) > bottom) return;
  let from = ax;
  let to = bx;
  if (ay !== by) {
    const slope = (bx - ax) / (by - ay);
    from = ax + (Math.min(Math.max(ay, top), bottom) - ay) * slope;
    to = ax + (Math.min(Math.max(by, top), bottom) - ay) * slope;
  }
  // A half pixel more covers the rounding of the division.
  reach.low = Math.min(reach.low, from - 0.5, to - 0.5);
  reach.high = Math.max(reach.high, from + 0.5, to + 0.5);
}
