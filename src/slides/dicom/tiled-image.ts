import type { RgbImage } from "../../imaging/index.js";
import type { CompressedTile } from "../pixel-source.js";
import { slideError } from "../slide-error.js";
import type { StoredLevel } from "../tiled-source.js";
import { arrangeNativeFrame, decodeJpeg2000Frame, decodeJpegFrame, statedJpeg } from "./decode-frame.js";
import type { DicomInstance } from "./instance.js";

/** One image of a slide: a single instance, or the parts of a concatenation in their order. */
export type ImageParts = readonly [DicomInstance, ...DicomInstance[]];

/** How the frames of a fully tiled image follow each other; the standard's order is row by row. */
export type FrameOrder = "row by row" | "column by column";

/** Which frame shows a tile; null when none does. */
type FrameOfTile = (column: number, row: number) => number | null;

/**
 * The tiles of one image.
 * @param warn is told what is unusual, once or more.
 * @throws EpSamError `slide` when frames and size do not fit together
 */
export function tiledImage(
  parts: ImageParts,
  warn: (text: string) => void,
  order: FrameOrder = "row by row",
): StoredLevel {
  const [first] = parts;
  const { width, height, tileWidth, tileHeight } = first;
  requireWholeConcatenation(parts);
  const frameOf = first.positions === null ? fullTiling(parts, order) : sparseTiling(parts, warn);
  return {
    width,
    height,
    tileWidth,
    tileHeight,
    hasTile: (column, row) => Promise.resolve(frameOf(column, row) !== null),
    async decodeTile(column, row) {
      const frame = frameOf(column, row);
      return frame === null ? null : decodeFrame(parts, frame, warn);
    },
    async compressedTile(column, row) {
      const frame = frameOf(column, row);
      return frame === null ? null : compressedFrame(parts, frame, warn);
    },
  };
}

function requireWholeConcatenation(parts: ImageParts): void {
  let expected = 0;
  for (const { file, firstFrame, frames, ...part } of parts) {
    const sameSize = (["width", "height", "tileWidth", "tileHeight"] as const).every(
      (side) => part[side] === parts[0][side],
    );
    if (firstFrame !== expected || !sameSize) {
      const why = `this file begins at frame ${firstFrame}, the files before it end at ${expected}`;
      throw slideError(
        file.path,
        "is part of an image whose other parts do not fit",
        why,
        "Copy all its files.",
      );
    }
    expected += frames;
  }
}

/** A frame for every tile; further focal planes follow the first. */
function fullTiling(parts: ImageParts, order: FrameOrder): FrameOfTile {
  const [{ file, width, height, tileWidth, tileHeight, focalPlanes }] = parts;
  const columns = Math.ceil(width / tileWidth);
  const rows = Math.ceil(height / tileHeight);
  const tiles = columns * rows;
  const frames = parts.reduce((sum, part) => sum + part.frames, 0);
  if (frames !== tiles * focalPlanes) {
    const why = `${frames} frames for ${tiles} tiles in ${focalPlanes} focal planes`;
    throw slideError(file.path, "has another number of frames than tiles", why);
  }
  if (order === "column by column") return (column, row) => column * rows + row;
  return (column, row) => row * columns + column;
}

function sparseTiling(parts: ImageParts, warn: (text: string) => void): FrameOfTile {
  const [{ width, height, tileWidth, tileHeight }] = parts;
  const columns = Math.ceil(width / tileWidth);
  const rows = Math.ceil(height / tileHeight);
  const frames = new Map<number, number>();
  for (const { file, positions, firstFrame } of parts) {
    positions?.forEachTile(tileWidth, tileHeight, (frame, column, row) => {
      if (column >= columns || row >= rows) {
        const why = `frame ${frame} covers tile ${column}, ${row} of ${columns} × ${rows}`;
        throw slideError(file.path, "has a frame outside the image", why);
      }
      const tile = row * columns + column;
      if (frames.has(tile)) warn("several frames show the same place; the first is read");
      else frames.set(tile, firstFrame + frame);
    });
  }
  return (column, row) => frames.get(row * columns + column) ?? null;
}

interface Located {
  readonly part: DicomInstance;
  /** Number of the frame in the part's file. */
  readonly local: number;
}

function locate(parts: ImageParts, frame: number): Located {
  const part = parts.findLast(({ firstFrame }) => firstFrame <= frame) ?? parts[0];
  return { part, local: frame - part.firstFrame };
}

async function decodeFrame(
  parts: ImageParts,
  frame: number,
  warn: (text: string) => void,
): Promise<RgbImage> {
  const { part, local } = locate(parts, frame);
  const bytes = await part.index.read(local);
  if (part.encoding.compression === "none") return arrangeNativeFrame(part, bytes);
  if (part.encoding.compression === "jpeg-2000") return decodeJpeg2000Frame(part, bytes, local);
  const stated = statedJpeg(part, bytes, local);
  if (stated.contradiction !== null) warn(stated.contradiction);
  return decodeJpegFrame(part, stated.bytes, local);
}

async function compressedFrame(
  parts: ImageParts,
  frame: number,
  warn: (text: string) => void,
): Promise<CompressedTile | null> {
  const { part, local } = locate(parts, frame);
  if (part.encoding.compression !== "jpeg") return null;
  const stated = statedJpeg(part, await part.index.read(local), local);
  if (stated.contradiction !== null) warn(stated.contradiction);
  return { mediaType: "image/jpeg", bytes: stated.bytes };
}
