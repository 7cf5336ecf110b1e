import { realpath, stat } from "node:fs/promises";
import { EpSamError } from "../common/index.js";
import { openSlide, type PixelSource } from "../slides/index.js";

/** Slides that are kept open when nobody reads them; each holds a file and its index. */
const DEFAULT_LIMIT = 12;

interface OpenEntry {
  readonly path: string;
  /** Size and time of change when it was opened. */
  readonly version: string;
  readonly source: Promise<PixelSource>;
  users: number;
  /** True once it has left the list: whoever uses it last closes it. */
  dropped: boolean;
}

/** A file's size and time of change, as a text that differs when the file does. */
export async function fileVersion(path: string): Promise<string> {
  const { size, mtimeMs } = await stat(path);
  return `${size.toString(36)}-${Math.round(mtimeMs).toString(36)}`;
}

/** Open slides and rasters; the least recently used ones are closed, and files that changed are opened again. */
export class OpenSlides {
  readonly #entries = new Map<string, OpenEntry>();
  readonly #limit: number;
  readonly #open: (path: string) => Promise<PixelSource>;

  constructor(options: { limit?: number; open?: (path: string) => Promise<PixelSource> } = {}) {
    this.#limit = options.limit ?? DEFAULT_LIMIT;
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
    const entry = await this.#entry(path);
    entry.users += 1;
    try {
      return await task(await entry.source, entry.version);
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

  async #entry(path: string): Promise<OpenEntry> {
    const version = await versionOrAbsent(path);
    const held = this.#entries.get(path);
    if (held !== undefined) {
      this.#entries.delete(path);
      if (held.version === version) {
        this.#entries.set(path, held);
        return held;
      }
      await this.#drop(held);
    }
    const entry: OpenEntry = { path, version, source: this.#open(path), users: 0, dropped: false };
    // A failure is not kept: the file may be repaired.
    entry.source.catch(() => this.#forget(entry));
    this.#entries.set(path, entry);
    await this.#shrink();
    return entry;
  }

  async #shrink(): Promise<void> {
    for (const entry of [...this.#entries.values()]) {
      if (this.#entries.size <= this.#limit) return;
      if (entry.users > 0) continue;
      // The newest is what is wanted now.
      if (entry === [...this.#entries.values()].at(-1)) return;
      this.#entries.delete(entry.path);
      await this.#drop(entry);
    }
  }

  #forget(entry: OpenEntry): void {
    if (this.#entries.get(entry.path) === entry) this.#entries.delete(entry.path);
  }

  async #drop(entry: OpenEntry): Promise<void> {
    entry.dropped = true;
    if (entry.users === 0) await closeSource(entry);
  }
}

/** Opens what lay at a path when the workspace was filled: a link that took its place leads somewhere else. */
async function openUnmoved(path: string): Promise<PixelSource> {
  if ((await realpath(path).catch(() => path)) === path) return openSlide(path);
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
