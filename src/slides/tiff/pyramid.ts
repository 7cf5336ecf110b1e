import type { RandomAccessFile } from "../../common/index.js";
import { sameField } from "../downsample.js";
import type { AnyPage } from "./contents.js";
import type { PyramidLevel } from "./dialect.js";
import { isMask, type TiffPage } from "./page.js";
import { Lookalikes } from "./page-pictures.js";

export interface Pyramid {
  readonly levels: readonly PyramidLevel[];
  /** Names of the pages that are none of its levels, with the reason where it is not their size. */
  readonly leftOut: readonly string[];
}

/**
 * The levels below a full picture: those of the other pages that show the same field at a smaller size, in the same
 * colours, look like it, and are stored alike (all tiled or all in strips), one of each size.
 * @param isSaid whether the file says that a page is a level; what is damaged is then taken for one
 */
export async function buildPyramid(
  file: RandomAccessFile,
  full: TiffPage,
  others: readonly AnyPage[],
  isSaid: (page: TiffPage) => boolean = () => true,
): Promise<Pyramid> {
  const lookalikes = new Lookalikes(file);
  const leftOut: string[] = [];
  const levels: PyramidLevel[] = [levelOf(full)];
  for (const page of [...others].sort((one, other) => other.width - one.width)) {
    const above = levels.at(-1) ?? levelOf(full);
    if (!fits(full, above, page)) leftOut.push(page.name);
    else if (colours(page) !== colours(full)) {
      leftOut.push(`${page.name} (of ${colours(page)}, not ${colours(full)})`);
    } else if (!(await lookalikes.isLevelOf(above, levelOf(page), isSaid(page)))) {
      const said = isSaid(page)
        ? "stored as a smaller picture of it"
        : "not marked as a smaller picture of it";
      leftOut.push(`${page.name} (${said}, ${isSaid(page) ? "but" : "and"} shows something else)`);
    } else levels.push(levelOf(page));
  }
  return { levels, leftOut };
}

function levelOf(page: TiffPage): PyramidLevel {
  return { page, width: page.width, height: page.height };
}

function fits(full: TiffPage, above: PyramidLevel, page: AnyPage): page is TiffPage {
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
