import { RecentlyUsed } from "../common/index.js";
import { EmbeddingCache, hashImage, loadPatchImage } from "../dataset/index.js";
import type { RgbImage } from "../imaging/index.js";
import { OpenOnce } from "../method/index.js";
import {
  type FrozenFeaturesPlan,
  type FrozenNetwork,
  type JoinedFeatures,
  joinNetworks,
  planFrozenFeatures,
  type ShownPatch,
  withContext,
} from "../models/index.js";
import type { RunContext, TrainingConfig } from "../run/index.js";
import type { PatchImage } from "./patch-embeddings.js";
import { embeddingFolder } from "./require-storage.js";

/** What the features of a run depend on. */
export interface FeatureContext extends Pick<RunContext, "device" | "reporter"> {
  readonly config: {
    readonly cache: TrainingConfig["cache"];
    readonly classifier: { readonly dense: Pick<TrainingConfig["classifier"]["dense"], "backbone"> };
  };
}

/** Features kept in memory, in bytes; frozen networks' are read in every epoch. */
const KEPT_BYTES = 2e9;

/** A frozen network with the features of it that were computed before. */
interface CachedNetwork {
  readonly id: string;
  readonly shape: Omit<JoinedFeatures, "data">;
  readonly cache: EmbeddingCache;
  readonly fresh: OpenOnce<FrozenNetwork>;
}

/**
 * Joined features of frozen networks, computed once for every patch and kept in the cache of embeddings. A network is
 * opened at the first miss, so a warm cache costs no start-up.
 */
export class PatchFeatures {
  readonly #plan: FrozenFeaturesPlan;
  readonly #networks: readonly CachedNetwork[];
  readonly #context: readonly number[];
  readonly #hashes = new Map<string, string>();
  readonly #kept = new RecentlyUsed<string, Float32Array>({
    limit: KEPT_BYTES,
    sizeOf: ({ byteLength }) => byteLength,
  });

  private constructor(
    plan: FrozenFeaturesPlan,
    networks: readonly CachedNetwork[],
    context: readonly number[],
  ) {
    this.#plan = plan;
    this.#networks = networks;
    this.#context = context;
  }

  /**
   * Opens the cache that the configuration names.
   * @param shown how the networks see patches
   * @param context see `withContext`
   * @throws EpSamError `storage` when its directory cannot be used, `weights` when a network's are missing or others
   */
  static async open(
    { config, device, reporter }: FeatureContext,
    shown: ShownPatch,
    context: readonly number[],
  ): Promise<PatchFeatures> {
    const plan = planFrozenFeatures(config.classifier.dense.backbone, shown);
    const networks: CachedNetwork[] = [];
    for (const { shape, id, open } of plan.networks) {
      const cache = await EmbeddingCache.open({
        directory: embeddingFolder(config),
        maximumBytes: config.cache.maximumGigabytes * 1e9,
        precision: config.cache.precision,
        elements: shape.channels * shape.width * shape.height,
        reporter,
      });
      networks.push({ id: await id(), shape, cache, fresh: new OpenOnce(() => open(device)) });
    }
    return new PatchFeatures(plan, networks, context);
  }

  /** Channels with their context, cells and stride of every patch. */
  get shape(): FrozenFeaturesPlan["shape"] {
    return { ...this.#plan.shape, channels: this.#plan.shape.channels * (1 + this.#context.length) };
  }

  /** Names the networks, their weights and how patches are shown to them in the cache. */
  get networkIds(): readonly string[] {
    return this.#networks.map(({ id }) => id);
  }

  /** Whether the features of all networks are in the cache. */
  async holds(patch: PatchImage): Promise<boolean> {
    const image = this.#hashes.get(patch.imagePath) ?? hashImage(await loadPatchImage(patch));
    this.#hashes.set(patch.imagePath, image);
    for (const { id, cache } of this.#networks) {
      if (!(await cache.holds({ image, encoder: id, variant: 0 }))) return false;
    }
    return true;
  }

  /** Computes the features that the cache lacks, and keeps them there alone. */
  async keep(patch: PatchImage): Promise<void> {
    const image = await loadPatchImage(patch);
    for (const network of this.#networks) await featuresOf(network, image);
  }

  /** Features of a patch with their context, [channels, height, width]; read only. */
  async get(patch: PatchImage): Promise<Float32Array> {
    return withContext({ ...this.#plan.shape, data: await this.#joined(patch) }, this.#context).data;
  }

  #joined(patch: PatchImage): Promise<Float32Array> {
    return this.#kept.load(patch.imagePath, async () => {
      const image = await loadPatchImage(patch);
      const parts: JoinedFeatures[] = [];
      for (const network of this.#networks) parts.push(await featuresOf(network, image));
      return joinNetworks(parts, this.#plan.shape).data;
    });
  }

  /** Frees the networks. */
  async close(): Promise<void> {
    await Promise.all(this.#networks.map(({ fresh }) => fresh.close()));
  }
}

async function featuresOf(
  { id, shape, cache, fresh }: CachedNetwork,
  image: RgbImage,
): Promise<JoinedFeatures> {
  const key = { image: hashImage(image), encoder: id, variant: 0 };
  const data = await cache.getOrCompute(key, async () => (await (await fresh.get()).get(image)).data);
  return { ...shape, data };
}
