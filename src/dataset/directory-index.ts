import type { Stats } from "node:fs";
import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { EpSamError, messageOf } from "../common/index.js";

interface Entry {
  readonly bytes: number;
  /** Seconds since 1970, never equal for two entries of this process. */
  readonly lastUse: number;
}

const STALE_TEMPORARY_SECONDS = 3600;
/** Eviction goes on to this part of the maximum, so that it (and its scan) does not run at every write. */
export const LOW_WATER = 0.9;
/** Other processes' files are noticed after writing this part of the maximum. */
const RESCAN_PART = 1 / 16;

/** Sizes and times of use of the files below a directory, and the eviction that keeps them below a bound. */
export class DirectoryIndex {
  readonly #directory: string;
  readonly #maximumBytes: number;
  #entries = new Map<string, Entry>();
  /** Counted, but perhaps not on the disk yet. */
  readonly #writing = new Set<string>();
  #bytes = 0;
  #writtenSinceScan = 0;
  #lastTime = 0;
  #evictions = 0;
  #turn: Promise<void> = Promise.resolve();

  private constructor(directory: string, maximumBytes: number) {
    this.#directory = directory;
    this.#maximumBytes = maximumBytes;
  }

  /** Creates the directory when it is not there, and evicts what exceeds the bound. */
  static async open(directory: string, maximumBytes: number): Promise<DirectoryIndex> {
    const index = new DirectoryIndex(directory, maximumBytes);
    try {
      await mkdir(directory, { recursive: true });
      await index.#scan();
      if (index.#bytes > maximumBytes) await index.#evictTo(maximumBytes);
    } catch (cause) {
      throw directoryError(directory, cause);
    }
    return index;
  }

  get entries(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get evictions(): number {
    return this.#evictions;
  }

  /**
   * Counts `bytes` for a file about to be written, evicting older ones where the bound demands it. The caller
   * ends with {@link written} or {@link forget}.
   * @returns false when there is no room even so, because all the rest is being written.
   * @throws EpSamError `storage` when the directory cannot be listed.
   */
  async makeRoom(name: string, bytes: number): Promise<boolean> {
    const mine = this.#turn.then(() => this.#reserve(name, bytes));
    // The next turn waits for this one to end, well or not; its failure goes to this caller.
    this.#turn = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  }

  /** The file that room was made for is on the disk. */
  written(name: string): void {
    this.#writing.delete(name);
  }

  async #reserve(name: string, bytes: number): Promise<boolean> {
    try {
      this.forget(name);
      if (this.#writtenSinceScan + bytes > this.#maximumBytes * RESCAN_PART) await this.#scan();
      if (this.#bytes + bytes > this.#maximumBytes)
        await this.#evictTo(this.#maximumBytes * LOW_WATER - bytes);
    } catch (cause) {
      throw directoryError(this.#directory, cause);
    }
    if (this.#bytes + bytes > this.#maximumBytes) return false;
    this.#writtenSinceScan += bytes;
    this.touch(name, bytes);
    this.#writing.add(name);
    return true;
  }

  /** Records a use of a file now. @returns the time recorded, in seconds since 1970. */
  touch(name: string, bytes: number): number {
    this.#uncount(name);
    // Strictly increasing, a microsecond at least apart: the order of use is the order of times.
    this.#lastTime = Math.max(Date.now() / 1000, this.#lastTime + 1e-6);
    this.#entries.set(name, { bytes, lastUse: this.#lastTime });
    this.#bytes += bytes;
    return this.#lastTime;
  }

  /** The file is gone. */
  forget(name: string): void {
    this.#writing.delete(name);
    this.#uncount(name);
  }

  #uncount(name: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    this.#entries.delete(name);
    this.#bytes -= entry.bytes;
  }

  /** Reads the directory anew: other processes write and evict too. Files being written keep their reservation. */
  async #scan(): Promise<void> {
    const found = new Map<string, Entry>();
    const names = await readdir(this.#directory, { recursive: true });
    for (const name of names) {
      const path = join(this.#directory, name);
      const information = await statIfPresent(path);
      if (information?.isFile() !== true) continue;
      const lastUse = information.mtimeMs / 1000;
      if (name.endsWith(".tmp")) await removeIfStale(path, lastUse);
      else found.set(name, { bytes: information.size, lastUse });
    }
    this.#merge(found);
    this.#writtenSinceScan = 0;
  }

  #merge(found: Map<string, Entry>): void {
    for (const [name, entry] of this.#entries) {
      const onDisk = found.get(name);
      if (onDisk === undefined ? this.#writing.has(name) : entry.lastUse > onDisk.lastUse)
        found.set(name, entry);
    }
    this.#entries = found;
    this.#bytes = 0;
    for (const entry of found.values()) this.#bytes += entry.bytes;
  }

  async #evictTo(bytes: number): Promise<void> {
    const oldestFirst = [...this.#entries].sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [name] of oldestFirst) {
      if (this.#bytes <= bytes) return;
      if (this.#writing.has(name)) continue;
      await rm(join(this.#directory, name), { force: true });
      this.forget(name);
      this.#evictions++;
    }
  }
}

async function statIfPresent(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (cause) {
    // Evicted or renamed by another process between listing and looking.
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    throw cause;
  }
}

/** Temporary files are left behind only by a killed process; younger ones may be another's, being written. */
async function removeIfStale(path: string, modified: number): Promise<void> {
  if (modified < Date.now() / 1000 - STALE_TEMPORARY_SECONDS) await rm(path, { force: true });
}

function directoryError(directory: string, cause: unknown): EpSamError {
  return new EpSamError(
    "storage",
    {
      what: "cannot be used as a cache directory",
      where: directory,
      why: messageOf(cause),
      action: "Choose a directory that can be created, read and written.",
    },
    { cause },
  );
}
