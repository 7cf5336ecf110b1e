import { EpSamError, RecentlyUsed } from "../common/index.js";
import {
  concat,
  type Device,
  type DeviceTensor,
  type Feeds,
  floatTensor,
  GraphSession,
  type HostTensor,
  hasOwnMemory,
  input,
} from "../graph/index.js";
import { EMBEDDING_SIZE, EMBEDDING_WIDTH } from "../models/index.js";
import type { PatchEmbeddings } from "./patch-embeddings.js";

/** Embeddings that are kept in a device's memory: 500 of 4 MB. */
const DEVICE_BYTES = 2e9;

const SHAPE = [1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE] as const;
const ELEMENTS = EMBEDDING_WIDTH * EMBEDDING_SIZE ** 2;
const BYTES_OF_A_FLOAT = 4;

const result = "embeddings";
const part = (index: number) => `embedding ${index}`;

type PatchVariant = Parameters<PatchEmbeddings["batch"]>[0][number];

/** Embeddings as a decoder's graph is fed with them, [N, 256, 64, 64], in the memory that the graph reads. */
export interface BatchFeeds<Fed> {
  /** Gives the patches' embeddings to `use`; what it is given is valid until it ends. */
  with<Result>(patches: readonly PatchVariant[], use: (embeddings: Fed) => Promise<Result>): Promise<Result>;
  /** Frees what a device holds. */
  close(): Promise<void>;
}

/** Embeddings in host memory, for every batch anew. */
export function hostFeeds(embeddings: Pick<PatchEmbeddings, "batch">): BatchFeeds<HostTensor> {
  return {
    with: async (patches, use) =>
      use(floatTensor([patches.length, ...SHAPE.slice(1)], await embeddings.batch(patches))),
    close: async () => undefined,
  };
}

/** The graphs that copy an embedding to the device and join several there. */
interface DeviceGraphs {
  readonly copy: GraphSession;
  readonly join: GraphSession;
}

/**
 * Embeddings where a device reads them. On a device with memory of its own they stay there between epochs, as many as
 * fit below a limit, those used last.
 */
export class EmbeddingFeeds implements BatchFeeds<HostTensor | DeviceTensor> {
  readonly #embeddings: PatchEmbeddings;
  readonly #graphs: DeviceGraphs | undefined;
  readonly #held: RecentlyUsed<string, DeviceTensor>;

  private constructor(embeddings: PatchEmbeddings, graphs: DeviceGraphs | undefined, limit: number) {
    this.#embeddings = embeddings;
    this.#graphs = graphs;
    this.#held = new RecentlyUsed({ limit, onLeave: (tensor) => tensor.release() });
  }

  /**
   * @param batchSize patches that are fed together
   * @param deviceBytes most bytes that stay on the device between runs
   */
  static async create(
    embeddings: PatchEmbeddings,
    device: Device,
    { batchSize, deviceBytes = DEVICE_BYTES }: { readonly batchSize: number; readonly deviceBytes?: number },
  ): Promise<EmbeddingFeeds> {
    if (!hasOwnMemory(device)) return new EmbeddingFeeds(embeddings, undefined, 0);
    const parts = Array.from({ length: batchSize }, (_, index) => input(part(index), SHAPE));
    const keep = { keep: [result] };
    const copy = await GraphSession.create({ [result]: input(part(0), SHAPE) }, device, keep);
    const join = await GraphSession.create({ [result]: concat(parts, 0) }, device, keep);
    const limit = Math.max(batchSize, Math.floor(deviceBytes / (ELEMENTS * BYTES_OF_A_FLOAT)));
    return new EmbeddingFeeds(embeddings, { copy, join }, limit);
  }

  /** Number of embeddings in the device's memory. */
  get held(): number {
    return this.#held.size;
  }

  /** Gives the patches' embeddings to `use`; what it is given is valid until it ends. */
  async with<Result>(
    patches: readonly PatchVariant[],
    use: (embeddings: HostTensor | DeviceTensor) => Promise<Result>,
  ): Promise<Result> {
    if (this.#graphs === undefined) return hostFeeds(this.#embeddings).with(patches, use);
    const parts: Record<string, DeviceTensor> = {};
    for (const [index, patch] of patches.entries()) {
      parts[part(index)] = await this.#onDevice(this.#graphs.copy, patch);
    }
    const [only] = Object.values(parts);
    if (patches.length === 1 && only !== undefined) return use(only);
    const joined = await keptResult(this.#graphs.join, parts);
    try {
      return await use(joined);
    } finally {
      joined.release();
    }
  }

  async #onDevice(copy: GraphSession, { patch, variant }: PatchVariant): Promise<DeviceTensor> {
    const key = `${variant} ${patch.imagePath}`;
    const known = this.#held.get(key);
    if (known !== undefined) return known;
    const embedding = floatTensor(SHAPE, await this.#embeddings.get(patch, variant));
    const tensor = await keptResult(copy, { [part(0)]: embedding });
    this.#held.set(key, tensor);
    return tensor;
  }

  /** Frees what the device holds. */
  async close(): Promise<void> {
    this.#held.clear();
    await this.#graphs?.copy.close();
    await this.#graphs?.join.close();
  }
}

async function keptResult(graph: GraphSession, feeds: Feeds): Promise<DeviceTensor> {
  const { kept } = await graph.runKeeping(feeds);
  const tensor = kept[result];
  if (tensor !== undefined) return tensor;
  throw new EpSamError("internal", { what: "did not stay on the device", where: result });
}
