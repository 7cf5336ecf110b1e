import { EpSamError, hashBytes } from "../../common/index.js";
import type { EmbeddingEntry } from "../../contract/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { RecentlyUsed } from "./recently-used.js";
import type { SegmentationProcess } from "./segmentation-process.js";
import type { Segmenter } from "./segmenters.js";

/** Embeddings kept in memory, 4 MiB each. */
const EMBEDDING_BYTES = 256 * 2 ** 20;
/** Entries whose embeddings may have been forgotten; a few hundred bytes each. */
const ENTRIES = 4096;

/** A patch to be embedded. */
export interface EmbeddingTask {
  readonly segmenter: Segmenter;
  /** Names the pixels: slide, its version, place. */
  readonly pixels: string;
  readonly box: EmbeddingEntry["box"];
  readonly read: (signal: AbortSignal) => Promise<RgbImage>;
}

/** An embedding with what is needed to decode it. */
export interface StoredEmbedding {
  readonly entry: EmbeddingEntry;
  readonly segmenter: Segmenter;
  /** Float32 [256, 64, 64]. */
  readonly data: Float32Array;
}

interface Pending {
  readonly result: Promise<Float32Array>;
  readonly controller: AbortController;
  waiting: number;
}

/**
 * SAM's embeddings of patches, each computed once however many ask, the least recently used forgotten. Stages that
 * share an encoder share the embedding of a place.
 */
export class Embeddings {
  readonly #process: SegmentationProcess;
  readonly #data: RecentlyUsed<Float32Array>;
  readonly #entries = new RecentlyUsed<Omit<StoredEmbedding, "data"> & { readonly key: string }>(ENTRIES);
  readonly #pending = new Map<string, Pending>();

  constructor(process: SegmentationProcess, maximumBytes = EMBEDDING_BYTES) {
    this.#process = process;
    this.#data = new RecentlyUsed(maximumBytes);
  }

  /**
   * Embeds a patch, or finds its embedding. Work that nobody waits for any longer is given up.
   * @throws EpSamError as reading and encoding do; the signal's reason when aborted
   */
  async embed(task: EmbeddingTask, signal: AbortSignal): Promise<EmbeddingEntry> {
    const { segmenter, pixels, box } = task;
    const { patchSize } = segmenter.entry;
    const key = hashBytes(JSON.stringify([segmenter.encoder, pixels, box, patchSize]));
    if (this.#data.get(key) === undefined) await this.#compute(key, task, signal);
    const id = hashBytes(JSON.stringify([key, segmenter.entry.id])).slice(0, 32);
    const entry = { id, box, patchSize };
    this.#entries.set(id, { entry, segmenter, key }, 1);
    return entry;
  }

  /** @throws EpSamError `not-found` for an id that was never given or whose embedding was forgotten */
  get(id: string): StoredEmbedding {
    const known = this.#entries.get(id);
    const data = known === undefined ? undefined : this.#data.get(known.key);
    if (known !== undefined && data !== undefined) {
      return { entry: known.entry, segmenter: known.segmenter, data };
    }
    throw new EpSamError("not-found", {
      what: "this embedding is not kept any longer",
      where: id,
      action: "Click again: it is computed anew.",
    });
  }

  /** Waits together with everybody who asked for the same; the last to leave ends the work. */
  async #compute(key: string, task: EmbeddingTask, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const pending = this.#pending.get(key) ?? this.#start(key, task);
    pending.waiting += 1;
    await new Promise<void>((resolve, reject) => {
      const leave = () => {
        pending.waiting -= 1;
        if (pending.waiting === 0) pending.controller.abort(signal.reason);
        reject(signal.reason);
      };
      signal.addEventListener("abort", leave, { once: true });
      pending.result.then(() => resolve(), reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }

  #start(key: string, { segmenter, read }: EmbeddingTask): Pending {
    const controller = new AbortController();
    const work = async () => {
      try {
        const image = await read(controller.signal);
        const { source } = segmenter;
        const data = await this.#process.run({ kind: "embed", segmenter: source, image }, controller.signal);
        this.#data.set(key, data, data.byteLength);
        return data;
      } finally {
        this.#pending.delete(key);
      }
    };
    const pending = { result: work(), controller, waiting: 0 };
    this.#pending.set(key, pending);
    return pending;
  }
}
