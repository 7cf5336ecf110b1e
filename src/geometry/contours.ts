import type { Area, Box, Position } from "../contract/index.js";
import { ringFrom } from "./area.js";
import { ringContains, signedArea } from "./ring.js";
import { simplifyRing } from "./simplify-line.js";

/** Areas and holes of fewer pixels than this are specks that nobody means. */
const LEAST_PIXELS = 16;
/** How far, in pixels, an outline may lie from the exact one. */
const TOLERANCE = 0.25;

/** Logits over a patch, row by row. */
export interface LogitMap {
  readonly width: number;
  readonly height: number;
  /** Above 0 for foreground. */
  readonly data: Float32Array;
}

/** Logits of a square patch. */
export function squareLogits(data: Float32Array): LogitMap {
  const side = Math.round(Math.sqrt(data.length));
  return { width: side, height: side, data };
}

/**
 * The foreground of logits as an area of the slide: the outlines where the logits, interpolated between the centres
 * of pixels, are zero (marching squares; Lorensen and Cline, 1987, in two dimensions). Beyond the patch is background.
 * @param box what the patch covers
 */
export function areaOfLogits(logits: LogitMap, box: Box): Area {
  const scale = { x: box.width / logits.width, y: box.height / logits.height };
  const rings = zeroCrossings(logits)
    .map((ring) => ({ ring, area: signedArea(ringFrom(ring)) }))
    .filter(({ area }) => Math.abs(area) >= LEAST_PIXELS);
  // Foreground lies to the right of its outline: outer ones run clockwise on the screen.
  const outer = rings.filter(({ area }) => area > 0).sort((one, other) => one.area - other.area);
  const polygons = outer.map(({ ring }) => [ring]);
  for (const { ring } of rings.filter(({ area }) => area < 0)) {
    const [[x, y] = [0, 0]] = ring;
    // The smallest that holds it: islands in holes have holes of their own.
    polygons.find(([around = []]) => ringContains(ringFrom(around), x, y))?.push(ring);
  }
  const onSlide = (ring: readonly Position[]): Position[] =>
    simplifyRing(ring, TOLERANCE).map(([x, y]) => [box.x + x * scale.x, box.y + y * scale.y]);
  return { type: "MultiPolygon", coordinates: polygons.reverse().map((polygon) => polygon.map(onSlide)) };
}

/** The edges of a cell of four pixel centres. */
const [TOP, RIGHT, BOTTOM, LEFT] = [0, 1, 2, 3] as const;

/**
 * From which edge to which an outline runs through a cell, by its foreground corners: 8 upper left, 4 upper right,
 * 2 lower right, 1 lower left. The foreground is to the right of the way; in the two saddles it is joined.
 */
const WAYS: readonly (readonly (readonly [number, number])[])[] = [
  [],
  [[LEFT, BOTTOM]],
  [[BOTTOM, RIGHT]],
  [[LEFT, RIGHT]],
  [[RIGHT, TOP]],
  [
    [LEFT, TOP],
    [RIGHT, BOTTOM],
  ],
  [[BOTTOM, TOP]],
  [[LEFT, TOP]],
  [[TOP, LEFT]],
  [[TOP, BOTTOM]],
  [
    [TOP, RIGHT],
    [BOTTOM, LEFT],
  ],
  [[TOP, RIGHT]],
  [[RIGHT, LEFT]],
  [[RIGHT, BOTTOM]],
  [[BOTTOM, LEFT]],
  [],
];

/** Outlines in pixels of the patch, open: the first position is not repeated. */
function zeroCrossings(logits: LogitMap): Position[][] {
  const nodes = new NodeGrid(logits);
  const next = nodes.ways();
  const rings: Position[][] = [];
  for (const start of next.keys()) {
    const ring: Position[] = [];
    let edge: number | undefined = start;
    while (edge !== undefined) {
      ring.push(nodes.crossing(edge));
      const following = next.get(edge);
      next.delete(edge);
      edge = following === start ? undefined : following;
    }
    rings.push(ring);
  }
  return rings;
}

/** The centres of pixels and a frame of background around them. Edges between them are numbered, two for each node. */
class NodeGrid {
  readonly #logits: LogitMap;
  /** Nodes of a row. */
  readonly #width: number;
  readonly #height: number;
  /** 1 for foreground. */
  readonly #inside: Uint8Array;

  constructor(logits: LogitMap) {
    this.#logits = logits;
    this.#width = logits.width + 2;
    this.#height = logits.height + 2;
    this.#inside = new Uint8Array(this.#width * this.#height);
    for (let y = 0; y < logits.height; y++) {
      const [from, to] = [y * logits.width, (y + 1) * this.#width + 1];
      for (let x = 0; x < logits.width; x++) {
        this.#inside[to + x] = (logits.data[from + x] ?? 0) > 0 ? 1 : 0;
      }
    }
  }

  /** The edge that the outline crosses next, by the one that it has crossed. */
  ways(): Map<number, number> {
    const next = new Map<number, number>();
    const [inside, width] = [this.#inside, this.#width];
    for (let y = 0; y < this.#height - 1; y++) {
      let left = (inside[y * width] ?? 0) * 8 + (inside[(y + 1) * width] ?? 0);
      for (let x = 0; x < width - 1; x++) {
        const node = y * width + x;
        const right = (inside[node + 1] ?? 0) * 4 + (inside[node + width + 1] ?? 0) * 2;
        const corners = left + right;
        // The right side of this cell is the left side of the next.
        left = (right & 4) * 2 + ((right & 2) >> 1);
        if (corners === 0 || corners === 15) continue;
        for (const [from, to] of WAYS[corners] ?? []) next.set(this.#edge(node, from), this.#edge(node, to));
      }
    }
    return next;
  }

  /** Where the logits are zero on an edge, in pixels of the patch. */
  crossing(edge: number): Position {
    const node = edge >> 1;
    const [x, y] = [node % this.#width, Math.floor(node / this.#width)];
    const isVertical = edge % 2 === 1;
    const from = this.#value(x, y);
    const to = isVertical ? this.#value(x, y + 1) : this.#value(x + 1, y);
    // The frame mirrors the logits with the other sign: outlines end at the border of the patch.
    const share = from === null || to === null ? 0.5 : from / (from - to);
    return isVertical ? [x - 0.5, y - 0.5 + share] : [x - 0.5 + share, y - 0.5];
  }

  #edge(node: number, side: number): number {
    if (side === TOP) return 2 * node;
    if (side === BOTTOM) return 2 * (node + this.#width);
    return side === LEFT ? 2 * node + 1 : 2 * (node + 1) + 1;
  }

  #value(x: number, y: number): number | null {
    const { width, height, data } = this.#logits;
    if (x < 1 || y < 1 || x > width || y > height) return null;
    return data[(y - 1) * width + x - 1] ?? null;
  }
}
