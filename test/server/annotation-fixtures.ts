import type { AnnotationObject, Area, Position } from "../../src/contract/index.js";

/** A UUID that tells its number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
}

export function square(x: number, y: number, side: number): Position[] {
  return [
    [x, y],
    [x + side, y],
    [x + side, y + side],
    [x, y + side],
    [x, y],
  ];
}

/** An area of one polygon: outer ring and holes. */
export function areaFrom(...rings: readonly Position[][]): Area {
  return { type: "MultiPolygon", coordinates: [rings] };
}

export function objectOf(number: number, changes: Partial<AnnotationObject> = {}): AnnotationObject {
  return {
    id: uuid(number),
    name: `Object ${number}`,
    classification: "Tumor",
    review: "accepted",
    origin: "drawn",
    area: areaFrom(square(number, 2 * number, 10)),
    ...changes,
  };
}
