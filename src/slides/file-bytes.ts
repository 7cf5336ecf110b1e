import { type FileHandle, open } from "node:fs/promises";
import { messageOf } from "../common/index.js";
import { slideError } from "./slide-error.js";

/** A file that is read at any place and never as a whole. */
export class FileBytes {
  readonly path: string;
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws EpSamError `slide` when the file is missing, not readable, or no regular file */
  static async open(path: string): Promise<FileBytes> {
    const handle = await open(path, "r").catch((cause: unknown) => {
      throw slideError(
        path,
        "cannot be opened",
        messageOf(cause),
        "Check the path and that you may read it.",
      );
    });
    const status = await handle.stat();
    if (status.isFile()) return new FileBytes(path, status.size, handle);
    await handle.close();
    throw slideError(path, "is no regular file", undefined, "Give a file's path.");
  }

  /** @throws EpSamError `slide` when the file ends before `offset + length` */
  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) {
      throw slideError(
        this.path,
        "ends too early",
        `${length} bytes are wanted at ${offset}, the file has ${this.size}`,
      );
    }
    const bytes = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0) throw slideError(this.path, "became shorter while it was read", undefined);
      filled += bytesRead;
    }
    return bytes;
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

const WINDOW_BYTES = 2 ** 16;

/** A moving window over a file for reading many small fields one after another. */
export class ByteWindow {
  readonly file: FileBytes;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));

  constructor(file: FileBytes) {
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
    this.#bytes = await this.file.read(offset, available);
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
