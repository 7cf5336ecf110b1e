import { describe, expect, it } from "vitest";
import type { AnnotationObject, Mark, Position } from "../../../src/contract/index.js";
import { areaOfRing, areaSize } from "../../../src/geometry/index.js";
import { objectAt } from "../../../src/web/tools/editing/select-tool.js";
import {
  areaFigure,
  lengthFigure,
  objectFigure,
  perimeterFigure,
} from "../../../src/web/tools/geometry/figures.js";
import {
  boundsOfShape,
  clamped,
  ellipseRing,
  membersOf,
  rectangleRing,
  shapeOf,
  squareCorner,
  withShape,
} from "../../../src/web/tools/geometry/shapes.js";
import {
  nearestEdge,
  nearestVertex,
  verticesOf,
  withVertexAdded,
  withVertexMoved,
  withVertexRemoved,
} from "../../../src/web/tools/geometry/vertices.js";
import { isSame, signedBy } from "../../../src/web/tools/store/apply-changes.js";

const line: Mark = {
  type: "LineString",
  coordinates: [
    [0, 0],
    [30, 40],
    [30, 100],
  ],
};
const dots: Mark = { type: "MultiPoint", coordinates: [[5, 5]] };
const box = areaOfRing(rectangleRing([40, 30], [0, 0]));
const object = (members: Pick<AnnotationObject, "area" | "mark">): AnnotationObject => ({
  ...{ id: "a", name: "", classification: null, review: "accepted", origin: "drawn" },
  ...members,
});

describe("figures", () => {
  const resolution = { x: 0.5, y: 0.25 };

  it("are in µm and mm, each side of a pixel by itself, and in pixels where nothing else is known", () => {
    expect(lengthFigure(line.coordinates, { x: 0.5, y: 0.5 })).toBe("55 µm");
    expect(
      lengthFigure(
        [
          [0, 0],
          [60, 160],
        ] satisfies Position[],
        resolution,
      ),
    ).toBe("50 µm");
    expect(
      lengthFigure(
        [
          [0, 0],
          [6000, 0],
        ] satisfies Position[],
        resolution,
      ),
    ).toBe("3 mm");
    expect(lengthFigure(line.coordinates, null)).toBe("110 px");
    expect(areaFigure(box, resolution)).toBe("150 µm²");
    expect(areaFigure(box, null)).toBe("1\u202f200 px²");
    expect(areaFigure(areaOfRing(rectangleRing([0, 0], [4000, 4000])), resolution)).toBe("2 mm²");
    expect(perimeterFigure(box, resolution)).toBe("55 µm");
    expect(perimeterFigure(box, null)).toBe("140 px");
  });

  it("say of an object how large, how long or how many it is", () => {
    expect(objectFigure({ area: box }, null)).toBe("1\u202f200 px²");
    expect(objectFigure(membersOf(line), null)).toBe("110 px");
    expect(objectFigure(membersOf(dots), null)).toBe("1 point");
    const two: Mark = { type: "MultiPoint", coordinates: [...dots.coordinates, [1, 2]] };
    expect(objectFigure(membersOf(two), resolution)).toBe("2 points");
  });
});

describe("shapes", () => {
  it("are an object's area or what it has instead", () => {
    expect(shapeOf(object(membersOf(line)))).toBe(line);
    expect(shapeOf(object({ area: box }))).toBe(box);
    const changed = withShape(object(membersOf(line)), box);
    expect(changed).toEqual(object({ area: box }));
    expect("mark" in changed).toBe(false);
    expect(boundsOfShape(line)).toEqual({ left: 0, top: 0, right: 30, bottom: 100 });
    expect(boundsOfShape({ type: "MultiPolygon", coordinates: [] })).toBeNull();
    expect(clamped([-3, 900], { width: 640, height: 480 })).toEqual([0, 480]);
  });

  it("are ellipses in their box, and squares on the slide whatever its pixels", () => {
    const ring = ellipseRing([10, 20], [110, 70]);
    expect(areaSize(areaOfRing(ring)) / (Math.PI * 50 * 25)).toBeCloseTo(1, 2);
    const bounds = boundsOfShape(areaOfRing(ring));
    expect(bounds).toEqual({ left: 10, top: 20, right: 110, bottom: 70 });
    expect(squareCorner([10, 10], [40, 0], { x: 1, y: 1 })).toEqual([40, -20]);
    expect(squareCorner([10, 10], [0, 50], { x: 0.5, y: 0.25 })).toEqual([-10, 50]);
  });

  it("of lines and points have vertices that move, come and go", () => {
    expect(verticesOf(line).map(({ position }) => position)).toEqual(line.coordinates);
    const place = nearestVertex(line, [29, 41], 5) ?? expect.unreachable();
    expect(withVertexMoved(line, place, [0, 50])).toMatchObject({
      coordinates: [
        [0, 0],
        [0, 50],
        [30, 100],
      ],
    });
    const edge = nearestEdge(line, [31, 70], 5) ?? expect.unreachable();
    expect(withVertexAdded(line, edge, [35, 70]).coordinates).toHaveLength(4);
    // A line is not closed.
    expect(nearestEdge(line, [14, 55], 3)).toBeNull();
    expect(nearestEdge(dots, [5, 5], 3)).toBeNull();
    const shorter = withVertexRemoved(line, place) ?? expect.unreachable();
    expect(withVertexRemoved(shorter, place)).toBeNull();
    expect(withVertexRemoved(dots, { polygon: 0, ring: 0, vertex: 0 })).toBeNull();
  });

  it("are found where they are clicked, lines and points before the area around them", () => {
    const around = { ...object({ area: areaOfRing(rectangleRing([-50, -50], [200, 200])) }), id: "area" };
    const objects = [
      around,
      { ...object(membersOf(line)), id: "line" },
      { ...object(membersOf(dots)), id: "dots" },
    ];
    expect(objectAt(objects, [31, 60], 4)?.id).toBe("line");
    expect(objectAt(objects, [5, 2], 1)?.id).toBe("area");
    expect(objectAt(objects, [5, 5.5], 0.6)?.id).toBe("dots");
    expect(objectAt(objects, [100, 100], 4)?.id).toBe("area");
  });
});

describe("changes", () => {
  it("are signed by whoever has given a name, and by nobody else", () => {
    const add = { type: "add", object: object({ area: box }) } as const;
    expect(signedBy(add, "Anna")).toMatchObject({ object: { author: "Anna" } });
    const byAnna = signedBy(add, "Anna");
    expect(signedBy(byAnna, undefined)).toEqual(add);
    expect(signedBy({ type: "remove", id: "a" }, "Anna")).toEqual({ type: "remove", id: "a" });
  });

  it("make the same object, in whatever order its members were set", () => {
    const one = { ...object({ area: box }), author: "Anna", comment: "odd" };
    const other = { ...object({ area: box }), comment: "odd", author: "Anna" };
    expect(isSame(one, other)).toBe(true);
    expect(isSame(one, { ...other, mark: undefined })).toBe(true);
    expect(isSame(one, { ...other, comment: "even" })).toBe(false);
  });
});
