import type { AnnotationObject, Area, Position } from "../../../contract/index.js";
import { areaSize, lengthOf, type PixelSize, perimeterOf } from "../../../geometry/index.js";
import { areaText, lengthText, withSeparators } from "../../viewer/scale-bar.js";

const ONE = { x: 1, y: 1 } as const;

/** How long an open line is: in µm or mm, in pixels of level 0 where the slide tells no resolution. */
export function lengthFigure(line: readonly Position[], resolution: PixelSize | null): string {
  const length = lengthOf(line, resolution ?? ONE);
  return resolution === null ? `${withSeparators(length)} px` : lengthText(length);
}

/** How large an area is, in µm² or mm², or in pixels. */
export function areaFigure(area: Area, resolution: PixelSize | null): string {
  const pixels = areaSize(area);
  return resolution === null
    ? `${withSeparators(pixels)} px²`
    : areaText(pixels * resolution.x * resolution.y);
}

/** How long all its outlines are. */
export function perimeterFigure(area: Area, resolution: PixelSize | null): string {
  const length = perimeterOf(area, resolution ?? ONE);
  return resolution === null ? `${withSeparators(length)} px` : lengthText(length);
}

/** How large an object is: its area, its line's length, or how many points it has. */
export function objectFigure(
  { area, mark }: Pick<AnnotationObject, "area" | "mark">,
  resolution: PixelSize | null,
): string {
  if (mark === undefined) return areaFigure(area, resolution);
  if (mark.type === "LineString") return lengthFigure(mark.coordinates, resolution);
  const { length } = mark.coordinates;
  return length === 1 ? "1 point" : `${length} points`;
}
