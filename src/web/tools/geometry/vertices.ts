import type { Area, Position } from "../../../contract/index.js";
import { closedRing, openRing, squaredDistance } from "../../../geometry/index.js";

/** A vertex of an area, by its polygon, ring and number. */
export interface VertexPlace {
  readonly polygon: number;
  readonly ring: number;
  readonly vertex: number;
}

/** All vertices of an area, outline by outline. */
export function verticesOf({
  coordinates,
}: Area): { readonly place: VertexPlace; readonly position: Position }[] {
  return coordinates.flatMap((rings, polygon) =>
    rings.flatMap((positions, ring) =>
      openRing(positions).map((position, vertex) => ({ place: { polygon, ring, vertex }, position })),
    ),
  );
}

export function vertexAt(area: Area, { polygon, ring, vertex }: VertexPlace): Position | undefined {
  return openRing(area.coordinates[polygon]?.[ring] ?? [])[vertex];
}

/** The vertex nearest to a position within a distance, or null. */
export function nearestVertex(area: Area, [x, y]: Position, within: number): VertexPlace | null {
  let [nearest, least]: [VertexPlace | null, number] = [null, within * within];
  for (const { place, position } of verticesOf(area)) {
    const distance = (position[0] - x) ** 2 + (position[1] - y) ** 2;
    if (distance <= least) [nearest, least] = [place, distance];
  }
  return nearest;
}

/** The place of a new vertex on the edge nearest to a position within a distance, or null. */
export function nearestEdge(area: Area, position: Position, within: number): VertexPlace | null {
  let [nearest, least]: [VertexPlace | null, number] = [null, within * within];
  area.coordinates.forEach((rings, polygon) => {
    rings.forEach((positions, ring) => {
      const closed = closedRing(positions);
      closed.slice(1).forEach((to, index) => {
        const from = closed[index];
        const distance = from === undefined ? Infinity : squaredDistance(position, from, to);
        if (distance <= least) [nearest, least] = [{ polygon, ring, vertex: index + 1 }, distance];
      });
    });
  });
  return nearest;
}

export function withVertexMoved(area: Area, place: VertexPlace, to: Position): Area {
  return withRing(area, place, (ring) =>
    ring.map((position, index) => (index === place.vertex ? to : position)),
  );
}

/** With a new vertex before the one at `place`. */
export function withVertexAdded(area: Area, place: VertexPlace, position: Position): Area {
  return withRing(area, place, (ring) => ring.toSpliced(place.vertex, 0, position));
}

/** Without a vertex; a ring of fewer than three goes altogether, and with an outer one its holes. Null: nothing left. */
export function withVertexRemoved(area: Area, place: VertexPlace): Area | null {
  const changed = withRing(area, place, (ring) => ring.toSpliced(place.vertex, 1));
  const coordinates = changed.coordinates
    .map((rings) =>
      openRing(rings[0] ?? []).length < 3 ? [] : rings.filter((ring) => openRing(ring).length > 2),
    )
    .filter((rings) => rings.length > 0);
  return coordinates.length === 0 ? null : { type: "MultiPolygon", coordinates };
}

function withRing(
  area: Area,
  { polygon, ring }: VertexPlace,
  change: (open: readonly Position[]) => readonly Position[],
): Area {
  const coordinates = area.coordinates.map((rings, index) =>
    index === polygon
      ? rings.map((positions, at) => (at === ring ? closedRing(change(openRing(positions))) : positions))
      : rings,
  );
  return { type: "MultiPolygon", coordinates };
}
