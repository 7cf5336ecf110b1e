import { mapConcurrently, must, RecentlyUsed } from "../common/index.js";
import { EmbeddingCache, hashImage, loadPatchImage } from "../dataset/index.js";
import type { Device } from "../graph/index.js";
import type { RgbImage } from "../imaging/index.js";
import { OpenOnce } from "../method/index.js";
import {
  type FrozenFeaturesPlan,
  type FrozenNetwork,
  type FrozenNetworkPlan,
  isBackbone,
  type JoinedFeatures,
  joinNetworks,
  planFrozenFeatures,
  type ShownPatch,
  type StateDict,
  withContext,
} from "../models/index.js";
import type { FeaturesFrom, RunContext, TrainingConfig } from "../run/index.js";
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
  /** Patches of one run. */
  readonly atOnce: number;
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
   * @param own weights of the only network where they are not those of its name
   * @throws EpSamError `storage` when its directory cannot be used, `weights` when a network's are missing or others
   */
  static async open(
    { config, device, reporter }: FeatureContext,
    shown: ShownPatch,
    context: readonly number[],
    own?: StateDict,
  ): Promise<PatchFeatures> {
    const plan = planFrozenFeatures(config.classifier.dense.backbone, shown, own);
    const networks: CachedNetwork[] = [];
    for (const { name, shape, id, atOnce, open } of plan.networks) {
      const cache = await openCache({ config, reporter }, name, shape);
      networks.push({
        id: await id(),
        shape,
        cache,
        atOnce,
        fresh: new OpenOnce(() => open(device, atOnce)),
      });
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

  /** Patches that are best asked for together: so many are shown to a network in one run. */
  get atOnce(): number {
    return Math.max(...this.#networks.map(({ atOnce }) => atOnce));
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
  async keep(patches: readonly PatchImage[]): Promise<void> {
    await this.#computed(patches);
  }

  /** Features of patches with their context, [channels, height, width] each; read only. */
  async get(patches: readonly PatchImage[]): Promise<Float32Array[]> {
    const joined = new Map<string, Float32Array>();
    for (const { imagePath } of patches) {
      const kept = this.#kept.get(imagePath);
      if (kept !== undefined) joined.set(imagePath, kept);
    }
    const absent = patches.filter(({ imagePath }) => !joined.has(imagePath));
    const computed = await this.#computed(absent);
    for (const [index, { imagePath }] of absent.entries()) {
      const data = must(computed, index, "features of a patch");
      joined.set(imagePath, data);
      this.#kept.set(imagePath, data);
    }
    return patches.map(({ imagePath }) => {
      const data = must(joined, imagePath, "features of a patch");
      return withContext({ ...this.#plan.shape, data }, this.#context).data;
    });
  }

  async #computed(patches: readonly PatchImage[]): Promise<Float32Array[]> {
    const images = await mapConcurrently(patches, 1, (patch) => loadPatchImage(patch));
    const byNetwork: JoinedFeatures[][] = [];
    for (const network of this.#networks) byNetwork.push(await featuresOf(network, images));
    return images.map((_, index) => {
      const parts = byNetwork.map((own) => must(own, index, "features of a patch"));
      return joinNetworks(parts, this.#plan.shape).data;
    });
  }

  /** Frees the networks. */
  async close(): Promise<void> {
    await Promise.all(this.#networks.map(({ fresh }) => fresh.close()));
  }
}

/**
 * Gives the features of networks that are in the cache, where training has put them. Those that are not are computed and
 * not kept: training computes in batches, which round otherwise. Backbones, which are small, compute theirs again.
 */
export function featuresFromCache(context: Omit<FeatureContext, "device">): FeaturesFrom {
  return (plan) => ({
    ...plan,
    networks: plan.networks.map((network) =>
      isBackbone(network.name)
        ? network
        : { ...network, open: (device) => openCached(context, network, device) },
    ),
  });
}

async function openCached(
  context: Omit<FeatureContext, "device">,
  { name, shape, id, open }: FrozenNetworkPlan,
  device: Device,
): Promise<FrozenNetwork> {
  const cache = await openCache(context, name, shape);
  const encoder = await id();
  const fresh = new OpenOnce(() => open(device));
  const get = async (image: RgbImage): Promise<JoinedFeatures> => {
    const kept = await cache.get({ image: hashImage(image), encoder, variant: 0 });
    return kept === undefined ? (await fresh.get()).get(image) : { ...shape, data: kept };
  };
  return { get, getAll: (images) => mapConcurrently(images, 1, get), close: () => fresh.close() };
}

function openCache(
  { config, reporter }: Omit<FeatureContext, "device">,
  encoderName: string,
  { channels, width, height }: Omit<JoinedFeatures, "data">,
): Promise<EmbeddingCache> {
  return EmbeddingCache.open({
    directory: embeddingFolder(config),
    maximumBytes: config.cache.maximumGigabytes * 1e9,
    precision: config.cache.precision,
    elements: channels * width * height,
    encoderName,
    reporter,
  });
}

/** The features of images, those that are not in the cache computed together. */
async function featuresOf(
  { id, shape, cache, atOnce, fresh }: CachedNetwork,
  images: readonly RgbImage[],
): Promise<JoinedFeatures[]> {
  const asked = images.map((image) => ({ image, key: { image: hashImage(image), encoder: id, variant: 0 } }));
  const absent = new Map<string, RgbImage>();
  for (const { image, key } of asked) if (!(await cache.holds(key))) absent.set(key.image, image);
  const computed = new Map<string, Float32Array>();
  const wanted = [...absent];
  for (let first = 0; first < wanted.length; first += atOnce) {
    const batch = wanted.slice(first, first + atOnce);
    const found = await (await fresh.get()).getAll(batch.map(([, image]) => image));
    for (const [index, [hash]] of batch.entries()) {
      computed.set(hash, must(found, index, "features of an image").data);
    }
  }
  const features: JoinedFeatures[] = [];
  for (const { image, key } of asked) {
    // What was in the cache can be damaged, or gone by now.
    const compute = async () => computed.get(key.image) ?? (await (await fresh.get()).get(image)).data;
    features.push({ ...shape, data: await cache.getOrCompute(key, compute) });
  }
  return features;
}
