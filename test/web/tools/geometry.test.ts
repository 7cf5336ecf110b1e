import { describe, expect, it } from "vitest";
import type { Area, Position } from "../../../src/contract/index.js";
import {
  areaContains,
  areaOfRing,
  areaSize,
  boundsOf,
  closedRing,
  crossingsOf,
  simplifyLine,
  simplifyRing,
} from "../../../src/geometry/index.js";
import {
  crossesItself,
  differenceOf,
  onSlide,
  unionOf,
  withoutCrossings,
} from "../../../src/web/tools/geometry/combine.js";
import type { DrawnShape } from "../../../src/web/tools/geometry/shapes.js";
import { strokeArea } from "../../../src/web/tools/geometry/stroke.js";
import {
  nearestEdge,
  nearestVertex,
  vertexAt,
  withVertexAdded,
  withVertexMoved,
  withVertexRemoved,
} from "../../../src/web/tools/geometry/vertices.js";
import { isCutOff } from "../../../src/web/tools/segment/cut-off.js";
import { processorStopwatch } from "../../support/processor-time.js";

const square = (x: number, y: number, side: number): Area =>
  areaOfRing([
    [x, y],
    [x + side, y],
    [x + side, y + side],
    [x, y + side],
  ]);

describe("a mask and the patch that it was found in", () => {
  const patch = { space: "level-0", x: 100, y: 0, width: 256, height: 256 } as const;
  const slide = { width: 1000, height: 256 };

  it.each([
    ["inside", square(120, 20, 100), false],
    ["at its left border", square(100, 20, 50), true],
    ["at its right border, half a pixel off", square(305.5, 20, 50), true],
    ["where the slide ends, too", square(150, 0, 60), false],
    ["at the bottom, where the slide ends", square(150, 196, 60), false],
    ["empty", { type: "MultiPolygon", coordinates: [] } as const, false],
  ])("%s", (_, mask, expected) => expect(isCutOff(mask, patch, slide)).toBe(expected));

  it("goes on below", () => {
    expect(isCutOff(square(150, 196, 60), patch, { ...slide, height: 300 })).toBe(true);
  });
});

