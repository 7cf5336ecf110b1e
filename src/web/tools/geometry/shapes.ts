import type { AnnotationObject, Area, Mark, Position } from "../../../contract/index.js";
import { boundsOf, boxOfRing, type Level0Box, ringOf } from "../../../geometry/index.js";

/** What is drawn of an object: its area, or the line or points that it has instead. */
export type DrawnShape = Area | Mark;

const NO_AREA: Area = { type: "MultiPolygon", coordinates: [] };

export function shapeOf({ area, mark }: Pick<AnnotationObject, "area" | "mark">): DrawnShape {
  return mark ?? area;
}

export function membersOf(shape: DrawnShape): Pick<AnnotationObject, "area" | "mark"> {
  return shape.type === "MultiPolygon" ? { area: shape } : { area: NO_AREA, mark: shape };
}

export function withShape({ mark: _, ...object }: AnnotationObject, shape: DrawnShape): AnnotationObject {
  return { ...object, ...membersOf(shape) };
}

/** Null for a shape without positions. */
export function boundsOfShape(shape: DrawnShape): Level0Box | null {
  if (shape.type === "MultiPolygon") return boundsOf(shape);
  return shape.coordinates.length === 0 ? null : boxOfRing(ringOf(shape.coordinates.flat()));
}

/** The nearest position on the slide. */
export function clamped(
  [x, y]: Position,
  { width, height }: { readonly width: number; readonly height: number },
): Position {
  return [Math.max(0, Math.min(width, x)), Math.max(0, Math.min(height, y))];
}

/** A rectangle between two opposite corners. */
export function rectangleRing([fromX, fromY]: Position, [toX, toY]: Position): Position[] {
  const [left, right] = [Math.min(fromX, toX), Math.max(fromX, toX)];
  const [top, bottom] = [Math.min(fromY, toY), Math.max(fromY, toY)];
  return [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
}

/** Vertices of an ellipse: its polygon's area is a thousandth short of the ellipse's. */
const ELLIPSE_VERTICES = 80;

/** The ellipse between two opposite corners. */
export function ellipseRing([fromX, fromY]: Position, [toX, toY]: Position): Position[] {
  const [x, y] = [(fromX + toX) / 2, (fromY + toY) / 2];
  const [across, down] = [Math.abs(toX - fromX) / 2, Math.abs(toY - fromY) / 2];
  return Array.from({ length: ELLIPSE_VERTICES }, (_, vertex): Position => {
    const angle = (2 * Math.PI * vertex) / ELLIPSE_VERTICES;
    return [x + across * Math.cos(angle), y + down * Math.sin(angle)];
  });
}

/**
 * The corner that makes a square of what is drawn from one corner to another: its side is the longer of both, as long on
 * the slide whatever the pixels' shape.
 */
export function squareCorner(
  from: Position,
  to: Position,
  pixelSize: { readonly x: number; readonly y: number },
): Position {
  const [across, down] = [to[0] - from[0], to[1] - from[1]];
  const side = Math.max(Math.abs(across) * pixelSize.x, Math.abs(down) * pixelSize.y);
  const signOf = (value: number) => (value < 0 ? -1 : 1);
  return [from[0] + (signOf(across) * side) / pixelSize.x, from[1] + (signOf(down) * side) / pixelSize.y];
}
