import { describe, expect, it } from "vitest";
import {
  type AnnotationSet,
  formatAsapXml,
  formatGeoJson,
  GroupRoles,
  judgeAreas,
  parseAnnotations,
  placeOnSlide,
  TumourRegion,
} from "../../src/annotations/index.js";
import { ringOf } from "../../src/geometry/index.js";
import { annotationOf, asapXml, polygonOf, rectangle } from "./fixtures.js";

const line = {
  type: "LineString",
  coordinates: [
    [2, 3],
    [8, 11],
  ],
};
const square = {
  type: "Polygon",
  coordinates: [
    [
      [20, 20],
      [40, 20],
      [40, 40],
      [20, 40],
      [20, 20],
    ],
  ],
};
const feature = (geometry: object, group?: string) => ({
  ...{ type: "Feature", geometry },
  properties: {
    objectType: "annotation",
    ...(group === undefined ? {} : { classification: { name: group } }),
  },
});
const textOf = (...features: object[]) => JSON.stringify({ type: "FeatureCollection", features });
const read = (...features: object[]): AnnotationSet => parseAnnotations("a.geojson", textOf(...features));
const kept = (text: string) => parseAnnotations("a.geojson", text, { lines: "kept" });

describe("measurements", () => {
  it("are neither tumour nor forgotten outlines of it", () => {
    const set = read(
      feature(line, "Measurement*"),
      feature(square, "measurement*"),
      feature(square, "Tumor"),
    );
    const areas = judgeAreas(set, new GroupRoles());
    expect(set.warnings).toEqual([]);
    expect(areas.warnings).toEqual([]);
    expect(areas.lost).toEqual({ marks: [], exclusions: [] });
    expect(areas.polygons.get("tumour")).toHaveLength(1);
    const alone = read(feature(line, "Measurement*"), feature(square, "Measurement*"));
    expect(TumourRegion.of(alone).isEmpty).toBe(true);
  });

  it("alone say nothing about tumour, which is told", () => {
    const told = "does not tell whether there is tumour";
    expect(read(feature(line, "Measurement*")).warnings).toEqual([
      `its one annotation is a measurement, which ${told}: unless \`unmarked\` is \`unknown\` the slide counts as free of it`,
    ]);
    expect(read(feature(line, "Measurement*"), feature(square, "Tumor")).warnings).toEqual([]);
    expect(kept(textOf(feature(line, "Measurement*"))).warnings).toEqual([]);
  });

  it("are told from a line of no class, which may be an outline that somebody forgot to close", () => {
    const set = read(feature(line), feature(square, "Tumor"));
    expect(set.warnings).toEqual(["features[0].geometry: a line has no area; it is left out"]);
    expect(() => TumourRegion.of(read(feature(line)))).toThrow(
      /the slide cannot be taken for free of tumour/,
    );
  });

  it("of ASAP are kept where lines are asked for, as rulers unless they are in a group", () => {
    const ruler = asapXml({ annotation: 'Name="r" Type="Measurement" PartOfGroup="None"' });
    expect(kept(ruler).annotations).toMatchObject([{ group: "Measurement*", polygons: [], points: [] }]);
    expect([...(kept(ruler).annotations[0]?.lines?.[0]?.coordinates ?? [])]).toEqual([0, 0, 8, 0, 4, 6]);
    const other = asapXml({ annotation: 'Type="Measurement" PartOfGroup="Tumor"' });
    expect(kept(other).annotations[0]?.group).toBe("Tumor");
    const own = asapXml({ annotation: 'Type="Measurement" PartOfGroup="Measurement*"', groups: "" });
    expect(parseAnnotations("a.xml", own).warnings).toEqual([
      expect.stringMatching(/^its one annotation is a measurement/),
    ]);
  });
});

describe("lines", () => {
  it("are written for QuPath and read again, and moved with the slide's bounds", () => {
    const own = [2, 3, 8, 11, 4.25, 7];
    const annotation = annotationOf({
      group: "Vessel",
      lines: [{ space: "level-0", coordinates: ringOf(own).coordinates }],
    });
    const text = formatGeoJson([annotation], [], { origin: { x: 1, y: 2 } });
    expect(JSON.parse(text).features[0].geometry).toEqual({
      type: "LineString",
      coordinates: [
        [1, 1],
        [7, 9],
        [3.25, 5],
      ],
    });
    const plane = {
      levels: [{ width: 100, height: 100, downsample: 1, tileSize: null }],
      bounds: { left: 1, top: 2, right: 51, bottom: 52 },
    };
    const [found] = placeOnSlide(kept(text), plane).annotations;
    expect([...(found?.lines?.[0]?.coordinates ?? [])]).toEqual(own);
  });

  it("that lie off the slide are left out and told", () => {
    const far = { type: "LineString", coordinates: line.coordinates.map(([x = 0, y = 0]) => [x + 500, y]) };
    const set = placeOnSlide(kept(textOf(feature(line), feature(far))), {
      levels: [{ width: 100, height: 100, downsample: 1, tileSize: null }],
    });
    expect(set.annotations.map(({ lines }) => lines?.length)).toEqual([1, 0]);
    expect(set.warnings).toEqual([expect.stringMatching(/^1 lines lie off the slide and are left out/)]);
  });

  it("become rulers of ASAP where they are measurements of two ends", () => {
    const lines = (...coordinates: readonly number[][]) =>
      coordinates.map((one) => ({ space: "level-0" as const, coordinates: Float64Array.from(one) }));
    const xml = formatAsapXml([
      annotationOf({ group: "Measurement*", lines: lines([0, 0, 3, 4], [0, 0, 3, 4, 9, 9]) }),
      annotationOf({
        group: "Tumor",
        polygons: [polygonOf(rectangle(0, 0, 9, 9))],
        lines: lines([1, 1, 2, 2]),
      }),
    ]);
    const { annotations } = parseAnnotations("a.xml", xml, { lines: "kept" });
    expect(annotations.map(({ group, lines: own }) => [group, own?.length ?? 0])).toEqual([
      ["Measurement*", 1],
      ["Tumor", 0],
    ]);
  });
});
