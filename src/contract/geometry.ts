/** A position in level-0 pixels of a slide, as JSON carries it: x, y. */
export type Position = readonly [number, number];

/** A rectangle in level-0 pixels of a slide. */
export interface Box {
  readonly space: "level-0";
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/**
 * An area in level-0 pixels, in the shape of a GeoJSON MultiPolygon: polygons, each an outer ring and its holes, each
 * ring its vertices with the first repeated at the end (RFC 7946, section 3.1.7).
 */
export interface Area {
  readonly type: "MultiPolygon";
  readonly coordinates: readonly (readonly (readonly Position[])[])[];
}
