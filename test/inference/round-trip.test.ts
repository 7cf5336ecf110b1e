import { expect, it } from "vitest";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import { boxOfRing, type Level0Polygon, ringOf } from "../../src/geometry/index.js";
import type { Mask } from "../../src/imaging/index.js";
import { rasterOf, traceFoci, writeFociAsapXml, writeFociGeoJson } from "../../src/inference/export/index.js";
import { describeWithShared, sharedPath } from "../support/shared.js";
import { temporaryDirectory } from "../support/temporary-directory.js";
import { differenceOf } from "./outline-fixtures.js";

/** Every real annotation at hand that outlines areas. */
const REAL = [
  "slides/bcss1008.xml",
  "slides/bcss1015.xml",
  "annotations/patient_004_node_4.xml",
  "annotations/CMU-1_classification.xml",
  "annotations/CMU-1_detection.xml",
  "annotations/CMU-1_segmentation.xml",
  "annotations/camelyon16-json/Tumor_001.json",
  "annotations/camelyon16-json/Tumor_005.json",
  "annotations/camelyon16-json/Tumor_016.json",
  "annotations/camelyon16-json/Tumor_026.json",
].map((name) => `data/${name}`);

/** Longest side of a mask; outlines of whole slides are drawn at the resolution that gives about this. */
const LONGEST = 1600;

const micronsPerPixel = { x: 0.25, y: 0.25 };
const identity = { run: "run-1", slide: "slide-1" };
const files = temporaryDirectory();

/** The areas of a file moved to the origin, whatever their groups are called; exclusions are taken out. */
async function realRegion(path: string): Promise<{ region: TumourRegion; side: number }> {
  const { annotations } = await readAnnotations(path);
  const boxes = annotations.flatMap(({ polygons }) => polygons.map(({ outer }) => boxOfRing(outer)));
  const left = Math.floor(Math.min(...boxes.map((box) => box.left)));
  const top = Math.floor(Math.min(...boxes.map((box) => box.top)));
  const side = Math.max(...boxes.map(({ right, bottom }) => Math.max(right - left, bottom - top)));
  const moved = ({ outer, holes }: Level0Polygon): Level0Polygon => {
    const [first, ...others] = [outer, ...holes].map(({ coordinates }) =>
      ringOf(coordinates.map((value, at) => value - (at % 2 === 0 ? left : top))),
    );
    return { outer: first ?? outer, holes: others };
  };
  const of = (isExclusion: boolean): Level0Polygon[] =>
    annotations
      .filter(({ group }) => (group === "Exclusion") === isExclusion)
      .flatMap(({ polygons }) => polygons.map(moved));
  return { region: new TumourRegion(of(false), of(true)), side };
}

describeWithShared("the round trip of real annotations", REAL, () => {
  it.each(REAL)("%s to a mask, outlines, a file and a mask again loses less than a pixel", async (name) => {
    const { region, side } = await realRegion(sharedPath(name));
    const downsample = 2 ** Math.max(0, Math.ceil(Math.log2(side / LONGEST)));
    // A pixel more on each side, so that the outlines' whole boundary is in the mask.
    const grid = {
      origin: { space: "level-0", x: 0, y: 0 } as const,
      pixelSize: { x: downsample, y: downsample },
      width: Math.ceil(side / downsample) + 1,
      height: Math.ceil(side / downsample) + 1,
    };
    const drawn = (of: TumourRegion): Mask => {
      const mask = of.rasterise(grid);
      return { ...mask, data: mask.data.map((value) => 255 * value) };
    };
    const mask = drawn(region);
    const foci = await traceFoci(rasterOf(mask, downsample, 256), { micronsPerPixel });
    expect(foci.length).toBeGreaterThan(0);
    const writers = [
      ["again.geojson", writeFociGeoJson],
      ["again.xml", writeFociAsapXml],
    ] as const;
    for (const [file, write] of writers) {
      const path = files.path(file);
      await write(path, foci, { identity });
      const again = drawn(TumourRegion.of(await readAnnotations(path)));
      const { differing, beyondBoundary, boundary } = differenceOf(mask, again);
      // No pixel moves by more than one, and few of those at the boundary do.
      expect(beyondBoundary, file).toBe(0);
      expect(differing / boundary, file).toBeLessThan(0.1);
    }
  });
});
