import { createHash } from "node:crypto";
import { rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import {
  EpSamError,
  exists,
  isEpSamError,
  messageOf,
  type Reporter,
  silentReporter,
  writeFileAtomically,
} from "../common/index.js";
import type { RgbImage } from "../imaging/index.js";
import { DirectoryIndex, LOW_WATER } from "./directory-index.js";
import {
  type EmbeddingPrecision,
  encodeEmbedding,
  fileBytes,
  readEmbedding,
  roundToPrecision,
} from "./embedding-file.js";

/** Values of one SAM image embedding: 256 channels × 64 × 64. */
export const EMBEDDING_ELEMENTS = 256 * 64 * 64;

/** What an embedding depends on. */
export interface EmbeddingKey {
  /** {@link hashImage} of the image before the variant is applied. */
  readonly image: string;
  /** Names the encoder and its weights, for example the SHA-256 of the weights. */
  readonly encoder: string;
  /** One of the eight flips and right-angle rotations, 0–7; 0 is the image itself. */
  readonly variant: number;
}

export interface EmbeddingCacheOptions {
  readonly directory: string;
  /** The files together never exceed this; 0 keeps nothing. */
  readonly maximumBytes: number;
  readonly precision: EmbeddingPrecision;
  /** Values per embedding, {@link EMBEDDING_ELEMENTS} unless told. */
  readonly elements?: number;
  readonly reporter?: Reporter;
  /** The encoder's name in messages; that of the key unless told. */
  readonly encoderName?: string;
}

export interface EmbeddingCacheStatistics {
  readonly hits: number;
  readonly misses: number;
  readonly writes: number;
  readonly evictions: number;
  readonly damaged: number;
  readonly entries: number;
  readonly bytes: number;
}

/** SHA-256, in hexadecimal, of an image's size and decoded pixels, so that re-encoding a file changes nothing. */
export function hashImage(image: RgbImage): string {
  return createHash("sha256")
    .update(`rgb8 ${image.width}x${image.height}\n`)
    .update(image.data)
    .digest("hex");
}

/** Bytes of embeddings used last that stay, whatever older ones lie in a cache of this bound. */
export function bytesThatStay(maximumBytes: number): number {
  return maximumBytes * LOW_WATER;
}

/**
 * Embeddings of a frozen image encoder on disk, one file each, at most `maximumBytes` in all; the least recently
 * used go first. The time of last use is the file's modification time, so the order survives restarts.
 *
 * Entries are read with `read` into ordinary memory: the operating system's page cache plays the part of a
 * memory map, which Node does not offer. Several processes may share a directory: files appear by renaming, and
 * each process rescans before it evicts; while others write too, the bound can be exceeded by what they added
 * since the last scan, a sixteenth of it at most per process.
 */
export class EmbeddingCache {
  readonly #options: Required<EmbeddingCacheOptions>;
  readonly #index: DirectoryIndex;
  readonly #pending = new Map<string, Promise<Float32Array>>();
  #warnedOfStorage = false;
  #hits = 0;
  #misses = 0;
  #writes = 0;
  #damaged = 0;

  private constructor(options: Required<EmbeddingCacheOptions>, index: DirectoryIndex) {
    this.#options = options;
    this.#index = index;
  }

  /**
   * Opens or creates a cache and evicts what exceeds `maximumBytes`.
   * @throws EpSamError `storage` when the directory cannot be created or read.
   */
  static async open(options: EmbeddingCacheOptions): Promise<EmbeddingCache> {
    const complete = { elements: EMBEDDING_ELEMENTS, reporter: silentReporter, encoderName: "", ...options };
    const index = await DirectoryIndex.open(options.directory, options.maximumBytes);
    return new EmbeddingCache(complete, index);
  }

  /**
   * The embedding of `key`, row-major [256, 64, 64], or undefined when it is not kept. A damaged entry is
   * deleted with a warning and counts as absent.
   * @param into filled and returned when given, and left undefined in content on a miss.
   * @throws EpSamError `storage` when a file that is there cannot be read.
   */
  async get(key: EmbeddingKey, into?: Float32Array): Promise<Float32Array | undefined> {
    const name = fileName(key, this.#options.precision);
    const path = join(this.#options.directory, name);
    const read = await this.#read(path, this.#destination(into));
    if (read.kind === "found") {
      this.#hits++;
      await this.#markUsed(name, path);
      return read.data;
    }
    this.#misses++;
    this.#index.forget(name);
    if (read.kind === "damaged") {
      this.#damaged++;
      this.#options.reporter.warn(
        `${path}: damaged embedding (${read.reason}); deleted, it is computed again.`,
      );
      await rm(path, { force: true });
    }
    return undefined;
  }

  /**
   * Whether an embedding is kept, by its file's size alone; one that is counts as used.
   * @throws EpSamError `storage` when it cannot be told
   */
  async holds(key: EmbeddingKey): Promise<boolean> {
    const { precision, directory, elements } = this.#options;
    const name = fileName(key, precision);
    const path = join(directory, name);
    if (!(await exists(path)) || (await sizeOf(path)) !== fileBytes(elements, precision)) return false;
    await this.#markUsed(name, path);
    return true;
  }

  /**
   * Keeps an embedding. When the disk is full or the entry is larger than the whole cache it is not kept; the
   * first time that happens the reporter is warned.
   * @returns whether it was kept.
   */
  async put(key: EmbeddingKey, data: Float32Array): Promise<boolean> {
    const { precision, directory, maximumBytes } = this.#options;
    this.#checkLength(data);
    const name = fileName(key, precision);
    const bytes = fileBytes(data.length, precision);
    if (bytes > maximumBytes) {
      this.#warnOnce(`one embedding takes ${bytes} bytes and the cache may hold ${maximumBytes}`);
      return false;
    }
    try {
      if (!(await this.#index.makeRoom(name, bytes))) return false;
      const path = join(directory, name);
      await writeFileAtomically(path, encodeEmbedding(data, precision));
      // The file system's own time may be coarser than, or ahead of, the times of use that are compared with it.
      await this.#markUsed(name, path);
    } catch (failure) {
      this.#index.forget(name);
      if (!isEpSamError(failure, "storage")) throw failure;
      this.#warnOnce(failure.fields.why ?? failure.message);
      return false;
    }
    this.#index.written(name);
    this.#writes++;
    return true;
  }

  /**
   * The kept embedding, or the result of `compute`, which is then kept. Simultaneous calls for one key compute
   * once. The result is rounded to the cache's precision whether it was computed or read, so that a resumed run
   * sees the numbers of an uninterrupted one. Callers must not modify it.
   */
  async getOrCompute(key: EmbeddingKey, compute: () => Promise<Float32Array>): Promise<Float32Array> {
    const name = fileName(key, this.#options.precision);
    const pending = this.#pending.get(name);
    if (pending !== undefined) return pending;
    const result = this.#readOrCompute(key, compute).finally(() => this.#pending.delete(name));
    this.#pending.set(name, result);
    return result;
  }

  get statistics(): EmbeddingCacheStatistics {
    const { evictions, entries, bytes } = this.#index;
    const [hits, misses, writes, damaged] = [this.#hits, this.#misses, this.#writes, this.#damaged];
    return { hits, misses, writes, evictions, damaged, entries, bytes };
  }

  async #readOrCompute(key: EmbeddingKey, compute: () => Promise<Float32Array>): Promise<Float32Array> {
    const kept = await this.get(key);
    if (kept !== undefined) return kept;
    const computed = await compute();
    this.#checkLength(computed);
    const rounded = computed.slice();
    roundToPrecision(rounded, this.#options.precision);
    this.#requireKept(computed, rounded, key);
    await this.put(key, rounded);
    return rounded;
  }

  /** What half precision makes infinite would train on as NaN. */
  #requireKept(computed: Float32Array, rounded: Float32Array, { encoder }: EmbeddingKey): void {
    for (let index = 0; index < rounded.length; index++) {
      if (Number.isFinite(rounded[index]) || !Number.isFinite(computed[index])) continue;
      throw new EpSamError("numerical", {
        what: `gives the value ${computed[index]}, which half precision cannot hold`,
        where: this.#options.encoderName || encoder,
        why: "the cache of features keeps numbers up to 65504",
        action: "Set cache.precision to float32, which takes twice the disk.",
      });
    }
  }

  #destination(into: Float32Array | undefined): Float32Array {
    if (into === undefined) return new Float32Array(this.#options.elements);
    this.#checkLength(into);
    return into;
  }

  async #read(path: string, into: Float32Array): ReturnType<typeof readEmbedding> {
    try {
      return await readEmbedding(path, this.#options.precision, into);
    } catch (cause) {
      throw unreadable(path, cause);
    }
  }

  /** Another process may have evicted the file since it was read, or own it: neither stops the job. */
  async #markUsed(name: string, path: string): Promise<void> {
    const seconds = this.#index.touch(name, fileBytes(this.#options.elements, this.#options.precision));
    try {
      await utimes(path, seconds, seconds);
    } catch (failure) {
      this.#index.forget(name);
      this.#options.reporter.note(`${path}: time of use not recorded (${messageOf(failure)})`);
    }
  }

  #checkLength(data: Float32Array): void {
    if (data.length === this.#options.elements) return;
    throw new EpSamError("internal", {
      what: `an embedding of ${data.length} values does not fit a cache of ${this.#options.elements} values each`,
      where: this.#options.directory,
    });
  }

  #warnOnce(reason: string): void {
    if (this.#warnedOfStorage) return;
    this.#warnedOfStorage = true;
    this.#options.reporter.warn(
      `${this.#options.directory}: embeddings are used but not kept (${reason}); later epochs encode them again.`,
    );
  }
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): EpSamError {
  const fields = { what: "the cached embedding cannot be read", where: path, why: messageOf(cause) };
  const action = "Check its permissions, or delete the cache directory: embeddings are computed again.";
  return new EpSamError("storage", { ...fields, action }, { cause });
}

/** `<encoder>/<first two digits>/<image>-v<variant>.<precision>` below the cache directory. */
function fileName(key: EmbeddingKey, precision: EmbeddingPrecision): string {
  const safe = /^[A-Za-z0-9][A-Za-z0-9._-]{1,150}$/;
  const validVariant = Number.isInteger(key.variant) && key.variant >= 0 && key.variant <= 7;
  if (!safe.test(key.image) || !safe.test(key.encoder) || !validVariant) {
    throw new EpSamError("internal", {
      what: "an embedding key needs plain names and a variant from 0 to 7",
      where: JSON.stringify(key),
    });
  }
  return join(key.encoder, key.image.slice(0, 2), `${key.image}-v${key.variant}.${precision}`);
}
