import { addressOf, EpSamError, RecentlyUsed, WorkQueue } from "../../common/index.js";
import { BLOCK_BYTES, blocksToRanges } from "./blocks.js";
import { BucketSource } from "./bucket-source.js";
import { type DiskBlocks, openDiskBlocks } from "./disk-cache.js";
import type { RangeSource, RemoteVersion } from "./range-source.js";
import { readRange } from "./read-range.js";
import { remoteSettings } from "./settings.js";
import { WebSource } from "./web-source.js";

/** Read of a file before anything is known of it: enough for many a TIFF's directory. */
const FIRST_BYTES = 32 * 2 ** 10;
/** Bytes of all remote files together that stay in memory. */
const MEMORY_BYTES = 64 * 2 ** 20;
/** Requests of this process that are under way at the same time. */
const REQUESTS_AT_ONCE = 16;

const requests = new WorkQueue({ running: REQUESTS_AT_ONCE });
const memory = new RecentlyUsed<string, Uint8Array>({
  limit: MEMORY_BYTES,
  sizeOf: ({ length }) => length + 128,
});

interface Waiting {
  resolve(block: Uint8Array): void;
  reject(cause: unknown): void;
}

/**
 * One file on a server, as this process knows it: the version that was met first is the only one that is ever read. What
 * is wanted at the same time comes in as few requests as it lies together.
 */
export class RemoteObject {
  readonly path: string;
  readonly version: RemoteVersion;
  readonly #source: RangeSource;
  readonly #disk: DiskBlocks | null;
  #wanted = new Map<number, Waiting>();
  /** Blocks that are wanted or under way. */
  readonly #coming = new Set<number>();
  #users = 0;
  #requests = new AbortController();

  private constructor(path: string, source: RangeSource, version: RemoteVersion, disk: DiskBlocks | null) {
    this.path = path;
    this.#source = source;
    this.version = version;
    this.#disk = disk;
  }

  /** @throws what `readRange()` throws */
  static async begin(path: string): Promise<RemoteObject> {
    const source: RangeSource = path.startsWith("s3:")
      ? new BucketSource(path)
      : new WebSource(addressOf(path));
    const { patience } = remoteSettings();
    const { signal } = new AbortController();
    const request = { path, source, first: 0, length: FIRST_BYTES, version: null, patience, signal };
    const { bytes, version } = await requests.run(undefined, () => readRange(request));
    const object = new RemoteObject(path, source, version, await openDiskBlocks(path, version));
    object.#keep(0, bytes);
    return object;
  }

  /** Says that somebody reads it from now on. */
  acquire(): void {
    this.#users += 1;
    if (this.#requests.signal.aborted) this.#requests = new AbortController();
  }

  /** Says that somebody does not read it any more; the last one's requests end. */
  async release(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#requests.abort(new EpSamError("usage", { where: this.path, what: "was closed while it was read" }));
    // Who opens the file again does not wait for requests that have ended.
    for (const index of this.#coming) memory.delete(this.#key(index));
    await this.#disk?.rest();
  }

  /** The blocks from one to another, both included. */
  blocks(first: number, last: number): Promise<Uint8Array[]> {
    return Promise.all(Array.from({ length: last - first + 1 }, (_, index) => this.#block(first + index)));
  }

  #block(index: number): Promise<Uint8Array> {
    return memory.load(this.#key(index), () => {
      this.#coming.add(index);
      const block = new Promise<Uint8Array>((resolve, reject) => {
        this.#wanted.set(index, { resolve, reject });
        // Whatever else is wanted in this turn of the event loop goes into the same requests.
        if (this.#wanted.size === 1) setImmediate(() => void this.#fetchWanted());
      });
      return block.finally(() => this.#coming.delete(index));
    });
  }

  async #fetchWanted(): Promise<void> {
    const wanted = this.#wanted;
    this.#wanted = new Map();
    try {
      for (const [index, block] of (await this.#disk?.read([...wanted.keys()])) ?? []) {
        wanted.get(index)?.resolve(block);
        wanted.delete(index);
      }
    } catch (cause) {
      for (const { reject } of wanted.values()) reject(cause);
      return;
    }
    await Promise.all(
      blocksToRanges([...wanted.keys()]).map(({ first, last }) => this.#fetch(first, last, wanted)),
    );
  }

  async #fetch(first: number, last: number, wanted: ReadonlyMap<number, Waiting>): Promise<void> {
    const indexes = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    try {
      const { bytes } = await requests.run(undefined, () =>
        readRange({
          path: this.path,
          source: this.#source,
          first: first * BLOCK_BYTES,
          length: indexes.length * BLOCK_BYTES,
          version: this.version,
          patience: remoteSettings().patience,
          signal: this.#requests.signal,
        }),
      );
      await this.#disk?.write(first, bytes);
      for (const index of indexes) {
        const start = (index - first) * BLOCK_BYTES;
        // A copy, so that one block in use does not hold the memory of all.
        const block = bytes.slice(start, start + BLOCK_BYTES);
        const waiting = wanted.get(index);
        if (waiting === undefined) memory.set(this.#key(index), block);
        else waiting.resolve(block);
      }
    } catch (cause) {
      for (const index of indexes) wanted.get(index)?.reject(cause);
    }
  }

  #keep(first: number, bytes: Uint8Array): void {
    for (let start = 0; start < bytes.length; start += BLOCK_BYTES) {
      const index = first + start / BLOCK_BYTES;
      memory.set(this.#key(index), bytes.slice(start, start + BLOCK_BYTES));
    }
  }

  #key(index: number): string {
    return `${index} ${this.path}`;
  }
}
