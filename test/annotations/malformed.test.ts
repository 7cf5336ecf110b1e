import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { readAnnotations } from "../../src/annotations/index.js";
import { isEpSamError } from "../../src/common/index.js";
import { processorStopwatch } from "../support/processor-time.js";
import { asapXml, failureOf, featureText, parse } from "./fixtures.js";

const coordinate = (x: string, y = "1", order = "0"): string =>
  `<Coordinate Order="${order}" X="${x}" Y="${y}" />`;
const polygon = (...rings: unknown[]): unknown => ({ type: "Polygon", coordinates: rings });
const triangle = [
  [0, 0],
  [4, 0],
  [0, 4],
  [0, 0],
];

const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
function collections(depth: number): unknown {
  return depth === 0
    ? polygon(triangle)
    : { type: "GeometryCollection", geometries: [collections(depth - 1)] };
}

const billionLaughs =
  '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "lol">' +
  Array.from("bcdefghij", (name, i) => `<!ENTITY ${name} "${`&${"abcdefghi"[i]};`.repeat(10)}">`).join("") +
  "]><ASAP_Annotations>&j;</ASAP_Annotations>";

const cases: readonly (readonly [name: string, text: () => string, message: RegExp])[] = [
  ["an empty file", () => " \n", /is empty/],
  ["truncated XML", () => asapXml().slice(0, 300), /line \d+: is not well-formed XML \(unclosed tag/],
  ["a billion laughs", () => billionLaughs, /declares a document type .*DOCTYPE/],
  [
    "an undeclared entity",
    () => asapXml({ annotation: 'Name="&lol;" Type="Polygon"' }),
    /line 4: .*undefined entity/,
  ],
  ["an external entity", () => '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', /declares a document type/],
  [
    "another XML format",
    () => '<Annotations MicronsPerPixel="0.25"></Annotations>',
    /its root element is Annotations/,
  ],
  [
    "a NaN coordinate in XML",
    () => asapXml({ coordinates: coordinate("NaN") }),
    /line 6: has the coordinate X="NaN"/,
  ],
  ["an infinite coordinate in XML", () => asapXml({ coordinates: coordinate("1e999") }), /X="1e999"/],
  [
    "a decimal comma",
    () => asapXml({ coordinates: coordinate("1,5") }),
    /X="1,5" \(a number with a decimal point.*points in place of commas/,
  ],
  [
    "a coordinate without X",
    () => asapXml({ coordinates: '<Coordinate Y="1" />' }),
    /a coordinate without X/,
  ],
  [
    "two coordinates of one order",
    () => asapXml({ coordinates: coordinate("1") + coordinate("2") }),
    /of order 0 in/,
  ],
  ["an unknown annotation type", () => asapXml({ annotation: 'Type="Blob"' }), /of type "Blob"/],
  ["deeply nested XML", () => `<ASAP_Annotations>${"<a>".repeat(100_000)}`, /nests more than 32 elements/],
  [
    "a group within itself",
    () => asapXml({ groups: '<Group Name="x" PartOfGroup="x"/>' }),
    /group "x" within itself/,
  ],
  [
    "a group listed twice",
    () => asapXml({ groups: '<Group Name="x"/><Group Name="x"/>' }),
    /the group "x" twice/,
  ],
  ["truncated JSON", () => featureText(polygon(triangle)).slice(0, -9), /is not well-formed JSON/],
  ["JSON of the wrong type", () => "42", /the top level: is not|is not well-formed|has a number where/],
  ["JSON that is no GeoJSON", () => '{"type": "Topology"}', /its type is "Topology"/],
  [
    "features that are no array",
    () => '{"type":"FeatureCollection","features":{}}',
    /features: has an object where an array/,
  ],
  [
    "a feature of the wrong type",
    () => '[{"type":"Feature","geometry":[]}]',
    /\[0\]\.geometry: has an array where an object/,
  ],
  [
    "a feature without geometry",
    () => '[{"type":"Feature"}]',
    /\[0\]\.geometry: has nothing where an object/,
  ],
  ["deeply nested JSON", () => nested(200_000), /\[0\]: has an array where an object belongs/],
  [
    "deeply nested positions",
    () => featureText({ type: "Polygon", coordinates: [[JSON.parse(nested(3000))]] }),
    /has the position/,
  ],
  ["nested collections", () => featureText(collections(20)), /nests more than 8 geometry collections/],
  [
    "a NaN coordinate in JSON",
    () => featureText(polygon([[null, 1], ...triangle])),
    /coordinates\[0\]\[0\]: has the position \[null, 1\]/,
  ],
  [
    "a coordinate beyond any slide",
    () => featureText(polygon([[1e12, 1], ...triangle])),
    /has the position \[1000000000000, 1\]/,
  ],
  [
    "text for coordinates",
    () => featureText(polygon([["1", "2"]])),
    /has the position \[a string, a string\]/,
  ],
  [
    "an unclosed ring",
    () => featureText(polygon(triangle.slice(0, 3).concat([[9, 9]]))),
    /coordinates\[0\]: has a ring that is not closed/,
  ],
  ["a ring of two positions", () => featureText(polygon(triangle.slice(0, 2))), /has a ring of 2 positions/],
  ["an unknown geometry", () => featureText({ type: "Circle" }), /a geometry of the type "Circle"/],
  [
    "a classification without a name",
    () => featureText(polygon(triangle), { classification: {} }),
    /classification\.name: has nothing where a text/,
  ],
  [
    "Camelyon outlines of the wrong type",
    () => '{"positive": 3, "negative": []}',
    /positive: has a number where an array/,
  ],
  [
    "Camelyon outlines without vertices",
    () => '{"positive": [{"name": "a"}]}',
    /positive\[0\]\.vertices: has nothing/,
  ],
];

describe("malformed annotation files", () => {
  it.each(cases)("%s", (_name, text, message) => {
    const seconds = processorStopwatch();
    const failure = failureOf(() => parse(text()));
    expect(failure).toMatch(/^\[annotation\] slide\.xml/);
    expect(failure).toMatch(message);
    expect(seconds()).toBeLessThan(1);
  });

  it("refuses more vertices than a slide can have", () => {
    const seconds = processorStopwatch();
    const ring = `[${"[1,2],".repeat(2_000_001)}[1,2]]`;
    const text = `{"type":"Feature","geometry":{"type":"Polygon","coordinates":[${ring}]}}`;
    expect(failureOf(() => parse(text))).toMatch(/has more than 2000000 vertices/);
    expect(seconds()).toBeLessThan(1);
  });

  it("names files that are missing, too large or of another encoding", async () => {
    const folder = await mkdtemp(join(tmpdir(), "epsam-annotations-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const messageFor = async (name: string): Promise<string> => {
      const failure = await readAnnotations(join(folder, name)).catch((thrown: unknown) => thrown);
      if (!isEpSamError(failure, "annotation")) throw failure;
      return failure.message;
    };
    expect(await messageFor("missing.xml")).toMatch(/missing\.xml: cannot be read/);
    const large = await open(join(folder, "large.xml"), "w");
    await large.truncate(2 ** 30);
    await large.close();
    expect(await messageFor("large.xml")).toMatch(/is larger than 256 MiB/);
    await writeFile(join(folder, "latin.xml"), Buffer.from([0x3c, 0xe4, 0x3e]));
    expect(await messageFor("latin.xml")).toMatch(/is not a text in UTF-8/);
    await writeFile(join(folder, "empty.json"), "");
    expect(await messageFor("empty.json")).toMatch(/is empty/);
  });
});
