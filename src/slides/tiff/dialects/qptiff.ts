import { type PageNode, supportedPage, type TiffContents } from "../contents.js";
import type { AssociatedImage, SlideDescription, TiffDialect } from "../dialect.js";
import { taggedMicronsPerPixel, tagProperties } from "../metadata.js";
import { buildPyramid } from "../pyramid.js";

/** Names of the pictures beside the slide, by what the file calls them. */
const ASSOCIATED: Readonly<Record<string, string>> = {
  Thumbnail: "thumbnail",
  Overview: "macro",
  Label: "label",
};

/**
 * Akoya (PerkinElmer) QPTIFF ("QPTIFF Image Format Specification"): every page's description is XML that says what the
 * page is. Brightfield slides have one RGB picture of full resolution; fluorescence has a grey one for each channel.
 */
export const qpTiff: TiffDialect = {
  format: "Akoya QPTIFF",
  detect: ({ description }) => description.slice(0, 4096).includes("<PerkinElmer-QPI-ImageDescription"),
  async describe({ file, nodes, first }: TiffContents): Promise<SlideDescription> {
    const channels = nodes.filter((node) => textOf(node, "ImageType") === "FullResolution");
    const [node = first] = channels;
    const full = supportedPage(file, node.page);
    if (channels.length > 1 || full.samples.colours !== 3) {
      const names = channels.flatMap((channel) => textOf(channel, "Name") ?? []).join(", ");
      throw file.error(
        "is a fluorescence QPTIFF, no RGB slide",
        `it has ${channels.length} pictures of full resolution${names === "" ? "" : ` (${names})`} in grey`,
        "Use slides scanned in brightfield.",
      );
    }
    const reduced = nodes.filter((other) => textOf(other, "ImageType") === "ReducedResolution");
    const { levels, leftOut } = await buildPyramid(
      file,
      full,
      reduced.map(({ page }) => page),
    );
    const left = leftOut.length === 0 ? [] : [`${leftOut.join("; ")}: no levels of the slide, left out`];
    return {
      levels,
      associatedImages: associatedImages(nodes),
      micronsPerPixel: await taggedMicronsPerPixel(node.directory),
      objectivePower: null,
      properties: await tagProperties(node.directory),
      warnings: left,
    };
  },
};

/** The text of an element of a page's description that has no elements in it. */
function textOf({ description }: PageNode, element: string): string | undefined {
  return new RegExp(`<${element}>([^<]*)</${element}>`).exec(description ?? "")?.[1]?.trim();
}

function associatedImages(nodes: readonly PageNode[]): Map<string, AssociatedImage> {
  const images = new Map<string, AssociatedImage>();
  for (const node of nodes) {
    const name = ASSOCIATED[textOf(node, "ImageType") ?? ""];
    if (name !== undefined && !images.has(name) && !("unsupported" in node.page)) images.set(name, node.page);
  }
  return images;
}
