/**
 * Prepares the experiment "fit on one breast-cancer region, test on the other" of docs/benchmarks.md:
 * `npx tsx bench/breast-regions.ts SLIDES TRAIN TEST OUT` writes
 *
 * - `OUT/slides`: the upper part of slide TRAIN, its lower part, and the whole of slide TEST, as tiled pyramids without
 *   loss. Two parts, because the epoch is chosen on patches that were not trained on and there is one slide to fit on;
 * - `OUT/annotations`: their outlines, shifted with them;
 * - `OUT/splits.csv`: train, val and test, for `epsam prepare --split-csv`.
 *
 * SLIDES holds `TRAIN.tif`, `TRAIN.xml` and the same of TEST. No pixel of TEST takes part in training.
 */
import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import sharp from "sharp";
import {
  type Annotation,
  type AnnotationSet,
  formatAsapXml,
  readAnnotations,
} from "../src/annotations/index.js";
import { writeFileAtomically } from "../src/common/index.js";
import { openSlide, type PixelSource } from "../src/slides/index.js";

/** Rows of level 0 of the lower part, which chooses the epoch. */
const VALIDATION_ROWS = 640;

interface Part {
  readonly name: string;
  readonly top: number;
  readonly rows: number;
}

const [slides, train, test, out] = process.argv.slice(2);
if (slides === undefined || train === undefined || test === undefined || out === undefined)
  throw new Error("usage: npx tsx bench/breast-regions.ts SLIDES TRAIN TEST OUT");

for (const folder of ["slides", "annotations"]) await mkdir(join(out, folder), { recursive: true });
const source = await openSlide(join(slides, `${train}.tif`));
const outlines = await readAnnotations(join(slides, `${train}.xml`));
const height = source.levels[0]?.height ?? 0;
const upper: Part = { name: `${train}-upper`, top: 0, rows: height - VALIDATION_ROWS };
const lower: Part = { name: `${train}-lower`, top: upper.rows, rows: VALIDATION_ROWS };
for (const part of [upper, lower]) {
  await writeFileAtomically(join(out, "slides", `${part.name}.tif`), await pyramid(source, part));
  await writeFileAtomically(join(out, "annotations", `${part.name}.xml`), shifted(outlines, part.top));
}
await source.close();
await copyFile(join(slides, `${test}.tif`), join(out, "slides", `${test}.tif`));
await copyFile(join(slides, `${test}.xml`), join(out, "annotations", `${test}.xml`));
// The parts of a slide are given as patients of their own: the program refuses a patient in two splits.
const rows = [
  [upper.name, "train", upper.name],
  [lower.name, "val", lower.name],
  [test, "test", test],
];
await writeFileAtomically(join(out, "splits.csv"), stringify([["slide", "split", "patient"], ...rows]));
process.stdout.write(`${upper.name} trains, ${lower.name} chooses the epoch, ${test} tests: ${out}\n`);

async function pyramid(slide: PixelSource, { top, rows }: Part): Promise<Buffer> {
  const width = slide.levels[0]?.width ?? 0;
  const resolution = slide.micronsPerPixel;
  if (resolution === null) throw new Error(`${slide.path} tells no resolution`);
  const origin = { space: "level-0", x: 0, y: top } as const;
  const { data } = await slide.readRegion({ origin, level: 0, width, height: rows });
  return sharp(data, { raw: { width, height: rows, channels: 3 } })
    .tiff({
      compression: "deflate",
      tile: true,
      tileWidth: 256,
      tileHeight: 256,
      pyramid: true,
      resolutionUnit: "cm",
      xres: 1000 / resolution.x,
      yres: 1000 / resolution.y,
    })
    .toBuffer();
}

/** The outlines moved up by `top` pixels; what then lies outside the part does no harm. */
function shifted({ annotations, groups }: AnnotationSet, top: number): string {
  return formatAsapXml(
    annotations.map(
      (annotation): Annotation => ({
        ...annotation,
        points: [],
        polygons: annotation.polygons.map(({ outer, holes }) => ({
          outer: moved(outer.coordinates, top),
          holes: holes.map((hole) => moved(hole.coordinates, top)),
        })),
      }),
    ),
    groups,
  );
}

function moved(coordinates: Float64Array, top: number) {
  return {
    space: "level-0",
    coordinates: coordinates.map((value, index) => (index % 2 === 0 ? value : value - top)),
  } as const;
}
