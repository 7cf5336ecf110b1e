import type { RandomAccessFile } from "../../../common/index.js";
import { childNamed, descendants, parseXml, type XmlElement } from "../../xml-tree.js";
import { type PageNode, supportedPage, type TiffContents } from "../contents.js";
import type { AssociatedImage, SlideDescription, TiffDialect } from "../dialect.js";
import { micronsPerPixel, positiveNumber, tagProperties, unreadResolution } from "../metadata.js";
import { buildPyramid } from "../pyramid.js";
import { rgbOfPlanes, withOtherColours } from "./ome-planes.js";

/** Microns per unit of length, by the symbols that OME writes. */
const MICRONS: Readonly<Record<string, number>> = {
  µm: 1,
  μm: 1,
  um: 1,
  nm: 1e-3,
  mm: 1e3,
  cm: 1e4,
  m: 1e6,
  inch: 25_400,
  in: 25_400,
};

const ASSOCIATED = /label|macro|thumbnail|overview/i;

/**
 * OME-TIFF (OME model 2016-06 and before): the description is XML with the images in it, their sizes and
 * resolutions; levels are sub-directories of an image's page. Read are 8-bit pictures of one plane, RGB or grey, and
 * of three planes that are red, green and blue.
 */
export const omeTiff: TiffDialect = {
  format: "OME-TIFF",
  detect: ({ description }) => /<(\w+:)?OME[\s>]/.test(description.slice(0, 4096)),
  async describe({ file, nodes, first, description }: TiffContents): Promise<SlideDescription> {
    const root = parseXml(file.path, description);
    const images = omeImages(file, root, nodes);
    const [main] = images
      .filter(({ name }) => !ASSOCIATED.test(name))
      .sort((one, other) => other.sizeX * other.sizeY - one.sizeX * one.sizeY);
    if (main === undefined) throw file.error("holds no image", "its OME-XML names none");
    const planes = await rgbOfPlanes(file, main, nodes);
    const full = supportedPage(file, main.node.page);
    const pyramid = await buildPyramid(file, full, main.node.subPages);
    const { levels, leftOut } = planes === null ? pyramid : withOtherColours(pyramid, planes.others);
    const resolution = micronsPerPixel(length(main.pixels, "X"), length(main.pixels, "Y"));
    const { "tiff.ImageDescription": _, ...tags } = await tagProperties(first.directory);
    return {
      levels,
      associatedImages: associatedImages(images),
      micronsPerPixel: resolution,
      objectivePower: objectivePower(root, main.element),
      properties: { ...tags, ...omeProperties(main) },
      warnings: [
        ...(leftOut.length === 0 ? [] : [`${leftOut.join("; ")}: no levels of the image, left out`]),
        ...otherImages(images, main),
        ...unreadResolution(resolution, toldLength(main.pixels)),
        ...(planes?.warnings ?? []),
      ],
    };
  },
};

export interface OmeImage {
  readonly name: string;
  readonly element: XmlElement;
  readonly pixels: XmlElement;
  readonly sizeX: number;
  readonly sizeY: number;
  /** The page of its first plane. */
  readonly node: PageNode;
}

/** The images whose first plane is in this file. */
function omeImages(file: RandomAccessFile, root: XmlElement, nodes: readonly PageNode[]): OmeImage[] {
  if (root.name !== "OME") throw file.error("has metadata that cannot be read", "its XML is no OME document");
  if (childNamed(root, "BinaryOnly") !== undefined) {
    throw file.error(
      "has its metadata in another file",
      "its OME-XML is BinaryOnly",
      "Export it as one OME-TIFF.",
    );
  }
  return root.children
    .filter(({ name }) => name === "Image")
    .flatMap((element, index) => {
      const pixels = childNamed(element, "Pixels");
      if (pixels === undefined) return [];
      const firstPlane = childNamed(pixels, "TiffData")?.attributes.IFD;
      const node = nodes[firstPlane === undefined ? index : Number(firstPlane)];
      if (node === undefined) return [];
      const [sizeX = 0, sizeY = 0] = [pixels.attributes.SizeX, pixels.attributes.SizeY].map(Number);
      return [{ name: element.attributes.Name ?? "", element, pixels, sizeX, sizeY, node }];
    });
}

function length({ attributes }: XmlElement, axis: "X" | "Y"): number | null {
  const size = positiveNumber(attributes[`PhysicalSize${axis}`]);
  const microns = MICRONS[attributes[`PhysicalSize${axis}Unit`] ?? "µm"];
  return size === null || microns === undefined ? null : size * microns;
}

/** The side of a pixel as the metadata spell it. */
function toldLength({ attributes }: XmlElement): string | undefined {
  const { PhysicalSizeX: size, PhysicalSizeXUnit: unit = "" } = attributes;
  return size === undefined ? undefined : `${size} ${unit}`;
}

function objectivePower(root: XmlElement, image: XmlElement): number | null {
  const objectives = descendants(root, "Objective");
  const used = childNamed(image, "ObjectiveSettings")?.attributes.ID;
  const objective = objectives.find(({ attributes }) => attributes.ID === used) ?? objectives[0];
  return positiveNumber(objective?.attributes.NominalMagnification);
}

function associatedImages(images: readonly OmeImage[]): Map<string, AssociatedImage> {
  const found = new Map<string, AssociatedImage>();
  for (const { name, node } of images) {
    const kind = ASSOCIATED.exec(name)?.[0].toLowerCase();
    if (kind !== undefined && !found.has(kind) && !("unsupported" in node.page)) found.set(kind, node.page);
  }
  return found;
}

function otherImages(images: readonly OmeImage[], main: OmeImage): string[] {
  const others = images.filter((image) => image !== main && !ASSOCIATED.test(image.name));
  return others.length === 0 ? [] : [`it holds ${others.length} more images; only the largest is read`];
}

function omeProperties({ element, pixels }: OmeImage): Record<string, string> {
  const own = [...Object.entries(element.attributes), ...Object.entries(pixels.attributes)];
  return Object.fromEntries(own.map(([key, value]) => [`ome.${key}`, value]));
}