describe("areas put together", () => {
  it("are joined and cut, holes included", () => {
    const joined = unionOf(square(0, 0, 100), square(50, 50, 100));
    expect(areaSize(joined)).toBe(17_500);
    const ring = differenceOf(square(0, 0, 100), square(25, 25, 50));
    expect(ring?.coordinates.map((polygon) => polygon.length)).toEqual([2]);
    if (ring === null) throw new Error("nothing left");
    expect([areaSize(ring), areaContains(ring, [50, 50]), areaContains(ring, [5, 50])]).toEqual([
      7500,
      false,
      true,
    ]);
    expect(areaSize(unionOf(ring, square(25, 25, 50)))).toBe(10_000);
    expect(differenceOf(square(10, 10, 5), square(0, 0, 100))).toBeNull();
    const almost = [
      differenceOf(square(0, 0, 100), square(0, 1, 100)),
      differenceOf(square(0, 0, 100), square(0, 1, 100), 150),
    ];
    expect(almost.map((area) => (area === null ? 0 : areaSize(area)))).toEqual([100, 0]);
  });

  it("leave alone what the other cannot reach", () => {
    const far = square(1000, 1000, 10);
    const both: Area = {
      type: "MultiPolygon",
      coordinates: [...far.coordinates, ...square(0, 0, 10).coordinates],
    };
    const cut = differenceOf(both, square(5, 0, 10));
    expect(cut?.coordinates[0]).toEqual(far.coordinates[0]);
    expect(differenceOf(far, square(0, 0, 10))).toBe(far);
  });

  it("are cut at the slide's border, and are as they were inside it", () => {
    const slide = { width: 100, height: 80 };
    const inside = square(10, 10, 60);
    expect(onSlide(inside, slide)).toBe(inside);
    expect(boundsOf(onSlide(square(-20, 50, 60), slide) ?? inside)).toEqual({
      ...{ left: 0, top: 50, right: 40, bottom: 80 },
    });
    expect(onSlide(square(100, 10, 5), { ...slide, width: 90 })).toBeNull();
  });

  it("are cut and joined in no time where an outline is a tangle of thousands of vertices", () => {
    let seed = 1;
    const random = () => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const tangle = areaOfRing(
      Array.from({ length: 3000 }, (): Position => [1000 * random(), 1000 * random()]),
    );
    const seconds = processorStopwatch();
    const joined = unionOf(tangle, square(990, 400, 100));
    const cut = differenceOf(tangle, square(400, 400, 200));
    const alone = withoutCrossings(tangle);
    expect(seconds()).toBeLessThan(1.5);
    // It winds around nearly all of its square.
    expect(areaSize(alone ?? joined)).toBeGreaterThan(920_000);
    const gained = areaSize(joined) - areaSize(alone ?? joined);
    expect([gained > 9000, gained <= 10_000]).toEqual([true, true]);
    expect([areaContains(cut ?? joined, [500, 500]), areaContains(cut ?? joined, [300, 500])]).toEqual([
      false,
      true,
    ]);
    expect(crossesItself(joined.coordinates[0]?.[0] ?? [])).toBe(false);
  });

  it("are cut and joined at once where an outline has ten thousand vertices", () => {
    const round = Array.from({ length: 10_000 }, (_, at): Position => {
      const angle = (2 * Math.PI * at) / 10_000;
      return [3000 + 2000 * Math.cos(angle), 3000 + 2000 * Math.sin(angle)];
    });
    const seconds = processorStopwatch();
    const joined = unionOf(areaOfRing(round), square(900, 2900, 200));
    const cut = differenceOf(joined, square(900, 2900, 200)) ?? joined;
    expect(seconds()).toBeLessThan(0.5);
    expect(areaSize(joined) - areaSize(cut)).toBe(40_000);
  });

  it("wind around what training sees: loops against each other, holes that overlap, polygons that do", () => {
    const reversed = (area: Area): Area => ({
      type: "MultiPolygon",
      coordinates: area.coordinates.map((polygon) => polygon.map((ring) => ring.toReversed())),
    });
    const [[outer = []] = []] = square(0, 0, 100).coordinates;
    const [[hole = []] = []] = square(20, 20, 40).coordinates;
    const [[other = []] = []] = reversed(square(40, 40, 40)).coordinates;
    const area: Area = {
      type: "MultiPolygon",
      coordinates: [[outer, hole, other], ...reversed(square(90, 0, 20)).coordinates],
    };
    const joined = unionOf(area, reversed(square(0, 90, 20)));
    const [inside, outside] = [
      [10, 10, 95, 10, 105, 10, 10, 105, 90, 30],
      [30, 30, 50, 50, 70, 70, 105, 30, 30, 105],
    ].map((numbers) => Array.from({ length: 5 }, (_, at) => [numbers[2 * at], numbers[2 * at + 1]]));
    const holds = ([x = 0, y = 0]: readonly (number | undefined)[]) => areaContains(joined, [x, y]);
    expect([inside?.map(holds), outside?.map(holds)]).toEqual([Array(5).fill(true), Array(5).fill(false)]);
    expect(differenceOf(area, square(0, 0, 200))).toBeNull();
    const pentagram = areaOfRing(
      Array.from({ length: 5 }, (_, at): Position => {
        const angle = (4 * Math.PI * at) / 5;
        return [50 + 40 * Math.cos(angle), 50 + 40 * Math.sin(angle)];
      }),
    );
    expect(areaContains(withoutCrossings(pentagram) ?? area, [50, 50])).toBe(true);
  });

  it("of large outlines that hardly cross themselves stay exact", () => {
    const wave = Array.from({ length: 20_000 }, (_, at): Position => {
      const angle = (2 * Math.PI * at) / 20_000;
      const radius = 5000 + 50 * Math.sin(300 * angle);
      return [6000 + radius * Math.cos(angle), 6000 + radius * Math.sin(angle)];
    });
    const seconds = processorStopwatch();
    expect(crossingsOf(wave, 1)).toBe(0);
    expect(seconds()).toBeLessThan(1);
  });

  it("do not cross themselves: a drawn eight becomes two areas", () => {
    const eight: Position[] = [
      [0, 0],
      [10, 10],
      [10, 0],
      [0, 10],
    ];
    expect([crossesItself(eight), crossesItself(square(0, 0, 10).coordinates[0]?.[0] ?? [])]).toEqual([
      true,
      false,
    ]);
    expect(withoutCrossings(areaOfRing(eight))?.coordinates.length).toBe(2);
    expect(
      withoutCrossings(
        areaOfRing([
          [0, 0],
          [10, 10],
          [20, 20],
        ]),
      ),
    ).toBeNull();
  });
});

