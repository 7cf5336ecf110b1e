import type { Area, Position } from "../contract/index.js";
import { closedRing } from "./area.js";

/** How wide and high a level-0 pixel is, in whatever unit lengths are wanted. */
export interface PixelSize {
  readonly x: number;
  readonly y: number;
}

/** Length of an open line of level-0 positions, in the unit of the pixels' size. */
export function lengthOf(line: readonly Position[], { x, y }: PixelSize): number {
  return line.slice(1).reduce((sum, to, index) => {
    const from = line[index] ?? to;
    return sum + Math.hypot((to[0] - from[0]) * x, (to[1] - from[1]) * y);
  }, 0);
}

/** Length of all outlines of an area, those of its holes too, as QuPath counts the perimeter. */
export function perimeterOf({ coordinates }: Area, pixelSize: PixelSize): number {
  return coordinates.flat().reduce((sum, ring) => sum + lengthOf(closedRing(ring), pixelSize), 0);
}
