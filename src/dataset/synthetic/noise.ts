import type { RandomStream } from "../../common/index.js";

/** A real-valued field over the image, row-major. */
export type NoiseField = Float32Array;

/**
 * Smooth noise, about normal with standard deviation 0.5: random values on a grid of `cell` pixels,
 * interpolated with the smoothstep curve.
 */
export function smoothNoise(width: number, height: number, cell: number, stream: RandomStream): NoiseField {
  const columns = Math.ceil(width / cell) + 2;
  const rows = Math.ceil(height / cell) + 2;
  const grid = Float32Array.from({ length: columns * rows }, () => stream.normal() * 0.7);
  const { index: columnOf, weight: weightX } = knots(width, cell, stream.uniform());
  const { index: rowOf, weight: weightY } = knots(height, cell, stream.uniform());
  const field = new Float32Array(width * height);
  const line = new Float32Array(columns);
  for (let y = 0; y < height; y++) {
    const upper = (rowOf[y] as number) * columns;
    const blend = weightY[y] as number;
    for (let column = 0; column < columns; column++) {
      const top = grid[upper + column] as number;
      const bottom = grid[Math.min(upper + columns, (rows - 1) * columns) + column] as number;
      line[column] = top + blend * (bottom - top);
    }
    for (let x = 0; x < width; x++) {
      const column = columnOf[x] as number;
      const left = line[column] as number;
      field[y * width + x] = left + (weightX[x] as number) * ((line[column + 1] as number) - left);
    }
  }
  return field;
}

/** Grid index and smoothed fraction of every pixel along one axis. */
function knots(size: number, cell: number, phase: number): { index: Uint32Array; weight: Float32Array } {
  const index = new Uint32Array(size);
  const weight = new Float32Array(size);
  for (let i = 0; i < size; i++) {
    const position = i / cell + phase;
    const fraction = position - Math.floor(position);
    index[i] = Math.floor(position);
    weight[i] = fraction * fraction * (3 - 2 * fraction);
  }
  return { index, weight };
}

/** A sum of smooth noises, each of half the cell and half the amplitude of the one before. */
export function fractalNoise(
  width: number,
  height: number,
  cell: number,
  octaves: number,
  stream: RandomStream,
): NoiseField {
  const field = smoothNoise(width, height, cell, stream);
  for (let octave = 1; octave < octaves; octave++) {
    const finer = smoothNoise(width, height, Math.max(1.5, cell / 2 ** octave), stream);
    const amplitude = 0.5 ** octave;
    for (let i = 0; i < field.length; i++) field[i] = (field[i] as number) + amplitude * (finer[i] as number);
  }
  return field;
}

/** Noise that repeats every {@link TILE} pixels, for textures read at random offsets. */
export const TILE = 256;

/** A repeating texture of the given cell; `TILE` must be a multiple of `cell`. */
export function noiseTile(cell: number, stream: RandomStream): NoiseField {
  const knotsPerSide = TILE / cell;
  const grid = Float32Array.from({ length: knotsPerSide * knotsPerSide }, () => stream.normal() * 0.7);
  const { index, weight } = knots(TILE, cell, 0);
  const tile = new Float32Array(TILE * TILE);
  for (let y = 0; y < TILE; y++) {
    const row = index[y] as number;
    const nextRow = (row + 1) % knotsPerSide;
    for (let x = 0; x < TILE; x++) {
      const column = index[x] as number;
      const nextColumn = (column + 1) % knotsPerSide;
      const blend = weight[x] as number;
      const top = mix(grid, row * knotsPerSide + column, row * knotsPerSide + nextColumn, blend);
      const bottom = mix(grid, nextRow * knotsPerSide + column, nextRow * knotsPerSide + nextColumn, blend);
      tile[y * TILE + x] = top + (weight[y] as number) * (bottom - top);
    }
  }
  return tile;
}

function mix(values: NoiseField, first: number, second: number, blend: number): number {
  const a = values[first] as number;
  return a + blend * ((values[second] as number) - a);
}

/** 0 below `low`, 1 above `high`, smooth between. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = (value - low) / (high - low);
  return t <= 0 ? 0 : t >= 1 ? 1 : t * t * (3 - 2 * t);
}
