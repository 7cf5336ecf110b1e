import { type PageNode, supportedPage, type TiffContents } from "../contents.js";
import type { AssociatedImage, SlideDescription, TiffDialect } from "../dialect.js";
import { largestOf, refuseStacks } from "../full-picture.js";
import { micronsPerPixel, positiveNumber, tagProperties, unreadResolution } from "../metadata.js";
import type { TiffPage } from "../page.js";
import { buildPyramid } from "../pyramid.js";

/** NewSubfileType of the label and the macro image in files whose descriptions do not name them. */
const NAMES_BY_SUBFILE_TYPE: Readonly<Record<number, string>> = { 1: "label", 9: "macro" };

/**
 * Aperio SVS ("Aperio Digital Slides and Third-Party Data Interchange"): tiled pages are levels, pages in strips
 * are the thumbnail, label and macro image; the description is text and `|key = value` pairs.
 */
export const aperioSvs: TiffDialect = {
  format: "Aperio SVS",
  detect: ({ description, first }) => description.startsWith("Aperio") && isTiled(first),
  async describe({ file, nodes, first, description }: TiffContents): Promise<SlideDescription> {
    const tiled = nodes.filter(isTiled);
    const node = largestOf(tiled, first);
    const full = supportedPage(file, node.page);
    refuseStacks(file, full, nodes, description);
    const { levels, leftOut } = await buildPyramid(
      file,
      full,
      tiled.filter((other) => other !== node).map(({ page }) => page),
    );
    const settings = readSettings(description);
    const microns = positiveNumber(settings.MPP);
    const resolution = micronsPerPixel(microns, microns);
    const warnings = [
      ...(leftOut.length === 0 ? [] : [`${leftOut.join("; ")}: no levels of the first page, left out`]),
      ...unreadResolution(resolution, settings.MPP),
    ];
    return {
      levels,
      associatedImages: associatedImages(nodes),
      micronsPerPixel: resolution,
      objectivePower: positiveNumber(settings.AppMag),
      properties: {
        ...(await tagProperties(first.directory)),
        ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [`aperio.${key}`, value])),
      },
      warnings,
    };
  },
};

function isTiled({ page }: PageNode): boolean {
  return !("unsupported" in page) && page.segmentation.tiled;
}

/** The `key = value` pairs after the first `|`; of repeated keys the last counts, as in OpenSlide. */
function readSettings(description: string): Record<string, string> {
  const pairs = description.split("|").slice(1);
  return Object.fromEntries(
    pairs.flatMap((pair) => {
      const at = pair.indexOf("=");
      return at < 0 ? [] : [[pair.slice(0, at).trim(), pair.slice(at + 1).trim()]];
    }),
  );
}

function associatedImages(nodes: readonly PageNode[]): Map<string, AssociatedImage> {
  const images = new Map<string, AssociatedImage>();
  for (const [index, node] of nodes.entries()) {
    const { page } = node;
    if (index === 0 || "unsupported" in page || page.segmentation.tiled) continue;
    const name = associatedName(node, page, index);
    if (name !== null && !images.has(name)) images.set(name, page);
  }
  return images;
}

/** The second page is the thumbnail; others are named by the first word of the description's second line. */
function associatedName({ description }: PageNode, { subfileType }: TiffPage, index: number): string | null {
  if (index === 1) return "thumbnail";
  const word = description?.split(/[\r\n]+/)[1]?.split(" ")[0];
  if (word !== undefined && /^[a-z]+$/i.test(word)) return word.toLowerCase();
  return NAMES_BY_SUBFILE_TYPE[subfileType] ?? null;
}
