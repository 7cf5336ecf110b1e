import { sameField } from "../downsample.js";
import type { AnyPage } from "./contents.js";
import type { PyramidLevel } from "./dialect.js";
import type { TiffPage } from "./page.js";

/** Bit of NewSubfileType: a transparency mask. */
const MASK = 4;

export interface Pyramid {
  readonly levels: readonly PyramidLevel[];
  /** Names of the pages that are none of its levels. */
  readonly leftOut: readonly string[];
}

/**
 * The levels below a full picture: those of the other pages that show the same field at a smaller size and are
 * stored alike (all tiled or all in strips), one of each size.
 */
export function buildPyramid(full: TiffPage, others: readonly AnyPage[]): Pyramid {
  const leftOut: string[] = [];
  const levels = [full];
  for (const page of [...others].sort(byWidth)) {
    if (isLevel(full, levels.at(-1) ?? full, page)) levels.push(page);
    else leftOut.push(page.name);
  }
  return { levels: levels.map((page) => ({ page, width: page.width, height: page.height })), leftOut };
}

function byWidth(one: AnyPage, other: AnyPage): number {
  const width = (page: AnyPage): number => ("unsupported" in page ? 0 : page.width);
  return width(other) - width(one);
}

function isLevel(full: TiffPage, above: TiffPage, page: AnyPage): page is TiffPage {
  if ("unsupported" in page) return false;
  const isSmaller = page.width < above.width && page.height <= above.height;
  const isAlike = page.segmentation.tiled === full.segmentation.tiled;
  return isSmaller && isAlike && (page.subfileType & MASK) === 0 && sameField(full, page);
}
