import type { RandomAccessFile } from "../../common/index.js";

const WINDOW_BYTES = 2 ** 16;

/** A moving window over a file for reading many small fields one after another. */
export class ByteWindow {
  readonly file: RandomAccessFile;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(file: RandomAccessFile) {
    this.file = file;
  }

  /** True when the bytes are at hand without another read. */
  covers(offset: number, length: number): boolean {
    return offset >= this.#start && offset + length <= this.#start + this.#bytes.length;
  }

  /** Makes the bytes available to the other methods. @throws EpSamError `slide` when the file ends before */
  async load(offset: number, length: number): Promise<void> {
    if (this.covers(offset, length)) return;
    const available = Math.max(length, Math.min(WINDOW_BYTES, this.file.size - offset));
    this.#bytes = await this.file.read(offset, available, "an attribute");
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#start = offset;
  }

  uint16(offset: number): number {
    return this.#view.getUint16(offset - this.#start, true);
  }

  uint32(offset: number): number {
    return this.#view.getUint32(offset - this.#start, true);
  }

  uint64(offset: number): bigint {
    return this.#view.getBigUint64(offset - this.#start, true);
  }

  /** A copy, so that the window can move on. */
  bytes(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(offset - this.#start, offset - this.#start + length);
  }
}
