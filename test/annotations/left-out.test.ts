import { describe, expect, it } from "vitest";
import {
  type AnnotationSet,
  formatGeoJson,
  GroupRoles,
  type GroupRules,
  judgeAreas,
  KnownRegion,
  placeOnSlide,
  TumourRegion,
} from "../../src/annotations/index.js";
import { asapXml, failureOf, featureText, gridOf, parse } from "./fixtures.js";

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
const judged = (set: AnnotationSet, rules: Partial<GroupRules> = {}) =>
  judgeAreas(set, new GroupRoles(rules));
const coordinates = (...points: readonly (readonly [number, number])[]) =>
  points.map(([x, y], order) => `<Coordinate Order="${order}" X="${x}" Y="${y}"/>`).join("");

/** Everything that can be drawn and has no area: a name, the file, and what is said of it. */
const withoutArea: readonly (readonly [name: string, text: string, told: RegExp])[] = [
  [
    "a polyline",
    featureText({ type: "LineString", coordinates: square }, { classification: "Tumor" }),
    /a line/,
  ],
  [
    "several polylines",
    featureText({ type: "MultiLineString", coordinates: [square] }, { classification: "Tumor" }),
    /a line/,
  ],
  [
    "dots",
    featureText(
      {
        type: "MultiPoint",
        coordinates: [
          [1, 1],
          [5, 5],
        ],
      },
      { classification: "Tumor" },
    ),
    /2 marks.*a dot/,
  ],
  [
    "a dot",
    featureText({ type: "Point", coordinates: [1, 1] }, { classification: "Tumor" }),
    /1 mark .*a dot/,
  ],
  ["no geometry", featureText(null, { classification: "Tumor" }), /an empty geometry/],
  ["an empty polygon", featureText(polygon(), { classification: "Tumor" }), /an empty geometry/],
  ["a polygon of an empty ring", featureText(polygon([]), { classification: "Tumor" }), /an empty geometry/],
  [
    "an empty multipolygon",
    featureText({ type: "MultiPolygon", coordinates: [] }, { classification: "Tumor" }),
    /an empty geometry/,
  ],
  [
    "an empty collection",
    featureText({ type: "GeometryCollection", geometries: [] }, { classification: "Tumor" }),
    /an empty geometry/,
  ],
  [
    "a polygon that is a line",
    featureText(
      polygon([
        [0, 0],
        [9, 9],
        [3, 3],
        [0, 0],
      ]),
      { classification: "Tumor" },
    ),
    /an outline/,
  ],
  [
    "a polygon that is walked back",
    featureText(
      polygon([
        [0, 0],
        [9, 0],
        [9, 5],
        [9, 0],
        [0, 0],
      ]),
      { classification: "Tumor" },
    ),
    /an outline/,
  ],
  [
    "a rectangle of two corners",
    asapXml({
      annotation: 'Name="r" Type="Rectangle" PartOfGroup="Tumor"',
      coordinates: coordinates([0, 0], [9, 9]),
    }),
    /fewer than three points/,
  ],
  [
    "an ASAP outline that is a line",
    asapXml({ coordinates: coordinates([0, 0], [5, 5], [9, 9]) }),
    /no area/,
  ],
  ["an ASAP outline without points", asapXml({ coordinates: "" }), /fewer than three points/],
  ["an ASAP dot", asapXml({ annotation: 'Name="d" Type="Dot" PartOfGroup="Tumor"' }), /a dot/],
  [
    "an ASAP measurement of tumour",
    asapXml({ annotation: 'Type="Measurement" PartOfGroup="Tumor"' }),
    /a measurement/,
  ],
  [
    "a Camelyon outline of two points",
    '{"positive":[{"name":"a","vertices":[[0,0],[5,5]]}],"negative":[]}',
    /fewer/,
  ],
];

