import { EpSamError, hashBytes, RecentlyUsed } from "../../common/index.js";
import type { EmbeddingEntry } from "../../contract/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { SharedWork } from "../shared-work.js";
import type { SegmentationProcess } from "./segmentation-process.js";
import type { SlideSegmenter } from "./segmenters.js";

/** Embeddings kept in memory, 4 MiB each. */
const EMBEDDING_BYTES = 256 * 2 ** 20;
/** Entries whose embeddings may have been forgotten; a few hundred bytes each. */
const ENTRIES = 4096;

/** A patch to be embedded. */
export interface EmbeddingTask {
  readonly segmenter: SlideSegmenter;
  /** Names the pixels: slide, its version, place. */
  readonly pixels: string;
  readonly box: EmbeddingEntry["box"];
  readonly read: (signal: AbortSignal) => Promise<RgbImage>;
}

/** An embedding with what is needed to decode it. */
export interface StoredEmbedding {
  readonly entry: EmbeddingEntry;
  readonly segmenter: SlideSegmenter;
  /** Float32 [256, 64, 64]. */
  readonly data: Float32Array;
}

/**
 * SAM's embeddings of patches, each computed once however many ask, the least recently used forgotten. Stages that
 * share an encoder share the embedding of a place.
 */
export class Embeddings {
  readonly #process: SegmentationProcess;
  readonly #data: SharedWork<Float32Array>;
  readonly #entries = new RecentlyUsed<string, Omit<StoredEmbedding, "data"> & { readonly key: string }>({
    limit: ENTRIES,
  });

  constructor(process: SegmentationProcess, maximumBytes = EMBEDDING_BYTES) {
    this.#process = process;
    this.#data = new SharedWork(maximumBytes, ({ byteLength }) => byteLength);
  }

  /**
   * Embeds a patch, or finds its embedding. Work that nobody waits for any longer is given up.
   * @throws EpSamError as reading and encoding do; the signal's reason when aborted
   */
  async embed(task: EmbeddingTask, signal: AbortSignal): Promise<EmbeddingEntry> {
    const { segmenter, pixels, box, read } = task;
    const { patchSize } = segmenter.entry;
    const key = hashBytes(JSON.stringify([segmenter.encoder, pixels, box, patchSize]));
    await this.#data.get(key, signal, async (shared) => {
      const image = await read(shared);
      return this.#process.run({ kind: "embed", segmenter: segmenter.source, image }, shared);
    });
    const id = hashBytes(JSON.stringify([key, segmenter.entry.id])).slice(0, 32);
    const entry = { id, box, patchSize };
    this.#entries.set(id, { entry, segmenter, key });
    return entry;
  }

  /** @throws EpSamError `not-found` for an id that was never given or whose embedding was forgotten */
  get(id: string): StoredEmbedding {
    const known = this.#entries.get(id);
    const data = known === undefined ? undefined : this.#data.kept(known.key);
    if (known !== undefined && data !== undefined) {
      return { entry: known.entry, segmenter: known.segmenter, data };
    }
    throw new EpSamError("not-found", {
      what: "this embedding is not kept any longer",
      where: id,
      action: "Click again: it is computed anew.",
    });
  }
}
