import * as z from "zod/mini";

const number = z.number();
const position = z.readonly(z.tuple([number, number]));

/** A position in level-0 pixels of a slide, as JSON carries it: x, y. */
export type Position = z.infer<typeof position>;
export { position as positionSchema };

/** A rectangle in level-0 pixels of a slide. */
export const boxSchema = z.object({
  space: z.literal("level-0"),
  x: number,
  y: number,
  width: number,
  height: number,
});
export type Box = z.infer<typeof boxSchema>;

/**
 * An area in level-0 pixels, in the shape of a GeoJSON MultiPolygon: polygons, each an outer ring and its holes, each
 * ring its vertices with the first repeated at the end (RFC 7946, section 3.1.7).
 */
export interface Area {
  readonly type: "MultiPolygon";
  readonly coordinates: readonly (readonly (readonly Position[])[])[];
}

/** A slide's million vertices are looked at, not copied. */
export const areaSchema = z.custom<Area>(isArea, "must be a MultiPolygon in level-0 pixels");

function isArea(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (!("type" in value && value.type === "MultiPolygon" && "coordinates" in value)) return false;
  return isListOf(value.coordinates, (rings) =>
    isListOf(rings, (positions) => isListOf(positions, isPosition)),
  );
}

function isListOf(value: unknown, isElement: (element: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(isElement);
}

function isPosition(value: unknown): boolean {
  return isListOf(value, Number.isFinite) && Array.isArray(value) && value.length === 2;
}
