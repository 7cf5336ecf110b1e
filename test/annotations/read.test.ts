import { describe, expect, it } from "vitest";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { polygonArea } from "../../src/geometry/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { asapXml, featureText, gridOf, parse } from "./fixtures.js";

const square = [
  [0, 0],
  [10, 0],
  [10, 10],
  [0, 10],
  [0, 0],
];
const hole = [
  [2, 2],
  [2, 4],
  [4, 4],
  [4, 2],
  [2, 2],
];

describe("ASAP XML", () => {
  it("orders coordinates by Order and drops what repeats", () => {
    const points = [
      [2, 4, 6],
      [0, 0, 0],
      [1, 8, 0],
      [3, 0, 0],
    ];
    const coordinates = points
      .map(([order, x, y]) => `<Coordinate Order="${order}" X="${x}" Y="${y}"/>`)
      .join("");
    const [annotation] = parse(asapXml({ coordinates })).annotations;
    expect([...(annotation?.polygons[0]?.outer.coordinates ?? [])]).toEqual([0, 0, 8, 0, 4, 6]);
    expect(annotation).toMatchObject({ name: "a", group: "Tumor", colour: [0xf4, 0xfa, 0x58], points: [] });
  });

  it("leaves out with a warning what has no area", () => {
    const point = '<Coordinate Order="0" X="1" Y="2"/>';
    const few = parse(asapXml({ coordinates: point }));
    expect(few.annotations[0]?.polygons).toEqual([]);
    expect(few.warnings).toEqual([
      expect.stringMatching(/line 4: the outline "a" has fewer than three points/),
    ]);
    const ruler = parse(asapXml({ annotation: 'Name="m" Type="Measurement" PartOfGroup="None"' }));
    expect(ruler.annotations[0]).toMatchObject({ polygons: [], points: [], group: null });
    expect(ruler.warnings).toHaveLength(1);
    const dots = parse(asapXml({ annotation: 'Type="PointSet"', coordinates: point }));
    expect(dots.annotations[0]?.points).toEqual([{ space: "level-0", x: 1, y: 2 }]);
  });
});

describe("GeoJSON", () => {
  it("reads a collection, an array and a single feature alike, with a byte-order mark too", () => {
    const feature = {
      type: "Feature",
      id: "5a0f3b1e-7e19-4f6b-9f21-000000000001",
      geometry: { type: "Polygon", coordinates: [square, hole] },
      properties: {
        objectType: "annotation",
        name: "Nest",
        classification: { name: "Tumor", color: [200, 0, 0] },
        measurements: { "Area µm^2": 12.5, note: "x" },
      },
    };
    const texts = [{ type: "FeatureCollection", features: [feature] }, [feature], feature].map((v) =>
      JSON.stringify(v),
    );
    for (const text of [...texts, `\uFEFF${texts[0]}`]) {
      const set = parse(text);
      expect(set.groups).toEqual([{ name: "Tumor", colour: [200, 0, 0], parent: null }]);
      const [annotation] = set.annotations;
      expect(annotation).toMatchObject({
        id: feature.id,
        name: "Nest",
        group: "Tumor",
        measurements: { "Area µm^2": 12.5 },
      });
      expect(annotation?.polygons.map(polygonArea)).toEqual([96]);
    }
  });

  it("reads several polygons, dots, collections, children, and leaves out lines", () => {
    const geometry = {
      type: "GeometryCollection",
      geometries: [
        { type: "MultiPolygon", coordinates: [[square], [square, hole]] },
        { type: "Point", coordinates: [1, 2, 3] },
        {
          type: "MultiPoint",
          coordinates: [
            [3, 4],
            [5, 6],
          ],
        },
        {
          type: "LineString",
          coordinates: [
            [0, 0],
            [1, 1],
          ],
        },
      ],
    };
    const child = { type: "Feature", geometry: { type: "Polygon", coordinates: [square] } };
    const set = parse(featureText(geometry, { classification: "Tumor", childObjects: [child] }));
    expect(set.annotations[0]?.polygons.map(polygonArea)).toEqual([100, 96]);
    expect(set.annotations[0]?.points.map(({ x, y }) => [x, y])).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect(set.annotations[1]?.polygons).toHaveLength(1);
    expect(set.warnings).toEqual(["features[0].geometry.geometries[3]: a line has no area; it is left out"]);
  });

  it("reads the spellings of older and newer QuPath versions", () => {
    const shape = { type: "Polygon", coordinates: [square] };
    const groupOf = (classification: unknown) => parse(featureText(shape, { classification })).groups[0];
    expect(groupOf({ name: "Tumor", colorRGB: -3670016 })).toEqual({
      name: "Tumor",
      colour: [200, 0, 0],
      parent: null,
    });
    expect(groupOf({ names: ["Tumor", "Positive"], color: [1, 2, 3] })?.name).toBe("Tumor: Positive");
    const measurements = [{ name: "Area", value: 4 }];
    expect(parse(featureText(shape, { measurements })).annotations[0]?.measurements).toEqual({ Area: 4 });
  });
});

