import { supportedPage, type TiffContents } from "../contents.js";
import type { SlideDescription, TiffDialect } from "../dialect.js";
import { largestOf, refuseStacks } from "../full-picture.js";
import { taggedMicronsPerPixel, tagProperties } from "../metadata.js";
import { isReduced } from "../page.js";
import { buildPyramid } from "../pyramid.js";
import { TiffTag } from "../tags.js";

/**
 * Any TIFF: the largest picture is the slide, wherever it is stored. Its levels are the
 * sub-directories and other pages that show the same field in the same colours.
 */
export const genericTiff: TiffDialect = {
  format: "TIFF",
  detect: () => true,
  async describe({ file, nodes, first, description }: TiffContents): Promise<SlideDescription> {
    const node = largestOf(nodes, first);
    const full = supportedPage(file, node.page);
    refuseStacks(file, full, nodes, description);
    const others = nodes
      .filter((other) => other !== node)
      .flatMap((other) => [other.page, ...other.subPages]);
    const { levels, leftOut } = await buildPyramid(
      file,
      full,
      [...node.subPages, ...others],
      (page) => isReduced(page) || node.subPages.includes(page),
    );
    const orientation = await node.directory.number(TiffTag.Orientation, 1);
    const name = node === first ? "the first page" : `${full.name}, the largest picture`;
    const left = leftOut.length === 0 ? [] : [`${leftOut.join("; ")}: no levels of ${name}, left out`];
    const turned = [`its orientation tag (${orientation}) is ignored, as other slide readers do`];
    return {
      levels,
      associatedImages: new Map(),
      micronsPerPixel: await taggedMicronsPerPixel(node.directory),
      objectivePower: null,
      properties: await tagProperties(node.directory),
      warnings: [...left, ...(orientation === 1 ? [] : turned)],
    };
  },
};
