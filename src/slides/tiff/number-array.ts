import { type RandomAccessFile, RecentlyUsed } from "../../common/index.js";

/** Entries of an array that are read from the file together. */
const BLOCK = 1024;
/** Bytes ahead that are read together where requests are slow: the neighbours are wanted next. */
const AHEAD_BYTES = 64 * 2 ** 10;
/** Blocks of one array that stay in memory. */
const MAX_BLOCKS = 64;

/** How the numbers of a field lie in the file. */
export interface NumberLayout {
  readonly littleEndian: boolean;
  /** TIFF field type: 1 BYTE, 3 SHORT, 4 LONG, 13 IFD, 16 LONG8 or 18 IFD8. */
  readonly type: number;
  readonly bytesPerValue: number;
  readonly count: number;
}

/** The whole numbers of a field, which may be millions: read block by block when asked for. */
export class NumberArray {
  readonly count: number;
  readonly #file: RandomAccessFile;
  readonly #layout: NumberLayout;
  readonly #offset: number;
  readonly #blocks = new RecentlyUsed<number, Float64Array>({ limit: MAX_BLOCKS });

  /** @param offset of the first number in the file; the whole range was checked to be in the file */
  constructor(file: RandomAccessFile, layout: NumberLayout, offset: number) {
    this.count = layout.count;
    this.#file = file;
    this.#layout = layout;
    this.#offset = offset;
  }

  /**
   * @param index below `count`
   * @throws EpSamError `slide` for a number above 2^53
   */
  async get(index: number): Promise<number> {
    const blockIndex = Math.floor(index / BLOCK);
    const block = await this.#blocks.load(blockIndex, () => this.#read(blockIndex));
    const value = block[index - blockIndex * BLOCK];
    if (value === undefined || !Number.isSafeInteger(value)) {
      throw this.#file.error(
        "holds an offset that no file can have",
        `number ${index} of a field is ${value}`,
      );
    }
    return value;
  }

  async #read(blockIndex: number): Promise<Float64Array> {
    const first = blockIndex * BLOCK;
    const length = Math.min(BLOCK, this.count - first);
    const { bytesPerValue } = this.#layout;
    const at = this.#offset + first * bytesPerValue;
    await this.#file.prefetch(at, Math.min(AHEAD_BYTES, (this.count - first) * bytesPerValue));
    const bytes = await this.#file.read(at, length * bytesPerValue, "a field");
    return parseNumbers(bytes, { ...this.#layout, count: length });
  }
}

/** Unsigned whole numbers as they lie in the file; those above 2^53 lose precision, which callers check. */
export function parseNumbers(bytes: Uint8Array, layout: NumberLayout): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { littleEndian, bytesPerValue } = layout;
  return Float64Array.from({ length: layout.count }, (_, index) => {
    const at = index * bytesPerValue;
    if (bytesPerValue === 1) return view.getUint8(at);
    if (bytesPerValue === 2) return view.getUint16(at, littleEndian);
    if (bytesPerValue === 4) return view.getUint32(at, littleEndian);
    return Number(view.getBigUint64(at, littleEndian));
  });
}
