import type { RandomAccessFile } from "../../common/index.js";
import { TiffDirectory, type TiffField } from "./directory.js";
import { FIELD_BYTES, TiffTag } from "./tags.js";

/** Most directories in one file, sub-directories included; slides have tens. */
const MAX_DIRECTORIES = 1000;
/** Most entries in one directory; slides have tens. */
const MAX_ENTRIES = 1024;
/** A directory with most of what its fields point to, as writers place it. */
const DIRECTORY_BYTES = 16 * 2 ** 10;
/** Most sub-directories of one directory. */
const MAX_SUBDIRECTORIES = 64;

/** A directory of the main chain with the directories it names in its field SubIFDs. */
export interface DirectoryNode {
  readonly directory: TiffDirectory;
  readonly children: readonly TiffDirectory[];
}

interface Dialect {
  readonly littleEndian: boolean;
  /** BigTIFF: offsets and counts of 8 bytes. */
  readonly big: boolean;
}

/** True when the bytes begin as TIFF or BigTIFF of either byte order. */
export function isTiff(head: Uint8Array): boolean {
  if (head.length < 8) return false;
  const [a = 0, b = 0, c = 0, d = 0] = head;
  const little = a === 0x49 && b === 0x49 && (c === 42 || c === 43) && d === 0;
  const bigEndian = a === 0x4d && b === 0x4d && c === 0 && (d === 42 || d === 43);
  return little || bigEndian;
}

/**
 * The directories of a TIFF (TIFF 6.0 section 2) or BigTIFF, in the file's order.
 * @throws EpSamError `slide` for a chain that loops or shares a directory, and for counts beyond any slide's
 */
export async function readDirectories(file: RandomAccessFile): Promise<readonly DirectoryNode[]> {
  const { dialect, first } = await readHeader(file);
  const reader = new DirectoryReader(file, dialect);
  const nodes: DirectoryNode[] = [];
  let offset = first;
  while (offset !== 0) {
    const { directory, next } = await reader.read(offset);
    nodes.push({ directory, children: await readChildren(file, reader, directory) });
    offset = next;
  }
  if (nodes.length === 0) throw file.error("holds no image", "its first directory's offset is 0");
  return nodes;
}

async function readChildren(
  file: RandomAccessFile,
  reader: DirectoryReader,
  parent: TiffDirectory,
): Promise<readonly TiffDirectory[]> {
  const offsets = (await parent.numbers(TiffTag.SubIFDs)) ?? [];
  if (offsets.length > MAX_SUBDIRECTORIES) {
    throw file.error("holds an absurd count", `a directory claims ${offsets.length} sub-directories`);
  }
  const children: TiffDirectory[] = [];
  for (const offset of offsets) if (offset !== 0) children.push((await reader.read(offset)).directory);
  return children;
}

async function readHeader(file: RandomAccessFile): Promise<{ dialect: Dialect; first: number }> {
  const bytes = await file.read(0, Math.min(16, file.size), "the header");
  if (!isTiff(bytes)) throw file.error("is no TIFF file", "its first bytes are not II* or MM*");
  const littleEndian = bytes[0] === 0x49;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const big = view.getUint16(2, littleEndian) === 43;
  if (!big) return { dialect: { littleEndian, big }, first: view.getUint32(4, littleEndian) };
  if (bytes.length < 16) throw file.error("ends within its header", `a BigTIFF of ${bytes.length} bytes`);
  const offsetBytes = view.getUint16(4, littleEndian);
  if (offsetBytes !== 8) throw file.error("is no BigTIFF file", `its offsets are of ${offsetBytes} bytes`);
  return { dialect: { littleEndian, big }, first: safeNumber(file, view.getBigUint64(8, littleEndian)) };
}

function safeNumber(file: RandomAccessFile, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw file.error("holds an offset that no file can have", `${value} is above 2^53`);
}

/** Reads directories one by one, and none of them twice. */
class DirectoryReader {
  readonly #file: RandomAccessFile;
  readonly #dialect: Dialect;
  readonly #visited = new Set<number>();

  constructor(file: RandomAccessFile, dialect: Dialect) {
    this.#file = file;
    this.#dialect = dialect;
  }

  async read(offset: number): Promise<{ directory: TiffDirectory; next: number }> {
    this.#visit(offset);
    await this.#file.prefetch(offset, DIRECTORY_BYTES);
    const { littleEndian, big } = this.#dialect;
    const entries = await this.#entryCount(offset);
    const countBytes = big ? 8 : 2;
    const entryBytes = big ? 20 : 12;
    const nextBytes = big ? 8 : 4;
    const length = entries * entryBytes + nextBytes;
    const bytes = await this.#file.read(offset + countBytes, length, "a directory");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const fields = new Map<number, TiffField>();
    for (let index = 0; index < entries; index++) {
      const at = index * entryBytes;
      const field = this.#field(view, at, offset + countBytes + at);
      // Of fields that are there twice the first counts, as in libtiff.
      if (field !== null && !fields.has(field.tag)) fields.set(field.tag, field);
    }
    const next = this.#offsetAt(view, entries * entryBytes);
    return { directory: new TiffDirectory(this.#file, littleEndian, offset, fields), next };
  }

  #visit(offset: number): void {
    if (this.#visited.has(offset)) {
      throw this.#file.error(
        "has a directory that is reached twice",
        `a loop or a shared one at byte ${offset}`,
      );
    }
    if (this.#visited.size >= MAX_DIRECTORIES) {
      throw this.#file.error("holds an absurd count", `more than ${MAX_DIRECTORIES} directories`);
    }
    this.#visited.add(offset);
  }

  async #entryCount(offset: number): Promise<number> {
    const { littleEndian, big } = this.#dialect;
    const bytes = await this.#file.read(offset, big ? 8 : 2, "a directory");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const entries = big ? Number(view.getBigUint64(0, littleEndian)) : view.getUint16(0, littleEndian);
    if (entries > 0 && entries <= MAX_ENTRIES) return entries;
    throw this.#file.error("holds an absurd count", `a directory claims ${entries} entries`);
  }

  /** The entry at `at` of the directory's bytes, which is at `position` of the file; null for unknown types. */
  #field(view: DataView, at: number, position: number): TiffField | null {
    const { littleEndian, big } = this.#dialect;
    const tag = view.getUint16(at, littleEndian);
    const type = view.getUint16(at + 2, littleEndian);
    const bytesPerValue = FIELD_BYTES[type];
    if (bytesPerValue === undefined) return null;
    const count = big
      ? Number(view.getBigUint64(at + 4, littleEndian))
      : view.getUint32(at + 4, littleEndian);
    const valueAt = at + (big ? 12 : 8);
    const inlineBytes = big ? 8 : 4;
    if (count * bytesPerValue <= inlineBytes) {
      const inline = new Uint8Array(view.buffer, view.byteOffset + valueAt, inlineBytes);
      return { tag, type, count, offset: position + valueAt - at, inline };
    }
    return { tag, type, count, offset: this.#fieldOffset(view, valueAt), inline: null };
  }

  /** An offset that may be beyond the file: what is never read does no harm. */
  #fieldOffset(view: DataView, at: number): number {
    const { littleEndian, big } = this.#dialect;
    return big ? Number(view.getBigUint64(at, littleEndian)) : view.getUint32(at, littleEndian);
  }

  #offsetAt(view: DataView, at: number): number {
    const { littleEndian, big } = this.#dialect;
    if (!big) return view.getUint32(at, littleEndian);
    return safeNumber(this.#file, view.getBigUint64(at, littleEndian));
  }
}
