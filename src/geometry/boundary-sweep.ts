import { VertexPool } from "./vertex-pool.js";

/** A connected foreground area (pixels that touch at a side or a corner), complete. */
export interface TracedComponent {
  /**
   * Outline through the middles of pixel edges in half pixels, x and y in turn, clockwise on the screen. It never
   * touches itself or another ring.
   */
  readonly outer: Int32Array;
  /** Outlines of the holes, the other way round. */
  readonly holes: readonly Int32Array[];
  readonly pixels: number;
  /** Sum over its pixels of the second raster, 0 without one. */
  readonly levelSum: number;
}

/** What is known so far of an area; areas that turn out to be one are merged into a tree. */
class Component {
  parent: Component | null = null;
  pixels = 0;
  levelSum = 0;
  holes: Int32Array[] = [];

  get root(): Component {
    let root: Component = this;
    while (root.parent !== null) root = root.parent;
    // The way is shortened for the next time.
    for (let at: Component = this; at.parent !== null; ) {
      const next: Component = at.parent;
      at.parent = root;
      at = next;
      if (at === root) break;
    }
    return root;
  }
}

/** Where an outline under construction goes on: its tail, or what comes before its start. */
interface OpenEnd {
  vertex: number;
  partner: OpenEnd | null;
  readonly component: Component;
}

/** A row's runs of foreground from `from` up to, not including, `to`, with the open ends of their two sides. */
interface Run {
  readonly from: number;
  readonly to: number;
  readonly component: Component;
  /** Left sides are followed upwards: what comes before the start of that outline is still unknown. */
  left: OpenEnd | null;
  /** Right sides are followed downwards: the outline's tail. */
  right: OpenEnd | null;
}

/**
 * Follows the outlines of all foreground areas in one pass over the rows from the top. Between two rows, every
 * place where either changes joins the outlines that meet there; an area is handed out when its outer outline
 * closes. Memory: the open outlines, never the mask.
 *
 * Outlines run through the middles of pixel edges (marching squares at one half). Pixels that touch at a corner
 * alone are joined there.
 */
export class BoundarySweep {
  readonly #pool = new VertexPool();
  readonly #onComponent: (component: TracedComponent) => void;
  #row = 0;
  #above: Run[] = [];
  /** The open end of the horizontal piece that is being followed from left to right between two rows. */
  #pending: OpenEnd | null = null;

  constructor(onComponent: (component: TracedComponent) => void) {
    this.#onComponent = onComponent;
  }

  /**
   * The next row.
   * @param values foreground from `threshold` on
   * @param levels values of the second raster, or null
   */
  addRow(values: Uint8Array, threshold: number, levels: Uint8Array | null): void {
    this.#advance(this.#runsOf(values, threshold, levels));
  }

  /** Rows of background, which cost nothing. */
  addEmptyRows(count: number): void {
    if (count === 0) return;
    if (this.#above.length > 0) this.#advance([]);
    else this.#row++;
    this.#row += count - 1;
  }

  /** Closes what reaches the lower edge. */
  finish(): void {
    this.addEmptyRows(1);
  }

  #advance(runs: Run[]): void {
    this.#joinRows(this.#above, runs);
    this.#above = runs;
    this.#row++;
  }

  #runsOf(values: Uint8Array, threshold: number, levels: Uint8Array | null): Run[] {
    const runs: Run[] = [];
    let above = 0;
    let at = 0;
    while (at < values.length) {
      while (at < values.length && (values[at] ?? 0) < threshold) at++;
      if (at === values.length) break;
      const from = at;
      while (at < values.length && (values[at] ?? 0) >= threshold) at++;
      // Runs above that end before this one begins touch none of the later ones either.
      for (let run = this.#above[above]; run !== undefined && run.to < from; run = this.#above[above])
        above++;
      const component = this.#componentOf(from, at, above);
      component.pixels += at - from;
      if (levels !== null) component.levelSum += sumOf(levels, from, at);
      runs.push({ from, to: at, component, left: null, right: null });
    }
    return runs;
  }