describe("a brush stroke", () => {
  it("covers what is nearer to its way than the radius", () => {
    const way: Position[] = [
      [100, 100],
      [200, 100],
      [200, 180],
    ];
    const area = strokeArea(way, 12);
    expect(areaContains(area, [150, 110])).toBe(true);
    expect(areaContains(area, [150, 113])).toBe(false);
    expect(areaContains(area, [208, 108])).toBe(true);
    expect(boundsOf(area)?.left).toBeCloseTo(88, 0);
    const expected = 100 * 24 + 80 * 24 + Math.PI * 144 - (144 - (Math.PI * 144) / 4);
    expect(Math.abs(areaSize(area) / expected - 1)).toBeLessThan(0.02);
  });

  it("is a disc where the pointer did not move, and may enclose a hole", () => {
    const dot = strokeArea([[5000, 7000]], 40);
    expect(Math.abs(areaSize(dot) / (Math.PI * 1600) - 1)).toBeLessThan(0.02);
    const loop = Array.from({ length: 41 }, (_, step): Position => {
      const angle = (step / 40) * 2 * Math.PI;
      return [100 * Math.cos(angle), 100 * Math.sin(angle)];
    });
    const ring = strokeArea(loop, 10);
    expect(ring.coordinates.map((polygon) => polygon.length)).toEqual([2]);
    expect(areaContains(ring, [0, 0])).toBe(false);
  });
});

describe("simplified outlines", () => {
  it("keep corners and stay within the tolerance", () => {
    const dense = Array.from({ length: 400 }, (_, index): Position => {
      const [side, along] = [Math.floor(index / 100), index % 100];
      const corner: Position[] = [
        [along, 0],
        [100, along],
        [100 - along, 100],
        [0, 100 - along],
      ];
      return corner[side] ?? [0, 0];
    });
    expect(simplifyRing(dense, 0.5)).toEqual(
      closedRing([
        [0, 0],
        [100, 0],
        [100, 100],
        [0, 100],
      ]),
    );
    expect(
      simplifyLine(
        [
          [0, 0],
          [5, 0.2],
          [10, 0],
        ],
        0.5,
      ),
    ).toEqual([
      [0, 0],
      [10, 0],
    ]);
    expect(
      simplifyRing(
        [
          [0, 0],
          [1, 0],
          [0, 1],
        ],
        50,
      ),
    ).toHaveLength(4);
  });
});

describe("vertices", () => {
  const area = square(0, 0, 100);

  it("are found by distance and moved, the closing one with the first", () => {
    const place = nearestVertex(area, [3, -2], 10);
    expect(place).toEqual({ polygon: 0, ring: 0, vertex: 0 });
    expect(nearestVertex(area, [50, 50], 10)).toBeNull();
    if (place === null) throw new Error("no vertex");
    const moved = withVertexMoved(area, place, [-10, -10]);
    expect(moved.coordinates[0]?.[0]).toEqual([
      [-10, -10],
      [100, 0],
      [100, 100],
      [0, 100],
      [-10, -10],
    ]);
    expect(vertexAt(moved, place)).toEqual([-10, -10]);
  });

  const sizeOf = (shape: DrawnShape) => (shape.type === "MultiPolygon" ? areaSize(shape) : 0);

  it("are added on edges, the closing one too, and removed until nothing is left", () => {
    const place = nearestEdge(area, [2, 60], 5);
    expect(place).toEqual({ polygon: 0, ring: 0, vertex: 4 });
    if (place === null) throw new Error("no edge");
    const five = withVertexAdded(area, place, [-20, 60]);
    expect(sizeOf(five)).toBe(11_000);
    const triangle = withVertexRemoved(area, { polygon: 0, ring: 0, vertex: 2 });
    expect(triangle === null ? 0 : sizeOf(triangle)).toBe(5000);
    expect(triangle && withVertexRemoved(triangle, { polygon: 0, ring: 0, vertex: 0 })).toBeNull();
  });

  it("of a hole take the hole along when too few are left", () => {
    const ring = differenceOf(
      area,
      areaOfRing([
        [20, 20],
        [40, 20],
        [20, 40],
      ]),
    );
    if (ring === null) throw new Error("nothing left");
    const filled = withVertexRemoved(ring, { polygon: 0, ring: 1, vertex: 1 });
    expect(filled?.coordinates).toHaveLength(1);
    expect(filled?.coordinates[0]).toHaveLength(1);
  });
});
