import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { type EpSamError, messageOf } from "./errors.js";

/** Opening a named pipe would otherwise wait for a writer. */
export const READ_WITHOUT_WAITING = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/** One read call may not ask for more than 2 GiB. */
const LARGEST_READ = 2 ** 30;

/** Makes the error about a file of some kind, with an action of that kind when none is given. */
export type FileError = (
  path: string,
  what: string,
  why: string | undefined,
  action?: string,
  cause?: unknown,
) => EpSamError;

/** A file that is read in pieces, each checked against the file's size before memory is taken for it. */
export abstract class RandomAccessFile {
  readonly path: string;
  /** Size in bytes when opened. */
  readonly size: number;
  /** What the user should know of reading it. */
  readonly warnings: readonly string[] = [];
  readonly #error: FileError;

  protected constructor(path: string, size: number, error: FileError) {
    this.path = path;
    this.size = size;
    this.#error = error;
  }

  /**
   * Opens a file of this machine.
   * @param error makes every error about the file
   * @throws EpSamError of that kind when the file cannot be opened or is not a regular file
   */
  static async open(path: string, error: FileError): Promise<RandomAccessFile> {
    const handle = await open(path, READ_WITHOUT_WAITING).catch((cause: unknown) => {
      throw error(
        path,
        "cannot be opened",
        messageOf(cause),
        "Check the path and that it is readable.",
        cause,
      );
    });
    const status = await handle.stat();
    if (status.isFile()) return new LocalFile(path, status.size, handle, error);
    await handle.close();
    throw error(path, "is not a regular file", undefined, "Give a file's path.");
  }

  /**
   * Bytes at `offset`, in memory of their own.
   * @param purpose what they are, for the message, such as "a tile"
   * @throws EpSamError when they are not all in the file
   */
  async read(offset: number, length: number, purpose = "a part"): Promise<Uint8Array<ArrayBuffer>> {
    this.check(offset, length, purpose);
    const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    await this.fill(bytes, offset, purpose);
    return bytes;
  }

  /** Fills the whole array with what lies at `offset`; the range is in the file. */
  protected abstract fill(bytes: Uint8Array, offset: number, purpose: string): Promise<void>;

  /**
   * Says that this range will be read piece by piece, for files where one large read is faster than many small ones.
   * What of it lies beyond the file does not count.
   */
  async prefetch(_offset: number, _length: number): Promise<void> {
    // Small reads of a local file are fast.
  }

  /** @throws EpSamError when a range is not wholly in the file */
  check(offset: number, length: number, purpose: string): void {
    if (Number.isSafeInteger(offset + length) && offset >= 0 && offset + length <= this.size) return;
    throw this.error(
      "points beyond its end",
      `${purpose} of ${length} bytes at byte ${offset} of a file of ${this.size}`,
    );
  }

  /** An error about this file. */
  error(what: string, why: string, action?: string, cause?: unknown): EpSamError {
    return this.#error(this.path, what, why, action, cause);
  }

  abstract close(): Promise<void>;
}

class LocalFile extends RandomAccessFile {
  readonly #handle: FileHandle;

  constructor(path: string, size: number, handle: FileHandle, error: FileError) {
    super(path, size, error);
    this.#handle = handle;
  }

  protected override async fill(bytes: Uint8Array, offset: number, purpose: string): Promise<void> {
    let filled = 0;
    while (filled < bytes.length) {
      const wanted = Math.min(bytes.length - filled, LARGEST_READ);
      const { bytesRead } = await this.#handle.read(bytes, filled, wanted, offset + filled);
      if (bytesRead === 0) {
        throw this.error("became shorter while it was read", `${purpose} at byte ${offset}`);
      }
      filled += bytesRead;
    }
  }

  override async close(): Promise<void> {
    await this.#handle.close();
  }
}
