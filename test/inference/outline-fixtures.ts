import type { RandomStream } from "../../src/common/index.js";
import type { Mask } from "../../src/imaging/index.js";

/** A mask drawn with 0 and 1. */
export function maskOf(rows: readonly string[]): Mask {
  const data = Uint8Array.from(rows.join(""), Number);
  return { width: rows[0]?.length ?? 0, height: rows.length, data };
}

/** Every pixel by its own draw. */
export function noiseMask(random: RandomStream, width: number, height: number, share: number): Mask {
  const data = Uint8Array.from({ length: width * height }, () => (random.uniform(0, 1) < share ? 1 : 0));
  return { width, height, data };
}

/** Discs and holes of different size, with islands in holes. */
export function blobMask(random: RandomStream, width: number, height: number, count: number): Mask {
  const data = new Uint8Array(width * height);
  const paint = (x: number, y: number, radius: number, value: number): void => {
    for (let pixel = 0; pixel < data.length; pixel++) {
      const [dx, dy] = [(pixel % width) - x, Math.floor(pixel / width) - y];
      if (dx * dx + dy * dy < radius * radius) data[pixel] = value;
    }
  };
  for (let blob = 0; blob < count; blob++) {
    const [x, y] = [random.uniform(0, width), random.uniform(0, height)];
    const radius = random.uniform(0.05, 0.3) * width;
    paint(x, y, radius, 1);
    if (blob % 2 === 0) paint(x + radius / 8, y, radius * 0.7, 0);
    if (blob % 4 === 0) paint(x, y, radius * 0.3, 1);
  }
  return { width, height, data };
}

/** How many pixels each connected area has, corners joined, by flooding one after the other. */
export function componentSizes({ width, height, data }: Mask): number[] {
  const left = data.slice();
  const flood = (x: number, y: number): number => {
    if (x < 0 || y < 0 || x >= width || y >= height || left[y * width + x] !== 1) return 0;
    left[y * width + x] = 0;
    let size = 1;
    for (let at = 0; at < 9; at++) size += flood(x - 1 + (at % 3), y - 1 + Math.floor(at / 3));
    return size;
  };
  return [...left.keys()]
    .map((pixel) => flood(pixel % width, Math.floor(pixel / width)))
    .filter((size) => size > 0);
}

type Segment = readonly [number, number, number, number];

function segmentsOf(ring: ArrayLike<number>): Segment[] {
  return Array.from({ length: ring.length / 2 }, (_, index) => {
    const next = (2 * index + 2) % ring.length;
    return [ring[2 * index] ?? 0, ring[2 * index + 1] ?? 0, ring[next] ?? 0, ring[next + 1] ?? 0];
  });
}

/** How many pairs of edges meet that are not neighbours in their ring, by comparing all of them. */
export function crossings(rings: readonly ArrayLike<number>[]): number {
  const edges = rings.flatMap((ring, index) =>
    segmentsOf(ring).map((segment, at) => ({ ring: index, at, count: ring.length / 2, segment })),
  );
  let count = 0;
  for (const [index, one] of edges.entries()) {
    for (let at = index + 1; at < edges.length; at++) {
      const other = edges[at];
      if (other === undefined) break;
      const isNext =
        one.ring === other.ring && (other.at - one.at === 1 || other.at - one.at === one.count - 1);
      if (!isNext && meet(one.segment, other.segment)) count++;
    }
  }
  return count;
}

function meet([ax, ay, bx, by]: Segment, [cx, cy, dx, dy]: Segment): boolean {
  if (Math.max(ax, bx) < Math.min(cx, dx) || Math.max(cx, dx) < Math.min(ax, bx)) return false;
  if (Math.max(ay, by) < Math.min(cy, dy) || Math.max(cy, dy) < Math.min(ay, by)) return false;
  const side = (x: number, y: number, x1: number, y1: number, x2: number, y2: number): number =>
    Math.sign((x1 - x) * (y2 - y) - (x2 - x) * (y1 - y));
  const apart = side(ax, ay, bx, by, cx, cy) * side(ax, ay, bx, by, dx, dy) > 0;
  return !apart && side(cx, cy, dx, dy, ax, ay) * side(cx, cy, dx, dy, bx, by) <= 0;
}

/** Largest distance of a vertex of `ring` from the outline of `other`. */
export function boundaryDistance(ring: ArrayLike<number>, other: ArrayLike<number>): number {
  const segments = segmentsOf(other);
  return segmentsOf(ring).reduce((largest, [x, y]) => {
    const nearest = segments.reduce((least, segment) => Math.min(least, distance(x, y, segment)), Infinity);
    return Math.max(largest, nearest);
  }, 0);
}

function distance(x: number, y: number, [ax, ay, bx, by]: Segment): number {
  const [ux, uy] = [bx - ax, by - ay];
  const share = Math.min(Math.max(((x - ax) * ux + (y - ay) * uy) / (ux * ux + uy * uy), 0), 1);
  return Math.hypot(x - ax - share * ux, y - ay - share * uy);
}

/** How two masks of one size differ. */
export interface MaskDifference {
  readonly differing: number;
  /** Of those that differ, the ones with no pixel of the first mask's other side next to them. */
  readonly beyondBoundary: number;
  /** Pixels of the first mask with one of the other side next to them. */
  readonly boundary: number;
}

export function differenceOf(one: Mask, other: Mask): MaskDifference {
  let [differing, beyondBoundary, boundary] = [0, 0, 0];
  for (let pixel = 0; pixel < one.data.length; pixel++) {
    const atBoundary = isAtBoundary(one, pixel);
    if (atBoundary) boundary++;
    if (one.data[pixel] === other.data[pixel]) continue;
    differing++;
    if (!atBoundary) beyondBoundary++;
  }
  return { differing, beyondBoundary, boundary };
}

/** True when one of the eight pixels around is of the other side; beyond the mask is none. */
function isAtBoundary({ width, height, data }: Mask, pixel: number): boolean {
  const [x, y] = [pixel % width, Math.floor(pixel / width)];
  for (let dy = -1; dy <= 1; dy++) {
    for (let dx = -1; dx <= 1; dx++) {
      const inside = x + dx >= 0 && x + dx < width && y + dy >= 0 && y + dy < height;
      if ((inside ? data[pixel + dy * width + dx] : 0) !== data[pixel]) return true;
    }
  }
  return false;
}