describeWithShared("real annotation files", ["data/annotations", "data/slides/bcss1008.xml"], () => {
  const read = (...parts: string[]) => readAnnotations(sharedPath("data", ...parts));

  it("reads Camelyon17 outlines", async () => {
    const set = await read("annotations", "patient_004_node_4.xml");
    expect(set.annotations).toHaveLength(3);
    expect(set.annotations.map(({ group }) => group)).toEqual(["Tumor", "Tumor", "Tumor"]);
    const region = TumourRegion.of(set);
    expect(region.fraction(gridOf(12_660, 88_860, 180, 180))).toBe(1);
    expect(region.fraction(gridOf(0, 0, 512, 512))).toBe(0);
  });

  it("reads splines, rectangles and dots, and asks what their groups mean only where they have area", async () => {
    const sets = await Promise.all(
      ["classification", "detection", "segmentation"].map((kind) => read("annotations", `CMU-1_${kind}.xml`)),
    );
    expect(sets.map(({ annotations }) => annotations.length)).toEqual([5, 24, 4]);
    expect(sets.map(({ annotations }) => annotations.flatMap(({ points }) => points).length)).toEqual([
      1, 4, 0,
    ]);
    expect(sets.flatMap(({ warnings }) => warnings)).toEqual([]);
    for (const set of sets) expect(TumourRegion.of(set).isEmpty).toBe(false);
  });

  it("reads Camelyon16 outlines in JSON, negatives as exclusions", async () => {
    const normal = await read("annotations", "camelyon16-json", "Normal_001.json");
    expect(normal.annotations).toHaveLength(4);
    expect(TumourRegion.of(normal).isEmpty).toBe(true);
    const tumour = await read("annotations", "camelyon16-json", "Tumor_016.json");
    expect(tumour.annotations.filter(({ group }) => group === "Exclusion")).toHaveLength(2);
    const vertices = tumour.annotations
      .flatMap(({ polygons }) => polygons)
      .map(({ outer }) => outer.coordinates.length);
    expect(vertices.reduce((a, b) => a + b, 0) / 2).toBeGreaterThan(13_000);
  });

  it("rasterises the outlines of bcss1008 and bcss1015 to their area", async () => {
    for (const [name, width, height] of [
      ["bcss1008", 3584, 2560],
      ["bcss1015", 4096, 2048],
    ] as const) {
      const set = await read("slides", `${name}.xml`);
      const areas = { Tumor: 0, Exclusion: 0 };
      for (const { group, polygons } of set.annotations) {
        const area = polygons.reduce((total, polygon) => total + polygonArea(polygon), 0);
        if (group === "Tumor" || group === "Exclusion") areas[group] += area;
      }
      const region = TumourRegion.of(set);
      const share = region.fraction(gridOf(0, 0, width, height));
      // Outlines run through pixel centres, so they differ from the pixels' area by their length in pixels.
      expect(share * width * height).toBeGreaterThan(0.97 * (areas.Tumor - areas.Exclusion));
      expect(share * width * height).toBeLessThan(1.03 * (areas.Tumor - areas.Exclusion));
      const coarse = region.fraction(gridOf(0, 0, width / 16, height / 16, 16));
      expect(Math.abs(coarse - share)).toBeLessThan(0.005);
    }
  });

  it("reads a polygon without classification, which then needs a role", async () => {
    const set = await read("annotations", "test_annotation.geojson");
    expect(set.annotations[0]).toMatchObject({ group: null });
    expect(() => TumourRegion.of(set)).toThrow(/in no group/);
  });
});
