import type { AnnotationObject, FoundObjects } from "../../../src/contract/index.js";

/** A square annotation of some side, in level-0 pixels. */
export function squareObject(
  id: string,
  side: number,
  changed: Partial<AnnotationObject> = {},
): AnnotationObject {
  const area = {
    type: "MultiPolygon",
    coordinates: [
      [
        [
          [0, 0],
          [side, 0],
          [side, side],
          [0, side],
          [0, 0],
        ],
      ],
    ],
  } as const;
  return { id, name: "", classification: "Tumor", review: "unreviewed", origin: "result", area, ...changed };
}

export function found(
  object: AnnotationObject,
  probability: number | null,
  size: FoundObjects["found"][number]["size"] = null,
): FoundObjects["found"][number] {
  return { object, probability, size };
}
