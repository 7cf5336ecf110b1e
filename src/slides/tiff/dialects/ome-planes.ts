import type { RandomAccessFile } from "../../../common/index.js";
import { readTiles } from "../../region.js";
import type { XmlElement } from "../../xml-tree.js";
import { type AnyPage, type PageNode, supportedPage } from "../contents.js";
import type { TiffPage } from "../page.js";
import { pageGrid } from "../page-pictures.js";
import type { Pyramid } from "../pyramid.js";
import type { OmeImage } from "./ome.js";

/** What brightfield's planes are called in their order, where they are. */
const COLOUR_NAMES = [/^r(ed)?$/i, /^g(reen)?$/i, /^b(lue)?$/i] as const;
/** Names that programs give where nobody gave one. */
const NO_NAME = /^(channel|ch|c)?[\s:_-]*[\d:]*$/i;
/** Attributes of a channel that fluorescence alone has. */
const FLUORESCENCE = ["Fluor", "EmissionWavelength", "ExcitationWavelength"] as const;
/** Median (of 255) from which a plane is as bright as brightfield is everywhere; fluorescence is dark between cells. */
const BRIGHT = 64;
/** Longest side of the part of a plane that is looked at. */
const LOOK_SIDE = 2048;

const NOT_RGB = "is no 8-bit RGB slide";

/** Planes of green and blue beside that of red. */
export interface OtherColours {
  readonly others: readonly PageNode[];
  readonly warnings: readonly string[];
}

/**
 * Tells how an image's colours are stored: null when they are in one plane.
 * @throws EpSamError `slide` for stacks, time series and fluorescence channels, which are no RGB slide, and for three
 *   planes that cannot be told from these
 */
export async function rgbOfPlanes(
  file: RandomAccessFile,
  { pixels, node }: OmeImage,
  nodes: readonly PageNode[],
): Promise<OtherColours | null> {
  const { Type, SizeZ = "1", SizeT = "1", SizeC = "1" } = pixels.attributes;
  const channels = pixels.children.filter(({ name }) => name === "Channel");
  const samples = samplesTogether(channels, node.page);
  const planes = Number(SizeZ) * Number(SizeT) * Math.max(1, Number(SizeC) / samples);
  const isFluorescent = channels.some(tellsFluorescence);
  if (Type === "uint8" && planes === 1 && !isFluorescent) return null;
  const isPlanar = Number(SizeC) === 3 && planes === 3 && samples === 1 && !isFluorescent;
  if (Type !== "uint8" || !isPlanar) {
    const kind = isFluorescent ? " of fluorescence" : "";
    throw file.error(
      NOT_RGB,
      `its OME-XML describes ${SizeC} channels${kind} (${samples} together), ${SizeZ} focal planes and ${SizeT} times of ${Type}`,
      "Export one plane as 8-bit RGB.",
    );
  }
  const found = planesOf(pixels, nodes);
  if (found === null)
    throw file.error(NOT_RGB, "its OME-XML does not say where its three planes are", ADVICE);
  const [first = node, ...others] = found;
  const warnings = await judgePlanes(file, channels, [first, ...others]);
  return { others, warnings };
}

const ADVICE =
  "If it is brightfield, write red, green and blue into one plane: `raw2ometiff --rgb`, or libvips without its recipe for planes.";

/** How many samples lie together: as the XML says, else (the attribute is optional) as the page has them. */
function samplesTogether(channels: readonly XmlElement[], page: AnyPage): number {
  const told = Number(channels[0]?.attributes.SamplesPerPixel ?? Number.NaN);
  if (told >= 1) return told;
  return "unsupported" in page || channels.length > 1 ? 1 : page.samples.colours;
}

function tellsFluorescence({ attributes }: XmlElement): boolean {
  const isLit = FLUORESCENCE.some((attribute) => (attributes[attribute] ?? "") !== "");
  return isLit || attributes.ContrastMethod === "Fluorescence";
}

