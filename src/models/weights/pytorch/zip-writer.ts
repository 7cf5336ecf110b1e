import { crc32 } from "../../../common/index.js";

/** A file of the archive. */
export interface ZipContent {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const LOCAL_HEADER_LENGTH = 30;
const DIRECTORY_ENTRY_LENGTH = 46;
const END_LENGTH = 22;
/** PyTorch aligns contents so that they can be mapped into memory. */
const ALIGNMENT = 64;
/** Extra field with a kind, a length and padding. */
const EXTRA_HEADER = 4;
/** "FB", the kind PyTorch pads with. */
const PADDING_KIND = 0x4246;
/** 1 January 1980, the earliest date that the format knows: archives do not depend on the time. */
const EARLIEST_DATE = 0x21;
const VERSION = 20;

interface Placed extends ZipContent {
  readonly encodedName: Uint8Array;
  readonly crc: number;
  readonly headerStart: number;
  readonly padding: number;
}

/**
 * A ZIP archive with uncompressed contents, aligned as PyTorch does (PKWARE's APPNOTE).
 * @throws RangeError when the archive would exceed 4 GiB, which float32 models of this project stay below
 */
export function encodeZip(contents: readonly ZipContent[]): Uint8Array {
  const placed: Placed[] = [];
  let position = 0;
  for (const content of contents) {
    const encodedName = new TextEncoder().encode(content.name);
    const unpadded = position + LOCAL_HEADER_LENGTH + encodedName.length + EXTRA_HEADER;
    const padding = (ALIGNMENT - (unpadded % ALIGNMENT)) % ALIGNMENT;
    placed.push({ ...content, encodedName, crc: crc32(content.bytes), headerStart: position, padding });
    position = unpadded + padding + content.bytes.length;
  }
  const directoryLength = placed.reduce(
    (sum, { encodedName }) => sum + DIRECTORY_ENTRY_LENGTH + encodedName.length,
    0,
  );
  const total = position + directoryLength + END_LENGTH;
  if (total > 0xffffffff) throw new RangeError(`an archive of ${total} bytes needs ZIP64`);
  const result = new Uint8Array(total);
  for (const content of placed) writeContent(result, content);
  let entry = position;
  for (const content of placed) entry = writeDirectoryEntry(result, entry, content);
  writeEnd(result, entry, placed.length, position, directoryLength);
  return result;
}

function writeContent(target: Uint8Array, content: Placed): void {
  const { headerStart, encodedName, padding, bytes } = content;
  const view = new DataView(target.buffer);
  view.setUint32(headerStart, 0x04034b50, true);
  view.setUint16(headerStart + 4, VERSION, true);
  writeCommon(view, headerStart + 6, content);
  view.setUint16(headerStart + 28, EXTRA_HEADER + padding, true);
  const nameStart = headerStart + LOCAL_HEADER_LENGTH;
  target.set(encodedName, nameStart);
  const extraStart = nameStart + encodedName.length;
  view.setUint16(extraStart, PADDING_KIND, true);
  view.setUint16(extraStart + 2, padding, true);
  target.set(bytes, extraStart + EXTRA_HEADER + padding);
}

function writeDirectoryEntry(target: Uint8Array, start: number, content: Placed): number {
  const view = new DataView(target.buffer);
  view.setUint32(start, 0x02014b50, true);
  view.setUint16(start + 4, VERSION, true);
  view.setUint16(start + 6, VERSION, true);
  writeCommon(view, start + 8, content);
  view.setUint32(start + 42, content.headerStart, true);
  target.set(content.encodedName, start + DIRECTORY_ENTRY_LENGTH);
  return start + DIRECTORY_ENTRY_LENGTH + content.encodedName.length;
}

/** The fields that local header and directory entry share: flags, method, time, sizes, length of the name. */
function writeCommon(view: DataView, start: number, { bytes, crc, encodedName }: Placed): void {
  view.setUint16(start + 6, EARLIEST_DATE, true);
  view.setUint32(start + 8, crc, true);
  view.setUint32(start + 12, bytes.length, true);
  view.setUint32(start + 16, bytes.length, true);
  view.setUint16(start + 20, encodedName.length, true);
}

function writeEnd(target: Uint8Array, start: number, count: number, directory: number, length: number): void {
  const view = new DataView(target.buffer);
  view.setUint32(start, 0x06054b50, true);
  view.setUint16(start + 8, count, true);
  view.setUint16(start + 10, count, true);
  view.setUint32(start + 12, length, true);
  view.setUint32(start + 16, directory, true);
}
