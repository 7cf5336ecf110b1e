import { describe, expect, it } from "vitest";
import {
  type AnnotationSet,
  GroupRoles,
  type GroupRules,
  judgeAreas,
  KnownRegion,
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

it("tells once that outlines are cells or detections that QuPath found, and takes them as outlines of their class", () => {
  const cell = feature(polygon(square), "Tumor", { objectType: "cell" });
  const { warnings, annotations } = parsed(
    cell,
    cell,
    feature(polygon(square), "Tumor", { objectType: "annotation" }),
  );
  expect(warnings).toEqual([
    expect.stringMatching(/is a cell that QuPath found; .* \(and 1 more like it\)$/),
  ]);
  expect(annotations.map(({ polygons }) => polygons.length)).toEqual([1, 1, 1]);
});
