import { descendants, parseXml, type XmlElement } from "../../xml-tree.js";
import { supportedPage, type TiffContents } from "../contents.js";
import type { AssociatedImage, PyramidLevel, SlideDescription, TiffDialect } from "../dialect.js";
import { micronsPerPixel, positiveNumber, tagProperties } from "../metadata.js";
import { Lookalikes } from "../page-pictures.js";
import { colours } from "../pyramid.js";

const EMBEDDED: Readonly<Record<string, string>> = { LABELIMAGE: "label", MACROIMAGE: "macro" };

/**
 * Philips TIFF: tiled pages are levels, padded to whole tiles; the description is XML with the pixel spacing of
 * every level (DICOM_PIXEL_SPACING, millimetres, row spacing first) and the label and macro image as JPEG.
 */
export const philipsTiff: TiffDialect = {
  format: "Philips TIFF",
  detect: ({ software, description }) =>
    software.startsWith("Philips") && description.includes("<DataObject"),
  async describe(contents: TiffContents): Promise<SlideDescription> {
    const { file, first, description } = contents;
    const root = parseXml(file.path, description);
    if (root.name !== "DataObject" || root.attributes.ObjectType !== "DPUfsImport") {
      throw file.error("has metadata that cannot be read", "its XML is no DPUfsImport object");
    }
    const scan = scannedImages(root).find((image) => attribute(image, "PIM_DP_IMAGE_TYPE") === "WSI");
    if (scan === undefined)
      throw file.error("has metadata that cannot be read", "its XML names no WSI image");
    const spacings = levelSpacings(scan);
    const { levels, warnings } = await paddedLevels(contents, spacings);
    const own = spacing(attribute(scan, "DICOM_PIXEL_SPACING")) ?? spacings[0] ?? null;
    const { "tiff.ImageDescription": _, ...tags } = await tagProperties(first.directory);
    return {
      levels,
      associatedImages: associatedImages(contents, root),
      micronsPerPixel: own === null ? null : micronsPerPixel(own.x * 1000, own.y * 1000),
      objectivePower: objectivePower(attribute(scan, "DICOM_DERIVATION_DESCRIPTION")),
      properties: { ...tags, ...ownProperties(root), ...ownProperties(scan) },
      warnings,
    };
  },
};

interface Spacing {
  readonly x: number;
  readonly y: number;
}

/** The text of an object's attribute by its name. */
function attribute(object: XmlElement, name: string): string | undefined {
  return object.children.find((child) => child.attributes.Name === name)?.text.trim();
}

function scannedImages(root: XmlElement): XmlElement[] {
  const list = root.children.find((child) => child.attributes.Name === "PIM_DP_SCANNED_IMAGES");
  return list?.children.flatMap((array) => array.children) ?? [];
}

/** Spacing of each level, from full to least resolution. */
function levelSpacings(scan: XmlElement): (Spacing | null)[] {
  return descendants(scan, "DataObject")
    .filter((object) => object.attributes.ObjectType === "PixelDataRepresentation")
    .map((object) => spacing(attribute(object, "DICOM_PIXEL_SPACING")));
}

/** `"row" "column"` in millimetres. */
function spacing(text: string | undefined): Spacing | null {
  const [y, x] = (text ?? "").replaceAll('"', " ").trim().split(/\s+/).map(positiveNumber);
  return x == null || y == null ? null : { x, y };
}

/** The levels without their padding: a level is as much smaller than the first as its spacing is larger. */
async function paddedLevels({ file, nodes }: TiffContents, spacings: readonly (Spacing | null)[]) {
  const pages = nodes
    .filter(({ page }) => "unsupported" in page || page.segmentation.tiled)
    .map(({ page }) => supportedPage(file, page));
  const [full] = pages;
  const [fullSpacing] = spacings;
  if (full === undefined) throw file.error("holds no pyramid", "none of its pages is tiled");
  const lookalikes = new Lookalikes(file);
  const levels: PyramidLevel[] = [];
  const warnings: string[] = [];
  for (const [index, page] of pages.entries()) {
    const own = spacings[index];
    const ratio =
      fullSpacing && own ? (own.x / fullSpacing.x + own.y / fullSpacing.y) / 2 : full.width / page.width;
    const downsample = Math.max(1, Math.round(ratio));
    const width = Math.min(page.width, Math.floor(full.width / downsample));
    const height = Math.min(page.height, Math.floor(full.height / downsample));
    const above = levels.at(-1);
    const level = { page, width, height };
    const isSmaller = above === undefined || (width < above.width && colours(page) === colours(full));
    if (width === 0 || height === 0 || !isSmaller) {
      warnings.push(`${page.name} is no smaller level of the first page and is left out`);
    } else if (above !== undefined && !(await lookalikes.isLevelOf(above, level, true))) {
      warnings.push(
        `${page.name} is stored as a level, but shows something else than the level above and is left out`,
      );
    } else levels.push(level);
  }
  return { levels, warnings };
}

function associatedImages({ nodes }: TiffContents, root: XmlElement): Map<string, AssociatedImage> {
  const images = new Map<string, AssociatedImage>();
  for (const { page, description } of nodes) {
    const name = /^(label|macro)/i.exec(description ?? "")?.[1]?.toLowerCase();
    if (name !== undefined && !("unsupported" in page) && !page.segmentation.tiled) images.set(name, page);
  }
  for (const image of scannedImages(root)) {
    const name = EMBEDDED[attribute(image, "PIM_DP_IMAGE_TYPE") ?? ""];
    const data = attribute(image, "PIM_DP_IMAGE_DATA");
    if (name === undefined || images.has(name) || data === undefined || data === "") continue;
    images.set(name, Buffer.from(data, "base64"));
  }
  return images;
}

/** `levels=40,…` in the derivation; other numbers there are no magnification. */
function objectivePower(derivation: string | undefined): number | null {
  const found = positiveNumber(/(?:^|-)levels=(\d+)/.exec(derivation ?? "")?.[1]);
  return found !== null && found <= 200 ? found : null;
}

/** The object's attributes that are plain values; pictures are left out. */
function ownProperties(object: XmlElement): Record<string, string> {
  const plain = object.children.filter(({ attributes, children }) => {
    return children.length === 0 && attributes.Name !== undefined && attributes.Name !== "PIM_DP_IMAGE_DATA";
  });
  return Object.fromEntries(plain.map(({ attributes, text }) => [`philips.${attributes.Name}`, text.trim()]));
}
