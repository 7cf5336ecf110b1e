import { hashFile, RecentlyUsed } from "../common/index.js";
import { EmbeddingCache, hashImage, loadPatchImage, type PatchRecord } from "../dataset/index.js";
import { JoinedFeatureSource, OpenOnce } from "../method/index.js";
import {
  backbone,
  embeddedBackboneFile,
  joinedShape,
  loadBackboneWeights,
  withContext,
} from "../models/index.js";
import type { RunContext } from "../run/index.js";
import { embeddingFolder } from "./require-storage.js";

/** Features kept in memory, in bytes; a frozen backbone's are read in every epoch. */
const KEPT_BYTES = 2e9;

/**
 * Joined features of a frozen backbone, computed once for every patch and kept in the cache of embeddings. The backbone
 * is opened at the first miss, so a warm cache costs no start-up.
 */
export class PatchFeatures {
  readonly #cache: EmbeddingCache;
  readonly #backbone: string;
  readonly #fresh: OpenOnce<JoinedFeatureSource>;
  readonly #shape: ReturnType<typeof joinedShape>;
  readonly #context: readonly number[];
  readonly #kept = new RecentlyUsed<string, Float32Array>({
    limit: KEPT_BYTES,
    sizeOf: ({ byteLength }) => byteLength,
  });

  private constructor(
    cache: EmbeddingCache,
    backboneId: string,
    fresh: OpenOnce<JoinedFeatureSource>,
    shape: ReturnType<typeof joinedShape>,
    context: readonly number[],
  ) {
    this.#cache = cache;
    this.#backbone = backboneId;
    this.#fresh = fresh;
    this.#shape = shape;
    this.#context = context;
  }

  /**
   * Opens the cache that the configuration names.
   * @param side of the backbone's input in pixels; patches of another size are resized
   * @param context see `withContext`
   * @throws EpSamError `storage` when its directory cannot be used, `weights` when the backbone's are missing
   */
  static async open(
    { config, device, reporter }: RunContext,
    side: number,
    context: readonly number[],
  ): Promise<PatchFeatures> {
    const entry = backbone(config.classifier.dense.backbone);
    const shape = joinedShape(entry.levels, { width: side, height: side });
    const cache = await EmbeddingCache.open({
      directory: embeddingFolder(config),
      maximumBytes: config.cache.maximumGigabytes * 1e9,
      precision: config.cache.precision,
      elements: shape.channels * shape.width * shape.height,
      reporter,
    });
    const fresh = new OpenOnce(async () => {
      const { weights } = await loadBackboneWeights(entry);
      return JoinedFeatureSource.create(entry, weights, side, device);
    });
    const hash = await hashFile(embeddedBackboneFile(entry));
    return new PatchFeatures(cache, `${entry.name}-${side}-${hash}`, fresh, shape, context);
  }

  /** Channels with their context, cells and stride of every patch. */
  get shape(): ReturnType<typeof joinedShape> {
    return { ...this.#shape, channels: this.#shape.channels * (1 + this.#context.length) };
  }

  /** Features of a patch with their context, [channels, height, width]; read only. */
  async get(patch: Pick<PatchRecord, "id" | "imagePath" | "label">): Promise<Float32Array> {
    return withContext({ ...this.#shape, data: await this.#joined(patch) }, this.#context).data;
  }

  #joined(patch: Pick<PatchRecord, "id" | "imagePath" | "label">): Promise<Float32Array> {
    return this.#kept.load(patch.imagePath, async () => {
      const image = await loadPatchImage(patch);
      const key = { image: hashImage(image), encoder: this.#backbone, variant: 0 };
      return this.#cache.getOrCompute(key, async () => (await (await this.#fresh.get()).get(image)).data);
    });
  }

  /** Frees the backbone. */
  close(): Promise<void> {
    return this.#fresh.close();
  }
}
