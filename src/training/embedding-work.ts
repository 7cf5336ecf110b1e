import { EpSamError, isEpSamError, type Reporter } from "../common/index.js";
import type { Device } from "../graph/index.js";
import type { ShownPatch } from "../models/index.js";
import { type EncoderSource, samSource, type TrainingConfig } from "../run/index.js";
import { PatchEmbeddings, type PatchImage } from "./patch-embeddings.js";
import { PatchFeatures } from "./patch-features.js";
import { embeddingFolder } from "./require-storage.js";

/** Frozen networks, and how patches are shown to them. */
export type EmbeddedBy =
  | { readonly kind: "sam"; readonly sam: TrainingConfig["sam"]; readonly patchSize: number }
  | {
      readonly kind: "features";
      readonly backbone: TrainingConfig["classifier"]["dense"]["backbone"];
      readonly shown: ShownPatch;
    };

/** A patch, and the flips and rotations of it whose embeddings are kept; features are of the patch as it is. */
export interface EmbeddedPatch extends PatchImage {
  readonly variants: readonly number[];
}

/** Patches whose embeddings are put into the cache; plain data, for any process that has their files and the cache's. */
export interface EmbeddingWork {
  readonly by: EmbeddedBy;
  /** Names of the networks with their weights, by which their embeddings lie in the cache. */
  readonly ids: readonly string[];
  /** With the directory told. */
  readonly cache: TrainingConfig["cache"];
  readonly patches: readonly EmbeddedPatch[];
}

/** One embedding of a patch. */
interface WantedEmbedding {
  readonly patch: PatchImage;
  readonly variant: number;
}

/** Embeddings that networks keep in the cache as training does: under the same names, with the same bytes. */
export interface KeptEmbeddings {
  readonly ids: readonly string[];
  /** Embeddings that are best computed together. */
  readonly atOnce: number;
  /** @throws EpSamError `input-image` when the patch cannot be read */
  holds(wanted: WantedEmbedding): Promise<boolean>;
  /** Computes those that are not there. @throws EpSamError `input-image` when a patch cannot be read */
  keep(wanted: readonly WantedEmbedding[]): Promise<void>;
  close(): Promise<void>;
}

/** What networks are opened with; they are so at the first embedding that is not there. */
export interface EmbeddingMeans {
  readonly device: Device;
  readonly reporter: Reporter;
  /** The image encoder, that of the configuration unless told. */
  readonly encoder?: EncoderSource | undefined;
}

/** @throws EpSamError `storage` when the cache cannot be used, `weights` when a network's are missing or others */
export async function openKeptEmbeddings(
  { by, cache }: Pick<EmbeddingWork, "by" | "cache">,
  means: EmbeddingMeans,
): Promise<KeptEmbeddings> {
  if (by.kind === "sam") {
    const { encoder } = means.encoder === undefined ? await samSource(by.sam) : { encoder: means.encoder };
    const config = { sam: by.sam, cache };
    const embeddings = await PatchEmbeddings.open({ ...means, config }, encoder, by.patchSize);
    return {
      ids: [embeddings.encoderId],
      atOnce: 1,
      holds: ({ patch, variant }) => embeddings.holds(patch, variant),
      keep: async (wanted) => {
        for (const { patch, variant } of wanted) await embeddings.get(patch, variant);
      },
      close: () => embeddings.close(),
    };
  }
  const config = { cache, classifier: { dense: { backbone: by.backbone } } };
  const features = await PatchFeatures.open({ ...means, config }, by.shown, []);
  return {
    ids: features.networkIds,
    atOnce: features.atOnce,
    holds: ({ patch }) => features.holds(patch),
    keep: (wanted) => features.keep(wanted.map(({ patch }) => patch)),
    close: () => features.close(),
  };
}

/** @throws EpSamError `weights` when the networks here are others than those that the work is meant for */
export function requireSameNetworks({ ids }: EmbeddingWork, kept: KeptEmbeddings): void {
  const other = ids.find((id, index) => kept.ids[index] !== id);
  if (other === undefined && ids.length === kept.ids.length) return;
  throw new EpSamError("weights", {
    where: other ?? ids.join(", "),
    what: "is another network here than where the command was given",
    why: `here it is ${kept.ids.join(", ")}`,
    action: "Give every worker the same weights and the same version of ep-sam.",
  });
}

/** What became of patches whose embeddings were to be kept. */
export interface KeptCounts {
  readonly computed: number;
  /** Already there. */
  readonly found: number;
  /** Patches that cannot be read, with the reason. */
  readonly unreadable: readonly EpSamError[];
}

/**
 * Puts the embeddings of patches into the cache, those that it lacks. Patches that cannot be read are left out.
 * @throws EpSamError `storage` when the cache does not keep them
 */
export async function keepEmbeddings(
  kept: KeptEmbeddings,
  { patches, cache }: Pick<EmbeddingWork, "patches" | "cache">,
  { signal, onDone }: { readonly signal?: AbortSignal | undefined; readonly onDone?: () => void } = {},
): Promise<KeptCounts> {
  let computed = 0;
  let found = 0;
  const unreadable: EpSamError[] = [];
  let absent: WantedEmbedding[] = [];
  const keepAbsent = async () => {
    await kept.keep(absent);
    for (const wanted of absent) {
      if (!(await kept.holds(wanted))) throw notKept(cache);
      computed++;
      onDone?.();
    }
    absent = [];
  };
  for (const patch of patches) {
    try {
      for (const variant of patch.variants) {
        signal?.throwIfAborted();
        // It reads the patch, so that one that cannot be read never comes into a batch.
        if (await kept.holds({ patch, variant })) {
          found++;
          onDone?.();
        } else absent.push({ patch, variant });
        if (absent.length >= kept.atOnce) await keepAbsent();
      }
    } catch (failure) {
      if (!isEpSamError(failure, "input-image")) throw failure;
      unreadable.push(failure);
    }
  }
  await keepAbsent();
  return { computed, found, unreadable };
}

/** How many embeddings of these patches the cache lacks; all those of a patch that cannot be read. */
export async function missingEmbeddings(
  kept: KeptEmbeddings,
  patches: readonly EmbeddedPatch[],
): Promise<number> {
  let missing = 0;
  for (const patch of patches) {
    try {
      for (const variant of patch.variants) if (!(await kept.holds({ patch, variant }))) missing++;
    } catch (failure) {
      if (!isEpSamError(failure, "input-image")) throw failure;
      missing += patch.variants.length;
    }
  }
  return missing;
}

/** What is told where embeddings leave the cache as soon as they are there, or do not get there. */
export function notKept(cache: TrainingConfig["cache"]): EpSamError {
  return new EpSamError("storage", {
    where: embeddingFolder({ cache }),
    what: "does not keep embeddings",
    why: "its disk is full, or others fill it beyond cache.maximumGigabytes",
    action: "Free disk space, raise cache.maximumGigabytes, or choose another cache.directory.",
  });
}
