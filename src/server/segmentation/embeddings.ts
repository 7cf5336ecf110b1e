import { EpSamError, hashBytes, RecentlyUsed } from "../../common/index.js";
import type { EmbeddingEntry } from "../../contract/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { SharedWork } from "../shared-work.js";
import type { SegmentationProcess } from "./segmentation-process.js";
import type { SlideSegmenter } from "./segmenters.js";

/** Embeddings and maps kept in memory, 4 MiB and 256 KiB each. */
const KEPT_BYTES = 256 * 2 ** 20;
/** Entries whose embeddings may have been forgotten; a few hundred bytes each. */
const ENTRIES = 4096;

export interface EmbeddingTask {
  readonly segmenter: SlideSegmenter;
  /** Names the pixels: slide, its version, place. */
  readonly pixels: string;
  readonly box: EmbeddingEntry["box"];
  /** Reads the patch, at any later time too. */
  readonly read: (signal: AbortSignal) => Promise<RgbImage>;
}

export interface OpenedPatch extends Pick<EmbeddingTask, "segmenter" | "read"> {
  readonly entry: EmbeddingEntry;
  /** Names what is computed of it. */
  readonly key: string;
}

/**
 * SAM's embeddings of patches, and runs' maps of them, each computed once however many ask, the least recently used
 * forgotten. Stages that share an encoder share the embedding of a place. Where a run's map answers clicks the
 * embedding is computed when it is asked for.
 */
export class Embeddings {
  readonly #process: SegmentationProcess;
  readonly #data: SharedWork<Float32Array>;
  readonly #patches = new RecentlyUsed<string, OpenedPatch>({ limit: ENTRIES });

  constructor(process: SegmentationProcess, maximumBytes = KEPT_BYTES) {
    this.#process = process;
    this.#data = new SharedWork(maximumBytes, ({ byteLength }) => byteLength);
  }

  /**
   * Computes what answers a click on a patch, or finds it. Work that nobody waits for any longer is given up.
   * @throws EpSamError as reading and encoding do; the signal's reason when aborted
   */
  async embed({ segmenter, pixels, box, read }: EmbeddingTask, signal: AbortSignal): Promise<EmbeddingEntry> {
    const { entry: of, encoder, hasMap } = segmenter;
    const key = hashBytes(JSON.stringify([encoder, pixels, box, of.patchSize]));
    const id = hashBytes(JSON.stringify([key, of.id])).slice(0, 32);
    const entry = { id, box, patchSize: of.patchSize, hasMap };
    const patch = { entry, segmenter, read, key };
    await (hasMap ? this.map(patch, signal) : this.embedding(patch, signal));
    this.#patches.set(id, patch);
    return entry;
  }

  /** @throws EpSamError `not-found` for an id that was never given or is forgotten */
  get(id: string): OpenedPatch {
    const known = this.#patches.get(id);
    if (known !== undefined) return known;
    throw new EpSamError("not-found", {
      what: "this embedding is not kept any longer",
      where: id,
      action: "Click again: it is computed anew.",
    });
  }

  /** Float32 [256, 64, 64]. */
  embedding(patch: OpenedPatch, signal: AbortSignal): Promise<Float32Array> {
    return this.#compute("embed", patch, signal);
  }

  /** Logits, float32 [256, 256]; for segmenters that have a map. */
  map(patch: OpenedPatch, signal: AbortSignal): Promise<Float32Array> {
    return this.#compute("map", patch, signal);
  }

  #compute(
    kind: "embed" | "map",
    { key, segmenter: { source }, read }: OpenedPatch,
    signal: AbortSignal,
  ): Promise<Float32Array> {
    return this.#data.get(`${kind} ${key}`, signal, async (shared) =>
      this.#process.run({ kind, segmenter: source, image: await read(shared) }, shared),
    );
  }
}