/** The pages of the three planes, as TiffData places them; null when one is not there. */
function planesOf(pixels: XmlElement, nodes: readonly PageNode[]): readonly PageNode[] | null {
  const blocks = pixels.children.filter(({ name }) => name === "TiffData");
  const number = (text: string | undefined): number => Number(text ?? 0);
  const found = [0, 1, 2].flatMap((channel) => {
    const block = blocks.findLast(({ attributes }) => number(attributes.FirstC) <= channel);
    const offset = channel - number(block?.attributes.FirstC);
    const isCovered = offset < Number(block?.attributes.PlaneCount ?? (blocks.length > 1 ? 1 : 3));
    const node = nodes[number(block?.attributes.IFD) + offset];
    return isCovered && node !== undefined ? [node] : [];
  });
  return new Set(found).size === 3 ? found : null;
}

/** @returns what the user is told */
async function judgePlanes(
  file: RandomAccessFile,
  channels: readonly XmlElement[],
  planes: readonly PageNode[],
): Promise<string[]> {
  const names = channels.map(({ attributes }) => (attributes.Name ?? "").trim());
  const isNamed = names.length === 3 && COLOUR_NAMES.every((name, index) => name.test(names[index] ?? ""));
  const pages = planes.map(({ page }) => supportedPage(file, page));
  const [first] = pages;
  const isAlike = pages.every(
    ({ width, height, samples }) =>
      width === first?.width && height === first.height && samples.colours === 1 && samples.palette === null,
  );
  if (!isAlike) throw file.error(NOT_RGB, "its three planes differ in size or are not grey", ADVICE);
  if (isNamed) return [];
  const other = names.find((name) => !NO_NAME.test(name));
  if (other !== undefined) throw file.error(NOT_RGB, `one of its three channels is "${other}"`, ADVICE);
  const medians: number[] = [];
  for (const { page, subPages } of planes) medians.push(await median(file, smallestOf(file, page, subPages)));
  if (medians.some((value) => value < BRIGHT)) {
    const why = `nothing says what its three planes are, and they are dark as fluorescence is (medians ${medians.join(", ")} of 255)`;
    throw file.error(NOT_RGB, why, ADVICE);
  }
  return [
    `its OME-XML does not say what its three planes are; they are bright as brightfield is (medians ${medians.join(", ")}) and are read as red, green and blue`,
  ];
}

function smallestOf(file: RandomAccessFile, page: AnyPage, subPages: readonly AnyPage[]): TiffPage {
  const area = ({ width, height }: TiffPage): number => width * height;
  const all = [supportedPage(file, page), ...subPages.flatMap((sub) => ("unsupported" in sub ? [] : [sub]))];
  return all.reduce((smallest, sub) => (area(sub) < area(smallest) ? sub : smallest));
}

/** Of the middle of a grey page. */
async function median(file: RandomAccessFile, page: TiffPage): Promise<number> {
  const [width, height] = [Math.min(LOOK_SIDE, page.width), Math.min(LOOK_SIDE, page.height)];
  const left = Math.floor((page.width - width) / 2);
  const top = Math.floor((page.height - height) / 2);
  const { data } = await readTiles(pageGrid(file, page), { left, top, width, height });
  const sorted = data.slice().sort();
  return sorted[sorted.length >> 1] ?? 0;
}

/** The levels that all three planes have. */
export function withOtherColours({ levels, leftOut }: Pyramid, others: readonly PageNode[]): Pyramid {
  const complete = levels.map((level, index) => {
    const pages = others.map(({ page, subPages }) =>
      (index === 0 ? [page] : subPages).find(
        (sub): sub is TiffPage =>
          !("unsupported" in sub) &&
          sub.width === level.page.width &&
          sub.height === level.page.height &&
          sub.segmentation.width === level.page.segmentation.width &&
          sub.segmentation.height === level.page.segmentation.height &&
          sub.samples.colours === 1,
      ),
    );
    return { level, pages: pages.filter((page) => page !== undefined) };
  });
  const missing = complete.filter(({ pages }) => pages.length < others.length);
  return {
    levels: complete
      .filter(({ pages }) => pages.length === others.length)
      .map(({ level, pages }) => ({ ...level, otherColours: pages })),
    leftOut: [...leftOut, ...missing.map(({ level }) => `${level.page.name} (not in all three planes)`)],
  };
}
