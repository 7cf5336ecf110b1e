import type { FloatMap, Mask } from "./types.js";

/** For each target position: the two source positions it lies between and the weight of the second. */
interface LinearSteps {
  readonly low: Int32Array;
  readonly high: Int32Array;
  readonly weight: Float32Array;
}

/**
 * Resizes a real-valued map bilinearly with half-pixel centres and clamped edges, without antialiasing, as
 * OpenCV's `resize(..., INTER_LINEAR)` does.
 */
export function resizeFloatMap(map: FloatMap, width: number, height: number): FloatMap {
  const columns = linearSteps(map.width, width);
  const rows = linearSteps(map.height, height);
  const wide = new Float64Array(width * map.height);
  for (let y = 0; y < map.height; y++) {
    for (let x = 0; x < width; x++) {
      const low = map.data[y * map.width + (columns.low[x] ?? 0)] ?? 0;
      const high = map.data[y * map.width + (columns.high[x] ?? 0)] ?? 0;
      const weight = columns.weight[x] ?? 0;
      wide[y * width + x] = low * (1 - weight) + high * weight;
    }
  }
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    const low = (rows.low[y] ?? 0) * width;
    const high = (rows.high[y] ?? 0) * width;
    const weight = rows.weight[y] ?? 0;
    for (let x = 0; x < width; x++) {
      data[y * width + x] = (wide[low + x] ?? 0) * (1 - weight) + (wide[high + x] ?? 0) * weight;
    }
  }
  return { width, height, data };
}

function linearSteps(from: number, to: number): LinearSteps {
  const low = new Int32Array(to);
  const high = new Int32Array(to);
  const weight = new Float32Array(to);
  for (let target = 0; target < to; target++) {
    const position = Math.fround((target + 0.5) * (from / to) - 0.5);
    const clamped = Math.min(Math.max(position, 0), from - 1);
    low[target] = Math.floor(clamped);
    high[target] = Math.min(Math.floor(clamped) + 1, from - 1);
    weight[target] = clamped - Math.floor(clamped);
  }
  return { low, high, weight };
}

/** Resizes a mask by taking the nearest source pixel, half-pixel centres, so no edge shifts. */
export function resizeMask(mask: Mask, width: number, height: number): Mask {
  const data = new Uint8Array(width * height);
  const columns = nearestSteps(mask.width, width);
  const rows = nearestSteps(mask.height, height);
  for (let y = 0; y < height; y++) {
    const row = (rows[y] ?? 0) * mask.width;
    for (let x = 0; x < width; x++) data[y * width + x] = mask.data[row + (columns[x] ?? 0)] ?? 0;
  }
  return { width, height, data };
}

function nearestSteps(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to }, (_, target) => Math.floor(((target + 0.5) * from) / to));
}
