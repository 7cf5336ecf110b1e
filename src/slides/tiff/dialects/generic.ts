import { supportedPage, type TiffContents } from "../contents.js";
import type { SlideDescription, TiffDialect } from "../dialect.js";
import { taggedMicronsPerPixel, tagProperties } from "../metadata.js";
import { buildPyramid } from "../pyramid.js";

/** Any TIFF: the first page is the slide; its sub-directories and later pages of the same field are levels. */
export const genericTiff: TiffDialect = {
  format: "TIFF",
  detect: () => true,
  async describe({ file, nodes, first }: TiffContents): Promise<SlideDescription> {
    const full = supportedPage(file, first.page);
    const others = nodes.slice(1).flatMap((node) => [node.page, ...node.subPages]);
    const { levels, leftOut } = buildPyramid(full, [...first.subPages, ...others]);
    const resolution = await taggedMicronsPerPixel(first.directory);
    const left = leftOut.length === 0 ? [] : [`${leftOut.join("; ")}: no levels of the first page, left out`];
    return {
      levels,
      associatedImages: new Map(),
      micronsPerPixel: resolution.micronsPerPixel,
      objectivePower: null,
      properties: await tagProperties(first.directory),
      warnings: [...resolution.warnings, ...left],
    };
  },
};
