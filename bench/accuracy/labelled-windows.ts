import { join } from "node:path";
import { stringify } from "csv-stringify/sync";
import { readAnnotations, TumourRegion } from "../../src/annotations/index.js";
import type { AnnotatedSlide } from "../../src/cli/demo/slide-parts.js";
import { EpSamError, RandomStream, writeFileAtomically } from "../../src/common/index.js";
import { WINDOWS } from "../../src/project/project.js";
import { openSlide } from "../../src/slides/index.js";

/**
 * Draws windows of a slide that a pathologist would have labelled: half of tumour alone, half without, as far as there
 * are; at most 5 % of a window may be otherwise.
 * @param mpp microns per pixel of the windows
 * @returns the CSV file that `epsam infer --labelled-squares` reads
 */
export async function drawLabelledWindows(
  { name, slide, annotation }: AnnotatedSlide,
  out: string,
  { count, mpp, seed }: { readonly count: number; readonly mpp: number; readonly seed: number },
): Promise<string> {
  const source = await openSlide(slide);
  const [full] = source.levels;
  const told = source.micronsPerPixel;
  await source.close();
  if (full === undefined || told === null) {
    throw new EpSamError("slide", { where: slide, what: "tells no resolution" });
  }
  const pixelSize = { x: mpp / told.x, y: mpp / told.y };
  const [width, height] = [Math.floor(full.width / pixelSize.x), Math.floor(full.height / pixelSize.y)];
  const origin = { space: "level-0", x: 0, y: 0 } as const;
  const region = TumourRegion.of(await readAnnotations(annotation));
  const { data } = region.rasterise({ origin, pixelSize, width, height });
  const { size, stride, share } = WINDOWS;
  const pure: { x: number; y: number; tumour: 0 | 1 }[] = [];
  for (let y = 0; y + size <= height; y += stride) {
    for (let x = 0; x + size <= width; x += stride) {
      let tumour = 0;
      for (let row = y; row < y + size; row++) {
        for (let column = x; column < x + size; column++) tumour += data[row * width + column] ?? 0;
      }
      const part = tumour / size ** 2;
      if (part <= share || part >= 1 - share) pure.push({ x, y, tumour: part <= share ? 0 : 1 });
    }
  }
  const drawn = ([0, 1] as const).flatMap((label) =>
    new RandomStream(seed, "labelled windows", label)
      .shuffled(pure.filter(({ tumour }) => tumour === label))
      .slice(0, Math.ceil(count / 2)),
  );
  const rows = drawn.map(({ x, y, tumour }) => [
    name,
    x * pixelSize.x,
    y * pixelSize.y,
    size * pixelSize.x,
    tumour,
  ]);
  const file = join(out, "labelled-windows.csv");
  await writeFileAtomically(file, stringify([["slide", "x", "y", "size", "tumour"], ...rows]));
  return file;
}
