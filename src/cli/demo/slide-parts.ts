import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import {
  type Annotation,
  type AnnotationSet,
  formatAsapXml,
  movedBy,
  readAnnotations,
} from "../../annotations/index.js";
import { closing, EpSamError, writeFileAtomically } from "../../common/index.js";
import {
  type PrepareSlidesOptions,
  prepareSlides,
  type SlidePreparationResult,
} from "../../dataset/index.js";
import { clippedRing, type Level0Ring } from "../../geometry/index.js";
import { openSlide, type PixelSource } from "../../slides/index.js";
import { tiledPyramid } from "./tiled-pyramid.js";

/** The share of a slide that chooses, from below. */
const VALIDATION_SHARE = 0.2;

export interface AnnotatedSlide {
  readonly name: string;
  readonly slide: string;
  readonly annotation: string;
}

/** A part of a slide as a slide of its own. */
interface Part {
  readonly name: string;
  readonly top: number;
  readonly rows: number;
}

/**
 * Makes a dataset of few slides: the upper part of each to learn from, its lower part to choose by. Where there is one
 * slide to learn from, nothing else can choose.
 * @param out where the parts are written, in `slides` and `annotations`, and `splits.csv`
 * @param dataset how the dataset is made of them
 */
export async function prepareParts(
  slides: readonly AnnotatedSlide[],
  out: string,
  dataset: Omit<PrepareSlidesOptions, "inputs" | "annotations" | "splitTable" | "tissue"> & {
    readonly patchSize: number;
    readonly mpp: number;
  },
): Promise<SlidePreparationResult> {
  for (const folder of ["slides", "annotations"]) await mkdir(join(out, folder), { recursive: true });
  const rows: string[][] = [["slide", "split", "patient"]];
  for (const slide of slides) {
    const { train, val } = await writeParts(slide, out, dataset.patchSize * dataset.mpp);
    // The parts of a slide are given as patients of their own: a patient may not be in two splits.
    rows.push([train, "train", train], [val, "val", val]);
  }
  const splitTable = join(out, "splits.csv");
  await writeFileAtomically(splitTable, stringify(rows));
  const inputs = [join(out, "slides")];
  const annotations = join(out, "annotations");
  return prepareSlides({ ...dataset, inputs, annotations, splitTable, tissue: "all" });
}

/**
 * Writes the upper and the lower part of a slide, each with its outlines, as tiled pyramids without loss into `slides`
 * and `annotations` of a folder.
 * @param least microns that both parts are high at least: a patch
 * @returns names of both
 */
async function writeParts(
  { name, slide, annotation }: AnnotatedSlide,
  out: string,
  least: number,
): Promise<{ readonly train: string; readonly val: string }> {
  return closing(openSlide(slide), async (source) => {
    const outlines = await readAnnotations(annotation);
    const { width = 0, height = 0 } = source.levels[0] ?? {};
    const rows = Math.max(Math.round(height * VALIDATION_SHARE), Math.ceil(least / resolutionOf(source).y));
    const upper: Part = { name: `${name}-upper`, top: 0, rows: height - rows };
    const lower: Part = { name: `${name}-lower`, top: height - rows, rows };
    for (const part of [upper, lower]) {
      await writeFileAtomically(join(out, "slides", `${part.name}.tif`), await pyramid(source, part));
      await writeFileAtomically(
        join(out, "annotations", `${part.name}.xml`),
        outlinesOf(outlines, part, width),
      );
    }
    return { train: upper.name, val: lower.name };
  });
}

function resolutionOf({ micronsPerPixel, path }: PixelSource): { readonly x: number; readonly y: number } {
  if (micronsPerPixel !== null) return micronsPerPixel;
  throw new EpSamError("slide", { where: path, what: "does not tell its microns per pixel" });
}

async function pyramid(slide: PixelSource, { top, rows }: Part): Promise<Buffer> {
  const width = slide.levels[0]?.width ?? 0;
  const resolution = resolutionOf(slide);
  const origin = { space: "level-0", x: 0, y: top } as const;
  const image = await slide.readRegion({ origin, level: 0, width, height: rows });
  return tiledPyramid(image, resolution, { compression: "deflate" });
}

/** The outlines that a part has, cut at its border, in its own pixels. */
function outlinesOf(set: AnnotationSet, { top, rows }: Part, width: number): string {
  const box = { left: 0, top: 0, right: width, bottom: rows };
  const { annotations, groups } = movedBy(set, { x: 0, y: -top });
  const cut = (ring: Level0Ring) => clippedRing(ring, box) ?? [];
  return formatAsapXml(
    annotations.flatMap((annotation): Annotation[] => {
      const polygons = annotation.polygons.flatMap(({ outer, holes }) =>
        [cut(outer)].flat().map((inside) => ({ outer: inside, holes: holes.flatMap(cut) })),
      );
      return polygons.length === 0 ? [] : [{ ...annotation, points: [], polygons }];
    }),
    groups,
  );
}
