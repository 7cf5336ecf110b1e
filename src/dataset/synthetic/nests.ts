import type { RandomStream } from "../../common/index.js";
import type { Mask } from "../../imaging/index.js";
import { fractalNoise, type NoiseField } from "./noise.js";

/** The nests are smooth at the scale of a nucleus, so their shape is worked out on a coarser grid. */
const COARSENING = 4;

/** Islands and holes below this many square microns have no room for nuclei, and would be wrong ground truth. */
const SMALLEST_REGION = 400;
/** The depth given to what was an island, and to what was a hole. */
const REMOVED_ISLAND = -0.06;
const FILLED_HOLE = 0.06;

export interface NestOptions {
  readonly width: number;
  readonly height: number;
  readonly pixelsPerMicron: number;
  readonly count: number;
  /** Half the diameter of a nest, in microns. */
  readonly radius: readonly [number, number];
  /** The part of the image to be tumour; without it the nests keep their size. */
  readonly tumourFraction?: number;
}

/**
 * The depth inside tumour nests: positive inside, negative outside, in parts of a nest's radius. Nests are
 * ellipses whose distance is disturbed by noise, so that outlines are irregular and neighbours merge.
 */
export function drawNests(options: NestOptions, stream: RandomStream): NoiseField {
  const { width, height, pixelsPerMicron, count, tumourFraction } = options;
  if (count === 0) return new Float32Array(width * height).fill(-10);
  const columns = Math.ceil(width / COARSENING) + 1;
  const rows = Math.ceil(height / COARSENING) + 1;
  const coarse = new Float32Array(columns * rows).fill(-10);
  for (let nest = 0; nest < count; nest++) addNest(coarse, columns, rows, options, stream);
  const disturbance = fractalNoise(columns, rows, (45 * pixelsPerMicron) / COARSENING, 3, stream);
  for (let i = 0; i < coarse.length; i++)
    coarse[i] = (coarse[i] as number) + 0.3 * (disturbance[i] as number);
  if (tumourFraction !== undefined) shiftToFraction(coarse, tumourFraction);
  removeSpecks(coarse, columns, SMALLEST_REGION * (pixelsPerMicron / COARSENING) ** 2);
  return upsampled(coarse, columns, width, height);
}

/** Pixels of positive depth. */
export function maskOfNests(depth: NoiseField, width: number, height: number): Mask {
  return { width, height, data: Uint8Array.from(depth, (value) => (value > 0 ? 1 : 0)) };
}

function addNest(
  coarse: NoiseField,
  columns: number,
  rows: number,
  options: NestOptions,
  stream: RandomStream,
): void {
  const scale = options.pixelsPerMicron / COARSENING;
  const centreX = stream.uniform(0, columns);
  const centreY = stream.uniform(0, rows);
  const size = stream.uniform(...options.radius) * scale;
  const elongation = stream.uniform(1, 1.8);
  const angle = stream.uniform(0, Math.PI);
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  for (let y = 0, i = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++, i++) {
      const along = ((x - centreX) * cosine + (y - centreY) * sine) / (size * elongation);
      const across = ((y - centreY) * cosine - (x - centreX) * sine) / size;
      const depth = 1 - Math.sqrt(along * along + across * across);
      if (depth > (coarse[i] as number)) coarse[i] = depth;
    }
  }
}

/** Moves the outline so that the given part of the field is positive. */
function shiftToFraction(field: NoiseField, fraction: number): void {
  const sorted = Float32Array.from(field).sort();
  const threshold = sorted[Math.min(sorted.length - 1, Math.floor((1 - fraction) * sorted.length))] as number;
  for (let i = 0; i < field.length; i++) field[i] = (field[i] as number) - threshold;
}

/** Gives the sign of their surroundings to connected regions of fewer than `smallest` points. */
function removeSpecks(field: NoiseField, columns: number, smallest: number): void {
  const seen = new Uint8Array(field.length);
  for (let start = 0; start < field.length; start++) {
    if (seen[start] === 1) continue;
    const region = regionFrom(start, field, columns, seen);
    if (region.length >= smallest) continue;
    const value = (field[start] as number) > 0 ? REMOVED_ISLAND : FILLED_HOLE;
    for (const point of region) field[point] = value;
  }
}

/** The points of one sign connected with `start` along rows and columns, marked in `seen`. */
function regionFrom(start: number, field: NoiseField, columns: number, seen: Uint8Array): number[] {
  const positive = (field[start] as number) > 0;
  const region = [start];
  seen[start] = 1;
  // The list grows while it is walked through.
  for (const point of region) {
    const column = point % columns;
    const neighbours = [point - columns, point + columns];
    if (column > 0) neighbours.push(point - 1);
    if (column + 1 < columns) neighbours.push(point + 1);
    for (const next of neighbours) {
      const value = field[next];
      if (value === undefined || seen[next] === 1 || value > 0 !== positive) continue;
      seen[next] = 1;
      region.push(next);
    }
  }
  return region;
}

function upsampled(coarse: NoiseField, columns: number, width: number, height: number): NoiseField {
  const field = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / COARSENING) * columns;
    const down = (y % COARSENING) / COARSENING;
    for (let x = 0; x < width; x++, i++) {
      const corner = row + Math.floor(x / COARSENING);
      const right = (x % COARSENING) / COARSENING;
      const top = lerp(coarse[corner] as number, coarse[corner + 1] as number, right);
      const bottom = lerp(coarse[corner + columns] as number, coarse[corner + columns + 1] as number, right);
      field[i] = lerp(top, bottom, down);
    }
  }
  return field;
}

function lerp(a: number, b: number, t: number): number {
  return a + t * (b - a);
}
