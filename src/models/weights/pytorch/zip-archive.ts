import type { RandomAccessFile } from "../../../common/index.js";
import { weightsError } from "../weights-error.js";
import { ByteCursor, decodeUtf8, EndOfBytes } from "./byte-cursor.js";

/** A stored file of the archive. */
export interface ZipEntry {
  readonly name: string;
  /** Bytes of content. */
  readonly size: number;
  /** Bytes that it takes in the archive. */
  readonly storedSize: number;
  /** The archive holds the content as it is. */
  readonly isPlain: boolean;
  /** Where the entry's local header begins in the file. */
  readonly headerStart: number;
}

const END_OF_DIRECTORY = 0x06054b50;
const ZIP64_END_OF_DIRECTORY = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;
const DIRECTORY_ENTRY = 0x02014b50;
const LOCAL_HEADER = 0x04034b50;

const END_RECORD_LENGTH = 22;
const LONGEST_COMMENT = 65_535;
const LOCAL_HEADER_LENGTH = 30;
/** Far beyond the directory of the largest model; bounds memory. */
const LARGEST_DIRECTORY = 64 * 2 ** 20;
const NARROW_LIMIT = 0xffffffff;
const ENCRYPTED = 1;

/**
 * The entries of a ZIP archive (PKWARE's APPNOTE, ZIP64 included) by name. PyTorch stores its entries
 * uncompressed; others are refused when they are opened, so that no content is larger than the file.
 * @throws EpSamError `weights` when the archive is damaged, or entries overlap or repeat
 */
export async function readZipDirectory(file: RandomAccessFile): Promise<ReadonlyMap<string, ZipEntry>> {
  try {
    const { start, length } = await findDirectory(file);
    if (length > LARGEST_DIRECTORY) throw damaged(file, `its directory would take ${length} bytes`);
    const entries = parseDirectory(file, await file.read(start, length));
    requireDisjoint(file, [...entries.values()], start);
    return entries;
  } catch (failure) {
    if (failure instanceof EndOfBytes) throw damaged(file, `its directory: ${failure.message}`);
    throw failure;
  }
}

/**
 * Where an entry's content begins in the file.
 * @throws EpSamError `weights` when its local header is not there, or the content is compressed or encrypted
 */
export async function contentStart(file: RandomAccessFile, entry: ZipEntry): Promise<number> {
  if (!entry.isPlain) {
    throw weightsError(
      file.path,
      undefined,
      `holds "${entry.name}" compressed or encrypted`,
      "PyTorch stores tensors as they are",
      "Load the file in PyTorch and save it again with torch.save.",
    );
  }
  const header = new ByteCursor(await file.read(entry.headerStart, LOCAL_HEADER_LENGTH));
  if (header.uint32() !== LOCAL_HEADER) throw damaged(file, `the entry "${entry.name}" has no header`);
  header.bytes(22);
  const start = entry.headerStart + LOCAL_HEADER_LENGTH + header.uint16() + header.uint16();
  if (start + entry.size > file.size) throw damaged(file, `the entry "${entry.name}" is cut short`);
  return start;
}

async function findDirectory(file: RandomAccessFile): Promise<{ start: number; length: number }> {
  const tailLength = Math.min(file.size, END_RECORD_LENGTH + LONGEST_COMMENT);
  const tailStart = file.size - tailLength;
  const tail = await file.read(tailStart, tailLength);
  const view = new DataView(tail.buffer);
  let end = tailLength - END_RECORD_LENGTH;
  while (end >= 0 && view.getUint32(end, true) !== END_OF_DIRECTORY) end--;
  if (end < 0) throw damaged(file, "its end, where the directory stands, is missing");
  const cursor = new ByteCursor(tail, end + 12);
  const length = cursor.uint32();
  const start = cursor.uint32();
  if (start !== NARROW_LIMIT && length !== NARROW_LIMIT) return { start, length };
  return findLargeDirectory(file, tailStart + end);
}

/** The ZIP64 record, which a locator in front of the plain record points to. */
async function findLargeDirectory(file: RandomAccessFile, endRecord: number) {
  const locator = new ByteCursor(await file.read(endRecord - 20, 20));
  if (locator.uint32() !== ZIP64_LOCATOR) throw damaged(file, "its ZIP64 locator is missing");
  locator.uint32();
  const record = new ByteCursor(await file.read(locator.uint64(), 56));
  if (record.uint32() !== ZIP64_END_OF_DIRECTORY) throw damaged(file, "its ZIP64 record is missing");
  record.bytes(36);
  return { length: record.uint64(), start: record.uint64() };
}

function parseDirectory(file: RandomAccessFile, bytes: Uint8Array): Map<string, ZipEntry> {
  const entries = new Map<string, ZipEntry>();
  const cursor = new ByteCursor(bytes);
  while (cursor.position < bytes.length) {
    const entry = parseEntry(file, cursor);
    if (entries.has(entry.name)) throw damaged(file, `the entry "${entry.name}" is there twice`);
    entries.set(entry.name, entry);
  }
  return entries;
}

function parseEntry(file: RandomAccessFile, cursor: ByteCursor): ZipEntry {
  if (cursor.uint32() !== DIRECTORY_ENTRY) throw damaged(file, "its directory is damaged");
  cursor.bytes(4);
  const flags = cursor.uint16();
  const method = cursor.uint16();
  cursor.bytes(8);
  const compressed = cursor.uint32();
  const uncompressed = cursor.uint32();
  const [nameLength, extraLength, commentLength] = [cursor.uint16(), cursor.uint16(), cursor.uint16()];
  cursor.bytes(8);
  const start = cursor.uint32();
  const name = decodeUtf8(cursor.bytes(nameLength));
  const wide = new WideFields(cursor.bytes(extraLength));
  cursor.bytes(commentLength);
  const size = wide.replace(uncompressed);
  const storedSize = wide.replace(compressed);
  const headerStart = wide.replace(start);
  return { name, size, storedSize, isPlain: method === 0 && (flags & ENCRYPTED) === 0, headerStart };
}

/** The eight-byte values of the ZIP64 extra field, which stand in for those of four bytes that are full. */
class WideFields {
  readonly #cursor: ByteCursor;

  constructor(extra: Uint8Array) {
    const fields = new ByteCursor(extra);
    let content: Uint8Array = new Uint8Array();
    while (fields.position + 4 <= extra.length) {
      const kind = fields.uint16();
      const body = fields.bytes(fields.uint16());
      if (kind === 1) content = body;
    }
    this.#cursor = new ByteCursor(content);
  }

  replace(narrow: number): number {
    return narrow === NARROW_LIMIT ? this.#cursor.uint64() : narrow;
  }
}

function requireDisjoint(file: RandomAccessFile, entries: readonly ZipEntry[], directoryStart: number): void {
  const ordered = entries.toSorted((a, b) => a.headerStart - b.headerStart);
  ordered.forEach(({ name, headerStart, storedSize }, index) => {
    const next = ordered[index + 1]?.headerStart ?? directoryStart;
    if (headerStart + LOCAL_HEADER_LENGTH + storedSize > next) {
      throw damaged(file, `the entry "${name}" reaches into what follows it`);
    }
  });
}

function damaged(file: RandomAccessFile, why: string) {
  return weightsError(file.path, undefined, "is not a whole PyTorch archive", why);
}
