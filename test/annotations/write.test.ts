import { describe, expect, it } from "vitest";
import {
  type AnnotationSet,
  formatAsapXml,
  formatGeoJson,
  GroupRoles,
  readAnnotations,
  TumourRegion,
} from "../../src/annotations/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { annotationOf, gridOf, parse, polygonOf, rectangle } from "./fixtures.js";

const UUID = /^[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/;
const grid = gridOf(0, 0, 24, 24);
const tumourOf = (set: AnnotationSet) => TumourRegion.of(set, new GroupRoles({ tumour: ['Krebs & <"Co">'] }));

const nested = annotationOf({
  name: "line\nbreak",
  group: 'Krebs & <"Co">',
  colour: [1, 2, 255],
  polygons: [
    polygonOf(rectangle(0, 0, 20, 20), rectangle(2, 2, 10, 10), rectangle(12, 12, 16, 16)),
    polygonOf(rectangle(4, 4, 8, 8), rectangle(5, 5, 6, 6)),
  ],
  measurements: { "Area µm^2": 1.5 },
});
const dots = annotationOf({ points: [{ space: "level-0", x: 3, y: -0.001 }] });

describe("writing GeoJSON", () => {
  it("gives QuPath what it expects", () => {
    const groups = [{ name: 'Krebs & <"Co">', colour: [9, 8, 7] as const, parent: null }];
    const written = JSON.parse(formatGeoJson([nested, dots, annotationOf({})], groups));
    expect(written.type).toBe("FeatureCollection");
    expect(written.features).toHaveLength(2);
    expect(written.features[0]).toMatchObject({
      type: "Feature",
      id: expect.stringMatching(UUID),
      geometry: { type: "MultiPolygon" },
      properties: {
        objectType: "annotation",
        name: "line\nbreak",
        color: [1, 2, 255],
        classification: { name: 'Krebs & <"Co">', color: [9, 8, 7] },
        measurements: { "Area µm^2": 1.5 },
      },
    });
    expect(written.features[0].geometry.coordinates[1][1]).toEqual([
      [5, 5],
      [6, 5],
      [6, 6],
      [5, 6],
      [5, 5],
    ]);
    expect(written.features[1].geometry).toEqual({ type: "Point", coordinates: [3, 0] });
  });

  it("comes back as it was, with the same bytes each time", () => {
    const text = formatGeoJson([nested, dots]);
    const set = parse(text);
    expect(formatGeoJson(set.annotations, set.groups)).toBe(text);
    expect(tumourOf(set).rasterise(grid)).toEqual(new TumourRegion(nested.polygons).rasterise(grid));
  });
});

describe("writing ASAP XML", () => {
  it("keeps area, names and groups, islands in holes included", () => {
    const set = parse(formatAsapXml([nested, dots]));
    expect(set.warnings).toEqual([]);
    expect(set.annotations[0]).toMatchObject({
      name: "line\nbreak",
      group: 'Krebs & <"Co">',
      colour: [1, 2, 255],
    });
    expect(set.groups.map(({ name }) => name)).toEqual(['Krebs & <"Co">', "Exclusion"]);
    // The hole with the island is bridged; the other, and that of the island, are exclusions.
    expect(set.annotations.filter(({ group }) => group === "Exclusion")).toHaveLength(2);
    expect(set.annotations.at(-1)?.points).toEqual([{ space: "level-0", x: 3, y: -0.001 }]);
    expect(tumourOf(set).rasterise(grid)).toEqual(new TumourRegion(nested.polygons).rasterise(grid));
  });

  it("leaves out characters that XML cannot hold", () => {
    const set = parse(formatAsapXml([annotationOf({ ...nested, name: "a\u0000b\uD800c\u{1F600}" })]));
    expect(set.annotations[0]?.name).toBe("abc\u{1F600}");
  });
});

describeWithShared("annotations of a real slide", ["data/slides/bcss1015.xml"], () => {
  it("come back from both formats with the same pixels", async () => {
    const set = await readAnnotations(sharedPath("data", "slides", "bcss1015.xml"));
    const region = gridOf(0, 0, 1024, 512, 4);
    const expected = TumourRegion.of(set).rasterise(region);
    for (const text of [
      formatAsapXml(set.annotations, set.groups),
      formatGeoJson(set.annotations, set.groups),
    ]) {
      const { data } = TumourRegion.of(parse(text)).rasterise(region);
      expect(Buffer.compare(data, expected.data)).toBe(0);
    }
  });
});
