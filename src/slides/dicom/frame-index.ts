import type { RandomAccessFile } from "../../common/index.js";
import { slideError } from "../slide-error.js";
import type { DicomElement } from "./data-set.js";
import { DicomTag, tagName } from "./tags.js";

/** A compressed frame of more bytes is not believed. */
const MAX_FRAME_BYTES = 2 ** 27;
/** Fragments of one file that are followed when there is no table of offsets. */
const MAX_FRAGMENTS = 10_000_000;
const ITEM_HEAD_BYTES = 8;

/** The frames of one file, read one at a time by their place. */
export interface FrameIndex {
  /** The bytes of a frame. @throws EpSamError `slide` when offsets or lengths contradict the file */
  read(frame: number): Promise<Uint8Array>;
}

/** Uncompressed frames that lie one after another. */
export function nativeFrames(
  file: RandomAccessFile,
  pixels: DicomElement,
  frames: number,
  frameBytes: number,
): FrameIndex {
  const needed = frames * frameBytes;
  if (pixels.length === null || pixels.length < needed) {
    const why = `${frames} frames take ${needed} bytes, there are ${pixels.length ?? "none"}`;
    throw slideError(file.path, "has fewer pixels than it claims", why);
  }
  return { read: (frame) => file.read(pixels.offset + frame * frameBytes, frameBytes, `frame ${frame}`) };
}

/**
 * Compressed frames in fragments (PS3.5, annex A.4). Where each begins comes from the extended offset table, else
 * from the basic one, else from walking along the fragments at the first read.
 */
export function encapsulatedFrames(
  file: RandomAccessFile,
  pixels: DicomElement,
  frames: number,
  extendedTable: DicomElement | undefined,
): FrameIndex {
  let starts: Promise<Float64Array> | null = null;
  return {
    async read(frame) {
      starts ??= frameStarts(file, pixels, frames, extendedTable);
      const known = await starts;
      const start = known[frame] ?? Number.NaN;
      const end = known[frame + 1] ?? Number.POSITIVE_INFINITY;
      if (start < end) return readFragments(file, start, end, frame);
      throw slideError(
        file.path,
        "has frame offsets out of order",
        `frame ${frame} does not begin before the next`,
      );
    },
  };
}

/** File offset of every frame's first item, ascending. */
async function frameStarts(
  file: RandomAccessFile,
  pixels: DicomElement,
  frames: number,
  extendedTable: DicomElement | undefined,
): Promise<Float64Array> {
  const table = await itemHead(file, pixels.offset);
  if (table.tag !== DicomTag.item) {
    throw slideError(file.path, "has no table before its frames", `${tagName(table.tag)} instead of an item`);
  }
  const first = pixels.offset + ITEM_HEAD_BYTES + table.length;
  if (extendedTable !== undefined) return extendedOffsets(file, extendedTable, frames, first);
  if (table.length === 0) return walkFragments(file, first, frames);
  requireEntries(file, table.length, 4, frames);
  const bytes = await file.read(pixels.offset + ITEM_HEAD_BYTES, table.length, "the offset table");
  const view = new DataView(bytes.buffer);
  return Float64Array.from({ length: frames }, (_, index) => first + view.getUint32(4 * index, true));
}

async function extendedOffsets(
  file: RandomAccessFile,
  { offset, length }: DicomElement,
  frames: number,
  first: number,
): Promise<Float64Array> {
  requireEntries(file, length ?? 0, 8, frames);
  const bytes = await file.read(offset, 8 * frames, "the offset table");
  const view = new DataView(bytes.buffer);
  // Offsets beyond 2^53 lose digits here, but lie beyond any file all the same.
  return Float64Array.from(
    { length: frames },
    (_, index) => first + Number(view.getBigUint64(8 * index, true)),
  );
}

function requireEntries(file: RandomAccessFile, bytes: number, entryBytes: number, frames: number): void {
  if (bytes === entryBytes * frames) return;
  const why = `${bytes / entryBytes} offsets for ${frames} frames`;
  throw slideError(file.path, "has a table of frame offsets of the wrong length", why);
}

/** Follows the items to the end; with several fragments per frame, a frame begins where an image does. */
async function walkFragments(file: RandomAccessFile, first: number, frames: number): Promise<Float64Array> {
  const starts: number[] = [];
  const images: number[] = [];
  let position = first;
  while (position + ITEM_HEAD_BYTES <= file.size) {
    const { tag, length } = await itemHead(file, position);
    if (tag === DicomTag.sequenceEnd) break;
    requireItem(file, tag, position);
    requireWithin(file, position, length);
    if (starts.length >= MAX_FRAGMENTS) throw slideError(file.path, "has too many fragments", undefined);
    starts.push(position);
    if (length >= 2 && isImageStart(await file.read(position + ITEM_HEAD_BYTES, 2, "a frame")))
      images.push(position);
    position += ITEM_HEAD_BYTES + length;
  }
  if (starts.length === frames) return Float64Array.from(starts);
  if (images.length === frames) return Float64Array.from(images);
  if (frames === 1 && starts[0] !== undefined) return Float64Array.of(starts[0]);
  const why = `${starts.length} fragments with ${images.length} beginnings for ${frames} frames`;
  throw slideError(file.path, "has another number of frames than it claims", why);
}

/** JPEG begins with FF D8, JPEG 2000 with FF 4F. */
function isImageStart(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && (bytes[1] === 0xd8 || bytes[1] === 0x4f);
}

async function readFragments(
  file: RandomAccessFile,
  start: number,
  end: number,
  frame: number,
): Promise<Uint8Array> {
  if (start + ITEM_HEAD_BYTES > file.size) {
    const why = `frame ${frame} at byte ${start}, the file has ${file.size}`;
    throw slideError(file.path, "has a frame beyond its end", why);
  }
  const parts: Uint8Array[] = [];
  let total = 0;
  let position = start;
  while (position < end && position + ITEM_HEAD_BYTES <= file.size) {
    const { tag, length } = await itemHead(file, position);
    if (tag === DicomTag.sequenceEnd) break;
    requireItem(file, tag, position);
    requireWithin(file, position, length);
    total += length;
    if (total > MAX_FRAME_BYTES) {
      throw slideError(
        file.path,
        "has a frame that is too large",
        `frame ${frame} has ${total} bytes or more`,
      );
    }
    parts.push(await file.read(position + ITEM_HEAD_BYTES, length, `frame ${frame}`));
    position += ITEM_HEAD_BYTES + length;
  }
  if (total === 0)
    throw slideError(file.path, "has a frame without bytes", `frame ${frame} at byte ${start}`);
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

async function itemHead(file: RandomAccessFile, position: number): Promise<{ tag: number; length: number }> {
  const bytes = await file.read(position, ITEM_HEAD_BYTES, "an item");
  const view = new DataView(bytes.buffer);
  return {
    tag: view.getUint16(0, true) * 0x1_0000 + view.getUint16(2, true),
    length: view.getUint32(4, true),
  };
}

function requireItem(file: RandomAccessFile, tag: number, position: number): void {
  if (tag === DicomTag.item) return;
  throw slideError(
    file.path,
    "has a frame that does not begin where its offset says",
    `${tagName(tag)} instead of an item at byte ${position}`,
  );
}

function requireWithin(file: RandomAccessFile, position: number, length: number): void {
  if (position + ITEM_HEAD_BYTES + length <= file.size) return;
  throw slideError(
    file.path,
    "ends in the middle of a frame",
    `${length} bytes at ${position + ITEM_HEAD_BYTES}, the file has ${file.size}`,
  );
}
