import { describe, expect, it } from "vitest";
import {
  type AnnotationSet,
  formatGeoJson,
  placeOnSlide,
  TumourRegion,
} from "../../src/annotations/index.js";
import { asapXml, failureOf, gridOf, parse } from "./fixtures.js";

type Ring = readonly (readonly [number, number])[];
const square: Ring = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
];
const moved = (ring: Ring, x: number, y: number): Ring => ring.map(([a, b]) => [a + x, b + y]);
const polygon = (...rings: unknown[]) => ({ type: "Polygon", coordinates: rings });
const feature = (geometry: unknown, group: string | null = "Tumor", more: object = {}) => ({
  ...{ type: "Feature", geometry },
  properties: { ...(group === null ? {} : { classification: { name: group } }), ...more },
});
const parsed = (...features: unknown[]): AnnotationSet =>
  parse(JSON.stringify({ type: "FeatureCollection", features }));

describe("annotations on their slide", () => {
  const slide = (width: number, height: number, bounds?: readonly [number, number, number, number]) => ({
    levels: [{ width, height, downsample: 1, tileSize: null }],
    ...(bounds === undefined
      ? {}
      : { bounds: { left: bounds[0], top: bounds[1], right: bounds[2], bottom: bounds[3] } }),
  });

  it("that lie off it altogether are refused with numbers", () => {
    const set = parsed(
      feature(polygon(moved(square, 55_000, 20))),
      feature(polygon(moved(square, 60_000, 0))),
    );
    expect(failureOf(() => placeOnSlide(set, slide(300, 200)))).toMatch(
      /^\[annotation\] slide\.xml: has no outline that lies on the slide \(they reach from x 55000 to 60010 and y 0 to 30, the slide has 300 × 200 pixels\)/,
    );
    // Bordering on it is not lying on it.
    for (const [x, y] of [
      [300, 0],
      [-10, 0],
      [0, 200],
      [0, -10],
    ] as const) {
      expect(
        failureOf(() => placeOnSlide(parsed(feature(polygon(moved(square, x, y)))), slide(300, 200))),
      ).toMatch(/no outline that lies on the slide/);
    }
  });

  it.each([
    ["with x and y exchanged all would lie on it", moved(square, 10, 280)],
    ["all would lie on it at 1/2 of their scale", moved(square, 500, 380)],
    ["all would lie on it at 1/4 of their scale", moved(square, 1100, 500)],
  ])("that lie off it are told with what they may be: %s", (hint, ring) => {
    const set = parsed(feature(polygon(square)), feature(polygon(ring)));
    expect(placeOnSlide(set, slide(300, 200)).warnings).toEqual([expect.stringContaining(`; ${hint}`)]);
  });

  it("that lie off it or reach beyond it are told with numbers; the tumour off it is not forgotten", () => {
    const beyond = moved(square, 295, 0);
    const off = moved(square, 400, 0);
    const placed = placeOnSlide(
      parsed(feature(polygon(beyond)), feature(polygon(off)), feature(polygon(square))),
      slide(300, 200),
    );
    expect(placed.annotations.map(({ polygons }) => polygons.length)).toEqual([1, 0, 1]);
    expect(placed.warnings).toEqual([
      expect.stringMatching(
        /^1 of 3 outlines lie off the slide and are left out \(they reach from x 0 to 410 .*300 × 200/,
      ),
      expect.stringMatching(/^1 of 3 outlines reach beyond the slide/),
    ]);
    const normal = feature(polygon(square), "normal");
    const mixed = placeOnSlide(parsed(normal, feature(polygon(off))), slide(300, 200));
    expect(failureOf(() => TumourRegion.of(mixed))).toMatch(
      /left out: 1 mark of the group "Tumor" \(an outline off the slide\)/,
    );
    // Half pixels at the border are nothing to talk about.
    expect(
      placeOnSlide(parsed(feature(polygon(moved(square, 290.5, -0.5)))), slide(300, 200)).warnings,
    ).toEqual([]);
  });

  it("that only seem to touch it, by the box around them, lie off it", () => {
    const besideCorner: Ring = [
      [-100, 60],
      [60, -100],
      [-100, -100],
      [-100, 60],
    ];
    expect(failureOf(() => placeOnSlide(parsed(feature(polygon(besideCorner))), slide(300, 200)))).toMatch(
      /no outline that lies on the slide/,
    );
    const around: Ring = [
      [-100, -100],
      [400, -100],
      [400, 300],
      [-100, 300],
      [-100, -100],
    ];
    const placed = placeOnSlide(parsed(feature(polygon(around))), slide(300, 200));
    expect(TumourRegion.of(placed).fraction(gridOf(0, 0, 300, 200))).toBe(1);
    expect(placed.warnings).toEqual([expect.stringMatching(/^1 of 1 outlines reach beyond the slide/)]);
  });

  it("in shares of the slide instead of pixels are no tumour outlines", () => {
    const share = [
      [0.1, 0.1],
      [0.5, 0.1],
      [0.5, 0.6],
      [0.1, 0.1],
    ];
    const placed = placeOnSlide(parsed(feature(polygon(share))), slide(300, 200));
    expect(placed.warnings).toEqual([expect.stringMatching(/1 of 1 outlines are smaller than a pixel/)]);
    expect(failureOf(() => TumourRegion.of(placed))).toMatch(/an outline smaller than a pixel/);
  });

  it("in microns, or of a smaller level, are told by how little of the slide they reach over", () => {
    const square = (side: number) =>
      feature(
        polygon([
          [0, 0],
          [side, 0],
          [side, side],
          [0, 0],
        ]),
      );
    expect(placeOnSlide(parsed(square(250)), slide(1000, 1000)).warnings).toEqual([
      expect.stringMatching(
        /first quarter .*from x 0 to 250 and y 0 to 250, the slide has 1000 × 1000 pixels/,
      ),
    ]);
    expect(placeOnSlide(parsed(square(260)), slide(1000, 1000)).warnings).toEqual([]);
  });

  const corner = (set: AnnotationSet) => [
    ...(set.annotations[0]?.polygons[0]?.outer.coordinates.subarray(0, 2) ?? []),
  ];

  it("count from the corner of what was scanned in QuPath, and from the slide's in ASAP and Camelyon's", () => {
    const mirax = slide(1024, 1024, [320, 256, 832, 768]);
    const geometry = polygon(square);
    const qupath = [
      parsed(feature(geometry, "Tumor", { objectType: "annotation" })),
      parsed(feature(geometry, "Tumor", { object_type: "annotation" })),
      parsed(feature(geometry, "Tumor", { isLocked: false })),
      parsed({ ...feature(geometry), id: "PathAnnotationObject" }),
    ];
    for (const set of qupath) {
      expect(corner(placeOnSlide(set, mirax))).toEqual([320, 256]);
      expect(corner(placeOnSlide(set, mirax, "slide"))).toEqual([0, 0]);
      expect(corner(placeOnSlide(set, slide(1024, 1024)))).toEqual([0, 0]);
    }
    for (const text of [
      asapXml(),
      '{"positive":[{"name":"a","vertices":[[0,0],[5,5],[5,0]]}],"negative":[]}',
    ]) {
      expect(corner(placeOnSlide(parse(text), mirax))).toEqual([0, 0]);
      expect(corner(placeOnSlide(parse(text), mirax, "bounds"))).toEqual([320, 256]);
    }
  });

  it("that say themselves where they begin are not asked again", () => {
    const { annotations } = parsed(feature(polygon(square), "Tumor", { objectType: "annotation" }));
    const written = parse(formatGeoJson(annotations, [], { origin: { x: 0, y: 0 } }));
    const mirax = slide(1024, 1024, [320, 256, 832, 768]);
    expect([corner(placeOnSlide(written, mirax)), corner(placeOnSlide(written, mirax, "bounds"))]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const qupath = parse(formatGeoJson(annotations, [], { origin: { x: 320, y: 256 } }));
    expect(corner(qupath)).toEqual([-320, -256]);
    expect(corner(placeOnSlide(qupath, mirax))).toEqual([0, 0]);
  });

  it("of an unknown program are not guessed on a slide where it matters", () => {
    const set = parsed(feature(polygon(square)));
    const failure = failureOf(() => placeOnSlide(set, slide(1024, 1024, [320, 256, 832, 768])));
    expect(failure).toMatch(
      /does not tell where its coordinates begin.*x 320, y 256.*`annotationOrigin: bounds`/,
    );
    expect(corner(placeOnSlide(set, slide(1024, 1024, [0, 0, 512, 512])))).toEqual([0, 0]);
    expect(corner(placeOnSlide(set, slide(1024, 1024, [320, 256, 832, 768]), "bounds"))).toEqual([320, 256]);
  });

  it("move with dots and marks without area", () => {
    const line = { type: "LineString", coordinates: square };
    const geometry = {
      type: "GeometryCollection",
      geometries: [line, { type: "Point", coordinates: [1, 2] }],
    };
    const set = placeOnSlide(parsed(feature(geometry)), slide(1024, 1024, [320, 256, 832, 768]), "bounds");
    const [annotation] = set.annotations;
    expect(annotation?.points).toEqual([{ space: "level-0", x: 321, y: 258 }]);
    expect([...(annotation?.leftOut?.[0]?.extent?.outer.coordinates.subarray(0, 2) ?? [])]).toEqual([
      320, 256,
    ]);
  });
});