  /** The area of the runs above that a run touches, corners included; a new one where there are none. */
  #componentOf(from: number, to: number, firstAbove: number): Component {
    let component: Component | null = null;
    for (let index = firstAbove; index < this.#above.length; index++) {
      const run = this.#above[index];
      if (run === undefined || run.from > to) break;
      if (run.to < from) continue;
      const other = run.component.root;
      component = component === null ? other : merge(component, other);
    }
    return component ?? new Component();
  }

  /** Joins the outlines between two rows, at every place where one of them or both change, from the left. */
  #joinRows(above: readonly Run[], below: readonly Run[]): void {
    let upper = 0;
    let lower = 0;
    while (upper < 2 * above.length || lower < 2 * below.length) {
      const upperRun = above[upper >> 1];
      const lowerRun = below[lower >> 1];
      const upperX = upperRun === undefined ? Infinity : upper % 2 === 0 ? upperRun.from : upperRun.to;
      const lowerX = lowerRun === undefined ? Infinity : lower % 2 === 0 ? lowerRun.from : lowerRun.to;
      const x = Math.min(upperX, lowerX);
      const meetsUpper = upperX === x && upperRun !== undefined;
      const meetsLower = lowerX === x && lowerRun !== undefined;
      const upperIsLeft = upper % 2 === 0;
      const lowerIsLeft = lower % 2 === 0;
      if (meetsUpper && meetsLower) this.#meetBoth(x, upperRun, upperIsLeft, lowerRun, lowerIsLeft);
      else if (meetsUpper) this.#meetUpper(x, upperRun, upperIsLeft);
      else if (meetsLower) this.#meetLower(x, lowerRun, lowerIsLeft);
      if (meetsUpper) upper++;
      if (meetsLower) lower++;
    }
  }

  #meetBoth(x: number, upper: Run, upperIsLeft: boolean, lower: Run, lowerIsLeft: boolean): void {
    if (upperIsLeft === lowerIsLeft) {
      // The side goes straight on.
      if (upperIsLeft) lower.left = upper.left;
      else lower.right = upper.right;
    } else if (upperIsLeft) {
      // Foreground at the lower left and the upper right: the outline of the upper left background closes first.
      this.#meetUpper(x, upper, true);
      this.#meetLower(x, lower, false);
    } else {
      this.#meetLower(x, lower, true);
      this.#meetUpper(x, upper, false);
    }
  }

  /** A side of the row above ends here: in the horizontal piece from the left, or it begins one to the right. */
  #meetUpper(x: number, run: Run, isLeft: boolean): void {
    const end = isLeft ? run.left : run.right;
    if (end === null) throw new RangeError("a run above has no outline");
    this.#extend(end, isLeft, 2 * x, 2 * this.#row - 1);
    const pending = this.#pending;
    if (pending === null) {
      this.#extend(end, isLeft, 2 * x + 1, 2 * this.#row);
      this.#pending = end;
      return;
    }
    this.#pending = null;
    // The piece from the left runs east below a left side and is its predecessor; else it is the successor.
    this.#extend(pending, !isLeft, 2 * x - 1, 2 * this.#row);
    if (isLeft) this.#join(pending, end);
    else this.#join(end, pending);
  }

  /** A side of the row below begins here: from the horizontal piece from the left, or with one to the right. */
  #meetLower(x: number, run: Run, isLeft: boolean): void {
    const pending = this.#pending;
    let end = pending;
    if (end !== null) {
      this.#extend(end, isLeft, 2 * x - 1, 2 * this.#row);
      this.#pending = null;
    } else {
      const vertex = this.#pool.add(2 * x + 1, 2 * this.#row);
      const other: OpenEnd = { vertex, partner: null, component: run.component };
      end = { vertex, partner: other, component: run.component };
      other.partner = end;
      this.#pending = other;
    }
    this.#extend(end, isLeft, 2 * x, 2 * this.#row + 1);
    if (isLeft) run.left = end;
    else run.right = end;
  }

  /** Puts a vertex before an outline's start, or after its tail. */
  #extend(end: OpenEnd, isStart: boolean, x: number, y: number): void {
    if (this.#pool.isAt(end.vertex, x, y)) return;
    const vertex = this.#pool.add(x, y);
    if (isStart) this.#pool.link(vertex, end.vertex);
    else this.#pool.link(end.vertex, vertex);
    end.vertex = vertex;
  }

  #join(tail: OpenEnd, start: OpenEnd): void {
    this.#pool.link(tail.vertex, start.vertex);
    if (tail.partner === start) {
      this.#complete(this.#pool.takeRing(start.vertex), start.component.root);
      return;
    }
    const [first, last] = [tail.partner, start.partner];
    if (first === null || last === null) throw new RangeError("an outline has one end");
    first.partner = last;
    last.partner = first;
  }

  #complete(ring: Int32Array, component: Component): void {
    if (runsClockwise(ring)) {
      const { holes, pixels, levelSum } = component;
      this.#onComponent({ outer: ring, holes, pixels, levelSum });
    } else component.holes.push(ring);
  }
}

function merge(one: Component, other: Component): Component {
  if (one === other) return one;
  const [into, from] = one.holes.length >= other.holes.length ? [one, other] : [other, one];
  from.parent = into;
  into.pixels += from.pixels;
  into.levelSum += from.levelSum;
  for (const hole of from.holes) into.holes.push(hole);
  from.holes = [];
  return into;
}

function sumOf(levels: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += levels[at] ?? 0;
  return sum;
}

/** By the sign of the area, y pointing down. */
function runsClockwise(ring: Int32Array): boolean {
  let twice = 0;
  const [originX = 0, originY = 0] = ring;
  for (let at = 0; at < ring.length; at += 2) {
    const next = (at + 2) % ring.length;
    const ax = (ring[at] ?? 0) - originX;
    const ay = (ring[at + 1] ?? 0) - originY;
    twice += ax * ((ring[next + 1] ?? 0) - originY) - ((ring[next] ?? 0) - originX) * ay;
  }
  return twice > 0;
}
