import {
  type AnnotationObject,
  type Area,
  type LabelledSquareEntry,
  type Position,
  SQUARE_CLASSES,
} from "../../../contract/index.js";
import { areaOfRing, boundsOf } from "../../../geometry/index.js";
import { rectangleRing } from "../geometry/shapes.js";

/** What a square that teaches is said to be. */
export type SquareKind = keyof typeof SQUARE_CLASSES;

/** A square in level-0 pixels. */
export interface PlacedSquare {
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

/** What an annotation says as a square that teaches; null for all others. */
export function squareKindOf({ classification, review }: AnnotationObject): SquareKind | null {
  if (review === "rejected") return null;
  if (classification === SQUARE_CLASSES.tumour) return "tumour";
  return classification === SQUARE_CLASSES.other ? "other" : null;
}

/** The squares among annotations, in the order in which they were made. */
export function squaresOf(objects: Iterable<AnnotationObject>): LabelledSquareEntry[] {
  const squares: LabelledSquareEntry[] = [];
  for (const object of objects) {
    const kind = squareKindOf(object);
    const bounds = kind === null ? null : boundsOf(object.area);
    if (bounds === null) continue;
    // What was cut or reshaped since is as large a square as it holds at most.
    const size = Math.min(bounds.right - bounds.left, bounds.bottom - bounds.top);
    if (size >= 1) squares.push({ x: bounds.left, y: bounds.top, size, tumour: kind === "tumour" ? 1 : 0 });
  }
  return squares;
}

/** The square around a position, moved onto the slide where it fits, on whole pixels. */
export function squareAt(
  [x, y]: Position,
  size: number,
  slide: { readonly width: number; readonly height: number },
): PlacedSquare {
  const side = Math.min(size, slide.width, slide.height);
  const along = (middle: number, extent: number) =>
    Math.max(0, Math.min(Math.round(middle - side / 2), Math.floor(extent - side)));
  return { x: along(x, slide.width), y: along(y, slide.height), size: side };
}

/** Where a square lies, whatever else is known of it. */
export function placeOf({ x, y, size }: PlacedSquare): PlacedSquare {
  return { x, y, size };
}

export function areaOfSquare({ x, y, size }: PlacedSquare): Area {
  return areaOfRing(rectangleRing([x, y], [x + size, y + size]));
}

export function holds({ x, y, size }: PlacedSquare, [left, top]: Position): boolean {
  return left >= x && left < x + size && top >= y && top < y + size;
}
