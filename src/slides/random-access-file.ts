import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type EpSamError, messageOf } from "../common/index.js";
import { slideError } from "./slide-error.js";

/** Opening a named pipe would otherwise wait for a writer. */
export const READ_WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** A file that is read in pieces, each checked against the file's size before memory is taken for it. */
export class RandomAccessFile {
  readonly path: string;
  /** Size in bytes when opened. */
  readonly size: number;
  readonly #handle: FileHandle;

  private constructor(path: string, size: number, handle: FileHandle) {
    this.path = path;
    this.size = size;
    this.#handle = handle;
  }

  /** @throws EpSamError `slide` when the file cannot be opened or is no regular file */
  static async open(path: string): Promise<RandomAccessFile> {
    const handle = await open(path, READ_WITHOUT_WAITING).catch((cause: unknown) => {
      throw slideError(path, "cannot be opened", messageOf(cause), "Check the path and its spelling.", cause);
    });
    const status = await handle.stat();
    if (status.isFile()) return new RandomAccessFile(path, status.size, handle);
    await handle.close();
    throw slideError(path, "is no regular file", undefined, "Give a file's path.");
  }

  /**
   * Bytes at `offset`.
   * @param purpose what they are, for the message, such as "a tile"
   * @throws EpSamError `slide` when they are not all in the file
   */
  async read(offset: number, length: number, purpose: string): Promise<Uint8Array> {
    this.check(offset, length, purpose);
    const bytes = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const { bytesRead } = await this.#handle.read(bytes, filled, length - filled, offset + filled);
      if (bytesRead === 0)
        throw this.error("became shorter while it was read", `${purpose} at byte ${offset}`);
      filled += bytesRead;
    }
    return bytes;
  }

  /** @throws EpSamError `slide` when a range is not wholly in the file */
  check(offset: number, length: number, purpose: string): void {
    if (Number.isSafeInteger(offset + length) && offset >= 0 && offset + length <= this.size) return;
    throw this.error(
      "points beyond its end",
      `${purpose} of ${length} bytes at byte ${offset} of a file of ${this.size}`,
    );
  }

  /** An error `slide` about this file. */
  error(what: string, why: string, action?: string, cause?: unknown): EpSamError {
    return slideError(this.path, what, why, action, cause);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}
