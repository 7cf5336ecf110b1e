import type { Area, Position } from "../../../contract/index.js";
import { areaOfLogits } from "../../../geometry/index.js";

/** Grid cells along the brush's radius: its outline is a few hundredths of it off. */
const CELLS_PER_RADIUS = 12;
/** Most cells along one side of the grid. */
const MOST_CELLS = 1500;

/**
 * What a round brush covers on its way: everything nearer to the line than `radius`, in level-0 pixels. It is read off
 * a grid of distances, so that its time does not depend on how often the way crosses itself.
 */
export function strokeArea(way: readonly Position[], radius: number): Area {
  const [first] = way;
  if (first === undefined) return { type: "MultiPolygon", coordinates: [] };
  const [xs, ys] = [way.map(([x]) => x), way.map(([, y]) => y)];
  const [left, right] = [Math.min(...xs) - radius, Math.max(...xs) + radius];
  const [top, bottom] = [Math.min(...ys) - radius, Math.max(...ys) + radius];
  const step = Math.max(radius / CELLS_PER_RADIUS, Math.max(right - left, bottom - top) / MOST_CELLS);
  const width = Math.ceil((right - left) / step) + 2;
  const height = Math.ceil((bottom - top) / step) + 2;
  const box = {
    space: "level-0",
    x: left - step,
    y: top - step,
    width: width * step,
    height: height * step,
  } as const;
  const inGrid = ([x, y]: Position): Position => [(x - box.x) / step - 0.5, (y - box.y) / step - 0.5];
  const data = new Float32Array(width * height).fill(-1);
  const grid = { width, height, data, radius: radius / step };
  const cells = way.map(inGrid);
  if (cells.length === 1) cells.push(inGrid(first));
  cells.slice(1).forEach((to, index) => {
    const from = cells[index];
    if (from !== undefined) coverStretch(grid, from, to);
  });
  return areaOfLogits({ width, height, data }, box);
}

interface DistanceGrid {
  readonly width: number;
  readonly height: number;
  /** Radius less distance, in cells. */
  readonly data: Float32Array;
  readonly radius: number;
}

function coverStretch({ width, height, data, radius }: DistanceGrid, from: Position, to: Position): void {
  const [alongX, alongY] = [to[0] - from[0], to[1] - from[1]];
  const length = alongX * alongX + alongY * alongY;
  // One cell beyond, so that the outline is interpolated between both of its sides.
  const reach = radius + 1.5;
  const firstRow = Math.max(0, Math.floor(Math.min(from[1], to[1]) - reach));
  const lastRow = Math.min(height - 1, Math.ceil(Math.max(from[1], to[1]) + reach));
  const firstColumn = Math.max(0, Math.floor(Math.min(from[0], to[0]) - reach));
  const lastColumn = Math.min(width - 1, Math.ceil(Math.max(from[0], to[0]) + reach));
  for (let y = firstRow; y <= lastRow; y++) {
    for (let x = firstColumn; x <= lastColumn; x++) {
      const [offX, offY] = [x - from[0], y - from[1]];
      const share = length === 0 ? 0 : Math.max(0, Math.min(1, (offX * alongX + offY * alongY) / length));
      const inside = radius - Math.hypot(offX - share * alongX, offY - share * alongY);
      const cell = y * width + x;
      if (inside > (data[cell] ?? 0)) data[cell] = inside;
    }
  }
}
