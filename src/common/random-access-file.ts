import { constants, readSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { type EpSamError, messageOf } from "./errors.js";
import { must } from "./must.js";

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
    const unopened = (cause: unknown) =>
      error(path, "cannot be opened", messageOf(cause), "Check the path and that it is readable.", cause);
    const handle = await open(path, READ_WITHOUT_WAITING).catch((cause: unknown) => {
      throw unopened(cause);
    });
    const status = await handle.stat().catch(async (cause: unknown) => {
      await handle.close();
      throw unopened(cause);
    });
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

  /** As {@link read}, into memory of the caller's, which is taken when the file is known to hold the bytes. */
  async readInto(
    take: (length: number) => Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    purpose: string,
  ): Promise<Uint8Array<ArrayBuffer>> {
    this.check(offset, length, purpose);
    const bytes = take(length);
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

/** Bytes between two ranges that are read along with them. */
const SMALL_GAP = 4096;
/** Bytes that are read together at most. */
const MOST_TOGETHER = 2 ** 20;

/**
 * With one core another thread costs more than a read from memory; a disk that makes wait longer than this is left to it.
 * Another process that had the core for a while looks the same, but not for so many of a hundred reads.
 */
const SLOW_READ = 1;
const SLOW_OF_HUNDRED = 5;
const READS_ELSEWHERE = 1000;

/** A range that somebody waits for. */
interface WantedRange {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly purpose: string;
  readonly resolve: () => void;
  readonly reject: (failure: unknown) => void;
}

/** Ranges that are asked for at the same time, such as neighbouring tiles, are read together where they lie together. */
class LocalFile extends RandomAccessFile {
  readonly #handle: FileHandle;
  #wanted: WantedRange[] = [];
  /** Reads that are left to other threads before one is tried in this one again. */
  #elsewhere = availableParallelism() === 1 ? 0 : Number.POSITIVE_INFINITY;
  /** Slow reads, each forgotten a little by every read after it. */
  #slow = 0;

  constructor(path: string, size: number, handle: FileHandle, error: FileError) {
    super(path, size, error);
    this.#handle = handle;
  }

  protected override fill(bytes: Uint8Array, offset: number, purpose: string): Promise<void> {
    if (bytes.length > MOST_TOGETHER) return this.#fill(bytes, offset, purpose);
    return new Promise((resolve, reject) => {
      this.#wanted.push({ bytes, offset, purpose, resolve, reject });
      if (this.#wanted.length === 1) queueMicrotask(() => this.#fillWanted());
    });
  }

  #fillWanted(): void {
    const wanted = this.#wanted.sort((one, other) => one.offset - other.offset);
    this.#wanted = [];
    for (let first = 0; first < wanted.length; ) {
      const start = wanted[first]?.offset ?? 0;
      let end = start;
      let next = first;
      // In this thread many reads cost less than memory for all.
      const most = this.#elsewhere === 0 ? 1 : wanted.length;
      for (; next < Math.min(first + most, wanted.length); next++) {
        const { offset, bytes } = must(wanted, next, "range");
        if (offset > end + SMALL_GAP || offset + bytes.length > start + MOST_TOGETHER) break;
        end = Math.max(end, offset + bytes.length);
      }
      void this.#fillTogether(wanted.slice(first, next), start, end);
      first = next;
    }
  }

  async #fillTogether(ranges: readonly WantedRange[], start: number, end: number): Promise<void> {
    const [only] = ranges;
    if (only === undefined) return;
    try {
      if (ranges.length === 1) await this.#fill(only.bytes, only.offset, only.purpose);
      else {
        const all = Buffer.allocUnsafeSlow(end - start);
        await this.#fill(all, start, only.purpose);
        for (const { bytes, offset } of ranges) {
          bytes.set(all.subarray(offset - start, offset - start + bytes.length));
        }
      }
      for (const { resolve } of ranges) resolve();
    } catch (failure) {
      for (const { reject } of ranges) reject(failure);
    }
  }

  async #fill(bytes: Uint8Array, offset: number, purpose: string): Promise<void> {
    let filled = 0;
    while (filled < bytes.length) {
      const wanted = Math.min(bytes.length - filled, LARGEST_READ);
      const bytesRead =
        this.#elsewhere === 0 && wanted <= MOST_TOGETHER
          ? this.#readHere(bytes, filled, wanted, offset + filled)
          : await this.#readElsewhere(bytes, filled, wanted, offset + filled);
      if (bytesRead === 0) {
        throw this.error("became shorter while it was read", `${purpose} at byte ${offset}`);
      }
      filled += bytesRead;
    }
  }

  #readHere(bytes: Uint8Array, at: number, length: number, offset: number): number {
    const start = performance.now();
    const bytesRead = readSync(this.#handle.fd, bytes, at, length, offset);
    this.#slow *= 0.99;
    if (performance.now() - start > SLOW_READ) this.#slow += 1;
    if (this.#slow > SLOW_OF_HUNDRED - 1) {
      this.#elsewhere = READS_ELSEWHERE;
      this.#slow = 0;
    }
    return bytesRead;
  }

  async #readElsewhere(bytes: Uint8Array, at: number, length: number, offset: number): Promise<number> {
    this.#elsewhere -= 1;
    return (await this.#handle.read(bytes, at, length, offset)).bytesRead;
  }

  override async close(): Promise<void> {
    await this.#handle.close();
  }
}
