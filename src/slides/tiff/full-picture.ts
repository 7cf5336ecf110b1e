import type { RandomAccessFile } from "../../common/index.js";
import type { PageNode } from "./contents.js";
import { isMask, type TiffPage } from "./page.js";
import { colours } from "./pyramid.js";

/** The first of the largest pictures: overviews may come before it, and levels from small to large. */
export function largestOf(nodes: readonly PageNode[], first: PageNode): PageNode {
  const area = ({ page }: PageNode): number => (isMask(page) ? 0 : page.width * page.height);
  return nodes.reduce((largest, node) => (area(node) > area(largest) ? node : largest), first);
}

/**
 * Grey pictures of one size are channels or planes of something, and a grey picture above a coloured one is one of
 * its channels or a map.
 * @throws EpSamError `slide` for these
 */
export function refuseStacks(
  file: RandomAccessFile,
  full: TiffPage,
  nodes: readonly PageNode[],
  description: string,
): void {
  if (full.samples.colours === 3) return;
  const pages = nodes.map(({ page }) => page).filter((page) => !isMask(page));
  const alike = pages.filter(({ width, height }) => width === full.width && height === full.height).length;
  // ImageJ keeps the pictures of a large stack behind one directory.
  const ofImageJ = description.startsWith("ImageJ=") ? /^images=(\d+)/m.exec(description)?.[1] : undefined;
  const count = Math.max(alike, Number(ofImageJ ?? 1));
  const isColoured = pages.some((page) => !("unsupported" in page) && page.samples.colours === 3);
  if (count === 1 && !isColoured) return;
  const size = `${full.width} × ${full.height}`;
  throw file.error(
    "is no RGB slide",
    count > 1
      ? `it is a stack of ${count} pictures of ${size} in ${colours(full)}, such as the channels of fluorescence`
      : `its largest picture (${full.name}, ${size}) is in ${colours(full)}, a smaller one in colours`,
    "Export the brightfield picture as 8-bit RGB, red, green and blue in one picture.",
  );
}
