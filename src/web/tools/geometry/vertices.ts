import type { Position } from "../../../contract/index.js";
import { closedRing, openRing, squaredDistance } from "../../../geometry/index.js";
import type { DrawnShape } from "./shapes.js";

/** A vertex of an area, by its polygon, ring and number; of a line or points by its number, the others 0. */
export interface VertexPlace {
  readonly polygon: number;
  readonly ring: number;
  readonly vertex: number;
}

/** All vertices of a shape, outline by outline. */
export function verticesOf(
  shape: DrawnShape,
): { readonly place: VertexPlace; readonly position: Position }[] {
  if (shape.type !== "MultiPolygon") {
    return shape.coordinates.map((position, vertex) => ({
      place: { polygon: 0, ring: 0, vertex },
      position,
    }));
  }
  return shape.coordinates.flatMap((rings, polygon) =>
    rings.flatMap((positions, ring) =>
      openRing(positions).map((position, vertex) => ({ place: { polygon, ring, vertex }, position })),
    ),
  );
}

export function vertexAt(shape: DrawnShape, { polygon, ring, vertex }: VertexPlace): Position | undefined {
  if (shape.type !== "MultiPolygon") return shape.coordinates[vertex];
  return openRing(shape.coordinates[polygon]?.[ring] ?? [])[vertex];
}

/** The vertex nearest to a position within a distance, or null. */
export function nearestVertex(shape: DrawnShape, [x, y]: Position, within: number): VertexPlace | null {
  let [nearest, least]: [VertexPlace | null, number] = [null, within * within];
  for (const { place, position } of verticesOf(shape)) {
    const distance = (position[0] - x) ** 2 + (position[1] - y) ** 2;
    if (distance <= least) [nearest, least] = [place, distance];
  }
  return nearest;
}

/** The place of a new vertex on the edge nearest to a position within a distance, or null. */
export function nearestEdge(shape: DrawnShape, position: Position, within: number): VertexPlace | null {
  let [nearest, least]: [VertexPlace | null, number] = [null, within * within];
  const look = (line: readonly Position[], polygon: number, ring: number) => {
    line.slice(1).forEach((to, index) => {
      const from = line[index];
      const distance = from === undefined ? Infinity : squaredDistance(position, from, to);
      if (distance <= least) [nearest, least] = [{ polygon, ring, vertex: index + 1 }, distance];
    });
  };
  if (shape.type === "LineString") look(shape.coordinates, 0, 0);
  if (shape.type !== "MultiPolygon") return nearest;
  shape.coordinates.forEach((rings, polygon) => {
    for (const [ring, positions] of rings.entries()) look(closedRing(positions), polygon, ring);
  });
  return nearest;
}

export function withVertexMoved(shape: DrawnShape, place: VertexPlace, to: Position): DrawnShape {
  return withVertices(shape, place, (vertices) =>
    vertices.map((position, index) => (index === place.vertex ? to : position)),
  );
}

/** With a new vertex before the one at `place`. */
export function withVertexAdded(shape: DrawnShape, place: VertexPlace, position: Position): DrawnShape {
  return withVertices(shape, place, (vertices) => vertices.toSpliced(place.vertex, 0, position));
}

/**
 * Without a vertex; a ring of fewer than three goes altogether, and with an outer one its holes, as does a line of one
 * position. Null: nothing left.
 */
export function withVertexRemoved(shape: DrawnShape, place: VertexPlace): DrawnShape | null {
  const changed = withVertices(shape, place, (vertices) => vertices.toSpliced(place.vertex, 1));
  if (changed.type !== "MultiPolygon") {
    return changed.coordinates.length < (changed.type === "LineString" ? 2 : 1) ? null : changed;
  }
  const coordinates = changed.coordinates
    .map((rings) =>
      openRing(rings[0] ?? []).length < 3 ? [] : rings.filter((ring) => openRing(ring).length > 2),
    )
    .filter((rings) => rings.length > 0);
  return coordinates.length === 0 ? null : { type: "MultiPolygon", coordinates };
}

function withVertices(
  shape: DrawnShape,
  { polygon, ring }: VertexPlace,
  change: (open: readonly Position[]) => readonly Position[],
): DrawnShape {
  if (shape.type !== "MultiPolygon") return { ...shape, coordinates: change(shape.coordinates) };
  const coordinates = shape.coordinates.map((rings, index) =>
    index === polygon
      ? rings.map((positions, at) => (at === ring ? closedRing(change(openRing(positions))) : positions))
      : rings,
  );
  return { type: "MultiPolygon", coordinates };
}
