import { sameField } from "../downsample.js";
import type { AnyPage } from "./contents.js";
import type { PyramidLevel } from "./dialect.js";
import { isMask, isReduced, type TiffPage } from "./page.js";

export interface Pyramid {
  readonly levels: readonly PyramidLevel[];
  /** Names of the pages that are none of its levels, with the reason where it is not their size. */
  readonly leftOut: readonly string[];
}

/** Whether a page that nothing says to be a level is one, seen beside the level above it. */
export type LevelRule = (above: TiffPage, page: TiffPage) => Promise<boolean>;

/**
 * The levels below a full picture: those of the other pages that show the same field at a smaller size, in the same
 * colours, and are stored alike (all tiled or all in strips), one of each size.
 * @param isLevelToo asked of pages that are not marked as reduced pictures; by default they are levels, too
 */
export async function buildPyramid(
  full: TiffPage,
  others: readonly AnyPage[],
  isLevelToo: LevelRule = () => Promise.resolve(true),
): Promise<Pyramid> {
  const leftOut: string[] = [];
  const levels = [full];
  for (const page of [...others].sort((one, other) => other.width - one.width)) {
    const above = levels.at(-1) ?? full;
    if (!fits(full, above, page)) leftOut.push(page.name);
    else if (colours(page) !== colours(full)) {
      leftOut.push(`${page.name} (of ${colours(page)}, not ${colours(full)})`);
    } else if (!isReduced(page) && !(await isLevelToo(above, page))) {
      leftOut.push(`${page.name} (not marked as a smaller picture of it, and shows something else)`);
    } else levels.push(page);
  }
  return { levels: levels.map((page) => ({ page, width: page.width, height: page.height })), leftOut };
}

function fits(full: TiffPage, above: TiffPage, page: AnyPage): page is TiffPage {
  if ("unsupported" in page) return false;
  const isSmaller = page.width < above.width && page.height <= above.height;
  const isAlike = page.segmentation.tiled === full.segmentation.tiled;
  return isSmaller && isAlike && !isMask(page) && sameField(full, page);
}

/** What a page's samples are, whatever their encoding; levels of one slide share it. */
export function colours({ samples }: TiffPage): string {
  if (samples.colours === 3) return "red, green and blue";
  return samples.palette === null ? "grey" : "the colours of a palette";
}
