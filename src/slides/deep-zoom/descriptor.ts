import { slideError } from "../slide-error.js";
import { childNamed, parseXml, type XmlElement } from "../xml-tree.js";

/** What a DeepZoom descriptor (`.dzi`) tells. */
export interface DeepZoomDescriptor {
  readonly width: number;
  readonly height: number;
  readonly tileSize: number;
  /** Pixels that a tile shares with each neighbour, on each side. */
  readonly overlap: number;
  readonly extension: string;
}

const MAX_SIDE = 2 ** 26;
const MAX_TILE_SIDE = 8192;
/** Anything else could lead out of the folder of tiles, or to a format that names files. */
const EXTENSIONS = new Set(["jpg", "jpeg", "png", "webp"]);
const NAMESPACES = /^http:\/\/schemas\.microsoft\.com\/deepzoom\/20\d\d$/;

/** True when the text begins as a descriptor does; DeepZoom's own extension is `.dzi`, others write `.xml`. */
export function looksLikeDescriptor(head: string): boolean {
  return /<Image\b/.test(head) && /schemas\.microsoft\.com\/deepzoom\//.test(head);
}

/** @throws EpSamError `slide` when the text is no descriptor, or one with impossible values */
export function parseDescriptor(path: string, text: string): DeepZoomDescriptor {
  const root = parseXml(path, text);
  const size = childNamed(root, "Size");
  if (root.name !== "Image" || !NAMESPACES.test(root.attributes.xmlns ?? "") || size === undefined) {
    throw slideError(
      path,
      "is no DeepZoom descriptor",
      `its root element is ${root.name}`,
      "Give the .dzi file.",
    );
  }
  const extension = (root.attributes.Format ?? "").toLowerCase();
  if (!EXTENSIONS.has(extension)) {
    const why = `the format "${extension}" is none of ${[...EXTENSIONS].join(", ")}`;
    throw slideError(
      path,
      "has tiles of a format that is not read",
      why,
      "Export it with JPEG or PNG tiles.",
    );
  }
  const tileSize = wholeNumber(path, root, "TileSize", 1, MAX_TILE_SIDE);
  return {
    width: wholeNumber(path, size, "Width", 1, MAX_SIDE),
    height: wholeNumber(path, size, "Height", 1, MAX_SIDE),
    tileSize,
    overlap: wholeNumber(path, root, "Overlap", 0, tileSize),
    extension,
  };
}

function wholeNumber(path: string, element: XmlElement, name: string, least: number, most: number): number {
  const text = element.attributes[name] ?? "";
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw slideError(path, "has an impossible value", `${name}="${text}" is not from ${least} to ${most}`);
}
