import { join } from "node:path";
import { cacheDirectory, EpSamError, formatBytes, type Reporter, requireWritable } from "../common/index.js";
import { countLabels, type Dataset, EMBEDDING_ELEMENTS } from "../dataset/index.js";
import { backboneNames, isBackbone } from "../models/index.js";
import { seesFeatures, type TrainingConfig, trainedBackboneBytes, trainsItsBackbone } from "../run/index.js";
import { featureBytes } from "./foundation-notes.js";

/** Bytes of the classifiers' weights, and of SAM's decoder with its prompt encoder, as float32. */
const CLASSIFIER_BYTES = { 18: 45e6, 50: 94e6 } as const;
const DECODER_BYTES = 16e6;
/** A checkpoint holds the weights, the best ones so far, and two moments of the optimizer. */
const CHECKPOINT_FACTOR = 4;

/** The folder of the embedding cache. */
export function embeddingFolder({ cache }: Pick<TrainingConfig, "cache">): string {
  return cache.directory ?? join(cacheDirectory(), "embeddings");
}

/** What a run is about to put on disk, and where. */
export interface StorageNeeds {
  readonly config: TrainingConfig;
  readonly dataset: Dataset;
  /** Where the classifier learns from other patches. */
  readonly classifierDataset?: Dataset | undefined;
  readonly out: string;
  /** A run that is gone on with has much of it already. */
  readonly resume: boolean;
  readonly reporter: Reporter;
}

/**
 * Finds before anything is trained what would end or slow down a run after hours: a run or cache directory that cannot
 * be written to, a disk too small for the run. A disk too small for the embeddings is a warning, since they can be
 * computed again.
 * @throws EpSamError `storage`
 */
export async function requireStorage({
  config,
  dataset,
  classifierDataset = dataset,
  out,
  resume,
  reporter,
}: StorageNeeds): Promise<void> {
  const free = await requireWritable(out);
  const freeInCache = await requireCache(config);
  if (resume) return;
  const needed = runBytes(config);
  if (free < needed) {
    throw new EpSamError("storage", {
      where: out,
      what: `has ${formatBytes(free)} free, and the run needs about ${formatBytes(needed)}`,
      why: "weights and checkpoints would not fit",
      action: "Free disk space, or choose another `out`.",
    });
  }
  const isSmall = backboneNames(config.classifier.dense.backbone).every(isBackbone);
  const features = isSmall ? 0 : featureBytes(config, classifierDataset);
  const wanted = embeddingBytes(config, dataset) + features;
  const embeddings = Math.min(wanted, config.cache.maximumGigabytes * 1e9);
  tellSmallDisk({ config, root: dataset.root, wanted: embeddings, free: freeInCache, reporter });
}

/**
 * @returns bytes that are free where embeddings are kept
 * @throws EpSamError `storage` when nothing can be written there
 */
export function requireCache(config: TrainingConfig): Promise<number> {
  return requireWritable(
    embeddingFolder(config),
    "It keeps embeddings: choose another with EPSAM_CACHE_DIR or the key cache.directory, or change its permissions.",
  );
}

/** Warns where embeddings, in bytes, do not fit the disk. */
export function tellSmallDisk({
  config,
  root,
  wanted,
  free,
  reporter,
}: {
  readonly config: TrainingConfig;
  readonly root: string;
  readonly wanted: number;
  readonly free: number;
  readonly reporter: Reporter;
}): void {
  if (free >= wanted) return;
  reporter.warn(
    `${embeddingFolder(config)}: embeddings of ${root} take up to ${formatBytes(wanted)}, and ${formatBytes(free)} are free. ` +
      "What does not fit is computed in every epoch; free disk space, or choose another disk with EPSAM_CACHE_DIR.",
  );
}

/** The least that a run takes at one time. */
function runBytes(config: TrainingConfig): number {
  const { classifier, decoder, rounds } = config;
  const dense = trainsItsBackbone(config) ? trainedBackboneBytes(classifier.dense) : 0;
  const first = classifier.model === "dense" ? dense : CLASSIFIER_BYTES[classifier.depth];
  const second = seesFeatures(decoder) ? 0 : DECODER_BYTES;
  const whileDecoders = first + (rounds + 1 + CHECKPOINT_FACTOR) * second;
  return Math.max(first * (1 + CHECKPOINT_FACTOR), whileDecoders);
}

/** What the embedding cache would like to hold for training and validation. */
function embeddingBytes({ cache, decoder }: TrainingConfig, { patches }: Dataset): number {
  if (decoder.kind !== "sam") return 0;
  const { train, val } = countLabels(patches);
  const most = decoder.maximumPatches ?? Number.POSITIVE_INFINITY;
  const images = Math.min(train.positive, most) * decoder.variants.length + Math.min(val.positive, most);
  return images * EMBEDDING_ELEMENTS * (cache.precision === "float16" ? 2 : 4);
}
