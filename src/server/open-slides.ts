import { realpath } from "node:fs/promises";
import { EpSamError, hashBytes, isRemotePath } from "../common/index.js";
import { openSlide, type PixelSource, slideFileVersion } from "../slides/index.js";

/** Slides that are kept open when nobody reads them; each holds a file and its index. */
const DEFAULT_LIMIT = 12;
/** Bytes of those that hold all their pixels, as plain images do. */
const DEFAULT_HELD_BYTES = 2 ** 29;

interface OpenEntry {
  readonly path: string;
  /** Size and time of change when it was opened. */
  readonly version: string;
  readonly source: Promise<PixelSource>;
  users: number;
  /** What it holds in memory; 0 until it is open. */
  heldBytes: number;
  /** True once it has left the list: whoever uses it last closes it. */
  dropped: boolean;
}

/** A file's size and time of change, or version on its server, as a text that differs when the file does. */
export async function fileVersion(path: string): Promise<string> {
  const { size, changed, served } = await slideFileVersion(path);
  const version = changed === null ? hashBytes(`${served}`).slice(0, 16) : Math.round(changed).toString(36);
  return `${size.toString(36)}-${version}`;
}

/** Bytes of a slide's file; null for one that is gone, which opening it tells. */
export function bytesOf(path: string): Promise<number | null> {
  return slideFileVersion(path).then(
    ({ size }) => size,
    () => null,
  );
}

export interface OpenSlidesOptions {
  /** How many are kept open. */
  readonly limit?: number | undefined;
  /** Bytes of pixels that those kept open may hold. */
  readonly heldBytes?: number | undefined;
  readonly open?: ((path: string) => Promise<PixelSource>) | undefined;
}

/** Open slides and rasters; the least recently used ones are closed, and files that changed are opened again. */
export class OpenSlides {
  readonly #entries = new Map<string, OpenEntry>();
  readonly #limit: number;
  readonly #heldLimit: number;
  readonly #open: (path: string) => Promise<PixelSource>;

  constructor(options: OpenSlidesOptions = {}) {
    this.#limit = options.limit ?? DEFAULT_LIMIT;
    this.#heldLimit = options.heldBytes ?? DEFAULT_HELD_BYTES;
    this.#open = options.open ?? openUnmoved;
  }

  /** How many are open, in use or not. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Calls `task` with the open slide, which stays open until it ends.
   * @throws EpSamError `slide` when it cannot be opened; what the task throws
   */
  async use<Result>(
    path: string,
    task: (source: PixelSource, version: string) => Promise<Result>,
  ): Promise<Result> {
    const version = await versionOrAbsent(path);
    const { entry, outdated } = this.#acquire(path, version);
    try {
      if (outdated !== null) await closeSource(outdated);
      const source = await entry.source;
      entry.heldBytes = source.heldBytes ?? 0;
      await Promise.all(this.#takeExcess().map(closeSource));
      return await task(source, version);
    } finally {
      entry.users -= 1;
      if (entry.dropped && entry.users === 0) await closeSource(entry);
    }
  }

  /** Closes everything; reads under way end with an error. */
  async close(): Promise<void> {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    await Promise.all(entries.map(closeSource));
  }

  /** The entry of a path, in use from now on; without any waiting in between, so that nobody closes it meanwhile. */
  #acquire(
    path: string,
    version: string,
  ): { readonly entry: OpenEntry; readonly outdated: OpenEntry | null } {
    const held = this.#entries.get(path);
    this.#entries.delete(path);
    const isCurrent = held?.version === version;
    const entry = held !== undefined && isCurrent ? held : this.#begin(path, version);
    entry.users += 1;
    this.#entries.set(path, entry);
    const outdated = held !== undefined && !isCurrent && this.#drop(held) ? held : null;
    return { entry, outdated };
  }

  #begin(path: string, version: string): OpenEntry {
    const source = this.#open(path);
    const entry: OpenEntry = { path, version, source, users: 0, heldBytes: 0, dropped: false };
    // A failure is not kept: the file may be repaired.
    source.catch(() => this.#forget(entry));
    return entry;
  }

  /** Takes the least recently used ones that nobody uses out of the list, as many as are too many. */
  #takeExcess(): OpenEntry[] {
    const excess: OpenEntry[] = [];
    let heldBytes = [...this.#entries.values()].reduce((sum, entry) => sum + entry.heldBytes, 0);
    for (const entry of [...this.#entries.values()]) {
      if (this.#entries.size <= this.#limit && heldBytes <= this.#heldLimit) break;
      if (entry.users > 0) continue;
      this.#entries.delete(entry.path);
      heldBytes -= entry.heldBytes;
      if (this.#drop(entry)) excess.push(entry);
    }
    return excess;
  }

  #forget(entry: OpenEntry): void {
    if (this.#entries.get(entry.path) === entry) this.#entries.delete(entry.path);
  }

  /** @returns whether it can be closed now; otherwise its last user does */
  #drop(entry: OpenEntry): boolean {
    entry.dropped = true;
    return entry.users === 0;
  }
}

/** Opens what lay at a path when the workspace was filled: a link that took its place leads somewhere else. */
async function openUnmoved(path: string): Promise<PixelSource> {
  if (isRemotePath(path) || (await realpath(path).catch(() => path)) === path) return openSlide(path);
  throw new EpSamError("forbidden", {
    where: path,
    what: "has become a link to another place",
    action: "Give that place itself to `epsam view`.",
  });
}

/** A file that is gone is reported by opening it. */
async function versionOrAbsent(path: string): Promise<string> {
  return fileVersion(path).catch(() => "absent");
}

async function closeSource({ source }: OpenEntry): Promise<void> {
  const opened = await source.then(
    (value) => value,
    () => null,
  );
  await opened?.close();
}
