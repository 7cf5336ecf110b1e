import type { DecodeRequest } from "../contract/index.js";
import type { LogitMap } from "./contours.js";

/** A part of a map. */
export interface ClickedRegion {
  /** The map's logits in the region, background elsewhere. */
  readonly logits: LogitMap;
  /** Mean probability of the region's pixels, 0 to 1. */
  readonly certainty: number;
}

/** A pixel of the map with a click: 1 for what is meant, 0 for what is not. */
interface Seed {
  readonly x: number;
  readonly y: number;
  readonly label: 0 | 1;
}

/**
 * Costs of a step from pixel to pixel: of its length, of crossing an edge in the map, and of going where the map is
 * unsure, as shares of the dearest step.
 */
const COST = { length: 0.05, edge: 2, doubt: 1 } as const;
/** Costs are counted in whole numbers, so that what is nearest lies in the first bucket that is not empty. */
const UNITS = 24;
/** Standard deviation of what a click on the map's background adds to it, as a share of the map's width. */
const REACH = 1 / 16;

/**
 * The part of a run's map of a patch that clicks mean. Every foreground pixel belongs to the click that is nearest along
 * a way through the foreground, where edges and doubtful pixels make ways long; those of clicks with label 1 are the
 * region. So one click gives the connected component under it, and clicks with both labels divide what the map joins.
 * A click with label 1 on the background raises the map around it.
 * @param map logits over the whole patch
 * @param prompt in pixels of the patch
 * @param patchSize side of the patch in pixels
 * @returns null for a prompt that a map cannot answer: a box, or no click with label 1 on the patch
 */
export function clickedRegion(
  map: LogitMap,
  { points, box }: DecodeRequest,
  patchSize: number,
): ClickedRegion | null {
  const { width, height } = map;
  const seeds = points
    .map(({ x, y, label }): Seed => {
      const at = (coordinate: number, side: number) => Math.floor((coordinate * side) / patchSize);
      return { x: at(x, width), y: at(y, height), label };
    })
    .filter(({ x, y }) => x >= 0 && y >= 0 && x < width && y < height);
  if (box !== null || !seeds.some(({ label }) => label === 1)) return null;
  const raised = raisedAt(map, seeds);
  const owner = nearestSeeds(raised, seeds);
  let [sum, count] = [0, 0];
  const data = raised.data.map((logit, pixel) => {
    if (logit <= 0) return logit;
    if (owner[pixel] !== 1) return -logit;
    sum += probabilityOf(logit);
    count += 1;
    return logit;
  });
  return { logits: { width, height, data }, certainty: count === 0 ? 0 : sum / count };
}

function probabilityOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The map with foreground around every click with label 1 that lies on its background. */
function raisedAt(map: LogitMap, seeds: readonly Seed[]): LogitMap {
  const { width, height } = map;
  const data = Float32Array.from(map.data);
  const deviation = REACH * width;
  const reach = Math.ceil(3 * deviation);
  for (const { x, y, label } of seeds) {
    const logit = data[y * width + x] ?? 0;
    if (label === 0 || logit > 0) continue;
    for (let row = Math.max(0, y - reach); row <= Math.min(height - 1, y + reach); row++) {
      for (let column = Math.max(0, x - reach); column <= Math.min(width - 1, x + reach); column++) {
        const squared = (row - y) ** 2 + (column - x) ** 2;
        const at = row * width + column;
        data[at] = (data[at] ?? 0) + (1 - logit) * Math.exp(-squared / (2 * deviation ** 2));
      }
    }
  }
  return { width, height, data };
}

/**
 * Which label is nearest to each foreground pixel: 1, or 0, or −1 where no click reaches (Dijkstra's shortest ways, in
 * buckets of whole costs; Dial, 1969).
 */
function nearestSeeds({ width, height, data }: LogitMap, seeds: readonly Seed[]): Int8Array {
  const probability = data.map(probabilityOf);
  const owner = new Int8Array(width * height).fill(-1);
  const known = new Float64Array(width * height).fill(Number.POSITIVE_INFINITY);
  const buckets: number[][] = [[]];
  // A later click on the same pixel counts.
  for (const { x, y, label } of seeds) {
    const pixel = y * width + x;
    owner[pixel] = label;
    known[pixel] = 0;
    buckets[0]?.push(pixel);
  }
  for (let cost = 0; cost < buckets.length; cost++) {
    for (const pixel of buckets[cost] ?? []) {
      if (known[pixel] !== cost) continue;
      for (const next of neighbours(pixel, width, height)) {
        if ((data[next] ?? 0) <= 0) continue;
        const [here = 0, there = 0] = [probability[pixel], probability[next]];
        const step = COST.length + COST.edge * Math.abs(here - there) + COST.doubt * (1 - there);
        const total = cost + Math.max(1, Math.round(UNITS * step));
        if (total >= (known[next] ?? 0)) continue;
        known[next] = total;
        owner[next] = owner[pixel] ?? -1;
        const bucket = buckets[total] ?? [];
        bucket.push(next);
        buckets[total] = bucket;
      }
    }
  }
  return owner;
}

function neighbours(pixel: number, width: number, height: number): number[] {
  const x = pixel % width;
  const found: number[] = [];
  if (x > 0) found.push(pixel - 1);
  if (x < width - 1) found.push(pixel + 1);
  if (pixel >= width) found.push(pixel - width);
  if (pixel < width * (height - 1)) found.push(pixel + width);
  return found;
}