describe("marks without area", () => {
  it.each(withoutArea)("%s does not make a slide free of tumour", (_name, text, told) => {
    const failure = failureOf(() => TumourRegion.of(parse(text)));
    expect(failure).toMatch(
      /^\[annotation\] slide\.xml: has no tumour outline that can be used \(left out: /,
    );
    expect(failure).toMatch(told);
    expect(failure).toMatch(/the group "Tumor"/);
    // Unless somebody says that they mean nothing.
    expect(TumourRegion.of(parse(text), new GroupRoles({ ignored: ["Tumor"] })).isEmpty).toBe(true);
  });

  it("of no group or an unknown one leave open whether there is tumour; rulers and cell counts do not", () => {
    const line = { type: "LineString", coordinates: square };
    expect(failureOf(() => judged(parsed(feature(line, null))))).toMatch(/`groups\.ignored: "None"`/);
    expect(failureOf(() => judged(parsed(feature(line, "Nest"))))).toMatch(/`groups\.ignored: "Nest"`/);
    expect(judged(parsed(feature(line, null)), { ignored: ["None"] }).warnings).toEqual([]);
    expect(judged(parsed(feature(polygon(square)), feature(line, null))).lost.marks).toEqual([]);
    for (const set of [
      parse(asapXml({ annotation: 'Type="Measurement" PartOfGroup="None"' })),
      parsed(feature({ type: "Point", coordinates: [1, 1] }, "Cells")),
      parsed(feature(null, null)),
      parsed(feature(line, "Exclusion")),
    ]) {
      expect(TumourRegion.of(set).isEmpty).toBe(true);
    }
  });

  it("beside good outlines are named, and what lies there is not known", () => {
    const line = { type: "LineString", coordinates: moved(square, 20, 0) };
    const set = parsed(feature(polygon(square)), feature(polygon()), feature(line), feature(line));
    expect(set.warnings).toEqual([
      "features[1].geometry.coordinates: an empty geometry has no area; it is left out",
      "features[2].geometry: a line has no area; it is left out (and 1 more like it)",
    ]);
    const areas = judged(set);
    expect(areas.warnings).toEqual(['2 marks of the group "Tumor" (a line) without area']);
    const known = KnownRegion.ofAreas(areas, "normal");
    expect([0, 16, 24, 40].map((x) => known.covers(gridOf(x, 0, 8, 8)))).toEqual([true, false, false, true]);
    expect([...known.rasterise(gridOf(18, 0, 4, 1)).data]).toEqual([1, 1, 0, 0]);
    expect(TumourRegion.ofAreas(areas).fraction(gridOf(0, 0, 10, 10))).toBe(1);
  });

  it("inside tumour change nothing when they are of tumour too, and leave open where an exclusion is", () => {
    const inside = {
      type: "LineString",
      coordinates: [
        [2, 2],
        [5, 2],
        [5, 5],
      ],
    };
    const known = (group: string) =>
      KnownRegion.ofAreas(judged(parsed(feature(polygon(square)), feature(inside, group))), "normal");
    expect(known("Tumor").covers(gridOf(0, 0, 10, 10))).toBe(true);
    const unclear = known("Exclusion");
    expect(unclear.covers(gridOf(0, 0, 10, 10))).toBe(false);
    expect(unclear.covers(gridOf(6, 6, 4, 4))).toBe(true);
    const kept = unclear.rasterise(gridOf(0, 0, 10, 10)).data.filter((value) => value === 1);
    expect(kept).toHaveLength(100 - 9);
  });

  it("of one kind are told once, whatever their number", () => {
    const line = feature({ type: "LineString", coordinates: square });
    const set = parsed(...Array.from({ length: 5000 }, () => line));
    expect(set.warnings).toEqual([
      "features[0].geometry: a line has no area; it is left out (and 4999 more like it)",
    ]);
  });

  it("do not include figures of eight, which wind around both their halves", () => {
    const eight = [
      [0, 0],
      [10, 10],
      [10, 0],
      [0, 10],
      [0, 0],
    ];
    const region = TumourRegion.of(parsed(feature(polygon(eight))));
    expect(region.fraction(gridOf(0, 0, 10, 10))).toBeGreaterThan(0.4);
  });

  it("as an empty hole leave the outline as it is", () => {
    const set = parsed(feature(polygon(square, [])));
    expect(set.annotations[0]?.polygons[0]?.holes).toEqual([]);
    expect(set.warnings).toEqual(["features[0].geometry.coordinates[1]: an empty hole is left out"]);
  });
});

describe("QuPath's numbers that JSON does not know", () => {
  it("are left out of measurements, and stay in texts", () => {
    const text =
      '{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[0,0],[4,0],[0,4],[0,0]]]},' +
      '"properties":{"name":"a \\"NaN\\", Infinity","classification":{"name":"Tumor"},' +
      '"measurements":{"NaN":1,"a":NaN,"b":-Infinity , "c":Infinity,"d":2.5}}}';
    const [annotation] = parse(text).annotations;
    expect(annotation).toMatchObject({ name: 'a "NaN", Infinity', measurements: { NaN: 1, d: 2.5 } });
    expect(Object.keys(annotation?.measurements ?? {})).toEqual(["NaN", "d"]);
    const older = text.replace(/"measurements":\{.*?\}/, '"measurements":[{"name":"a","value":NaN}]');
    expect(parse(older).annotations[0]?.polygons).toHaveLength(1);
  });

  it("are no coordinates", () => {
    const text =
      '{"type":"Feature","geometry":{"type":"Polygon","coordinates":[[[NaN,0],[4,0],[0,4],[NaN,0]]]}}';
    expect(failureOf(() => parse(text))).toMatch(/coordinates\[0\]\[0\]: has the position \[null, 0\]/);
  });
});

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
