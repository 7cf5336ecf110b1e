import { basename, resolve } from "node:path";
import { EpSamError, exists, formatBytes, type Reporter, skipReason } from "../common/index.js";
import {
  bytesThatStay,
  type Dataset,
  EMBEDDING_ELEMENTS,
  type PatchRecord,
  patchResolution,
  type SkippedInput,
} from "../dataset/index.js";
import { type DeviceSource, startDevice } from "../graph/index.js";
import { planFrozenFeatures } from "../models/index.js";
import { samSource, type TrainingConfig, trainsItsBackbone } from "../run/index.js";
import { readEmbeddings } from "./decoder-patches.js";
import {
  type EmbeddedPatch,
  type EmbeddingWork,
  keepEmbeddings,
  openKeptEmbeddings,
} from "./embedding-work.js";
import { featureBytes, tellNetworks } from "./foundation-notes.js";
import type { PipelineData } from "./pipeline-stages.js";
import { embeddingFolder, requireCache, tellSmallDisk } from "./require-storage.js";
import { openData, requireTrainable, type TrainOptions } from "./start-run.js";
import { initialBackbone } from "./starting-head.js";

/** Embeddings of one piece of work: a worker that goes away loses as many at most. */
const GROUP = 64;

/** What embeddings are computed of: the data and the values of a training that is to come. */
export interface EmbedOptions
  extends Pick<TrainOptions, "data" | "classifierData" | "config" | "anyResolution" | "encoder" | "signal"> {
  readonly reporter: Reporter;
}

/** Some of the patches, as one piece of work. */
export interface EmbeddingGroup {
  /** Says which patches of what, for people; without folders. */
  readonly name: string;
  readonly embeddings: number;
  readonly work: EmbeddingWork;
}

/** The embeddings that a training will read, in groups. */
export interface EmbeddingPlan {
  /** Folder of the cache. */
  readonly cache: string;
  readonly embeddings: number;
  readonly groups: readonly EmbeddingGroup[];
}

/** What is in the cache for a training. */
export interface EmbedResult {
  readonly cache: string;
  readonly embeddings: number;
  /** How many of them this call, or its workers, had to compute. */
  readonly computed: number;
  readonly skipped: readonly SkippedInput[];
}

/**
 * The embeddings that `train()` with these data and values will read from its cache.
 * @throws EpSamError as `train()` for what cannot be trained with; `storage` when the cache cannot hold them all
 */
export async function planEmbedding(options: EmbedOptions): Promise<EmbeddingPlan> {
  const data = await openData(options);
  requireTrainable(data, options);
  const { config, reporter } = options;
  tellNetworks(config, data, reporter);
  const cache = { ...config.cache, directory: resolve(embeddingFolder(config)) };
  const groups = [
    ...(await featureGroups(options, data, cache)),
    ...(await samGroups(options, data.dataset, cache)),
  ];
  await requireRoom(options, data, groups);
  const embeddings = groups.reduce((sum, group) => sum + group.embeddings, 0);
  return { cache: cache.directory, embeddings, groups };
}

/**
 * Puts all embeddings that a training will read into its cache, in this process. Called again, it goes on.
 * @throws EpSamError `storage` when the cache does not keep them, `device` when the networks cannot run
 */
export async function embed(
  { cache, embeddings, groups }: EmbeddingPlan,
  options: Pick<EmbedOptions, "reporter" | "signal" | "encoder"> & { readonly device: DeviceSource },
): Promise<EmbedResult> {
  const { reporter, signal, encoder } = options;
  const means = { device: await startDevice(options.device), reporter, encoder };
  const skipped: SkippedInput[] = [];
  let computed = 0;
  let done = 0;
  const onDone = () => reporter.progress({ task: "embeddings", done: ++done, total: embeddings });
  for (const works of ofOneNetworkEach(groups.map(({ work }) => work))) {
    const [first] = works;
    if (first === undefined) continue;
    const kept = await openKeptEmbeddings(first, means);
    try {
      for (const work of works) {
        const counts = await keepEmbeddings(kept, work, { signal, onDone });
        computed += counts.computed;
        skipped.push(...counts.unreadable.map(asSkipped));
      }
    } finally {
      await kept.close();
    }
  }
  for (const { file, reason } of skipped) reporter.warn(`${file}: ${reason}; left out.`);
  return { cache, embeddings, computed, skipped };
}

function asSkipped({ fields }: EpSamError): SkippedInput {
  return { file: fields.where ?? "a patch", reason: skipReason(fields) };
}

function ofOneNetworkEach(works: readonly EmbeddingWork[]): EmbeddingWork[][] {
  const kinds = new Set(works.map(({ by }) => by.kind));
  return [...kinds].map((kind) => works.filter(({ by }) => by.kind === kind));
}

/** What the classifier learns from: features of frozen networks. */
async function featureGroups(
  { config, reporter, data, classifierData = data }: EmbedOptions,
  { dataset, classifierDataset }: PipelineData,
  cache: TrainingConfig["cache"],
): Promise<EmbeddingGroup[]> {
  if (config.classifier.model !== "dense") return [];
  const { backbone } = config.classifier.dense;
  const { patches, patchSize } = classifierDataset;
  const side = config.classifier.inputSize ?? patchSize;
  // As `shownPatch()` of the run that is to come.
  const micronsPerPixel = patchResolution(dataset.patches).mpp?.median ?? null;
  const shown = { patchSize, trainedSize: patchSize, side, micronsPerPixel };
  const ids: string[] = [];
  for (const network of planFrozenFeatures(backbone, shown).networks) ids.push(await network.id());
  if ((await initialBackbone(config)) !== undefined) {
    reporter.note(
      "features are not computed before the training, which begins with the backbone of classifier.initialWeights",
    );
    return [];
  }
  // A backbone that is trained is seen as it comes for what features are standardised by, of the patches to learn from.
  const isRead = trainsItsBackbone(config) ? isLearnt : isNotTested;
  const learnt = patches.filter(isRead);
  const wanted = learnt.map(({ imagePath }) => ({ imagePath, variants: [0] }));
  reporter.note(`features of ${learnt.length} patches of ${classifierData}, for the classifier`);
  return grouped(wanted, { by: { kind: "features", backbone, shown }, ids, cache }, classifierDataset);
}

const isLearnt = ({ split }: PatchRecord): boolean => split === "train";
const isNotTested = ({ split }: PatchRecord): boolean => split !== "test";

/** What SAM's decoder learns from, is chosen by and tested on. */
async function samGroups(
  { config, encoder, reporter }: EmbedOptions,
  dataset: Dataset,
  cache: TrainingConfig["cache"],
): Promise<EmbeddingGroup[]> {
  const read = readEmbeddings(config, dataset);
  if (read.length === 0) return [];
  const sam = { ...config.sam, weights: await everywhere(config.sam.weights) };
  const { id } = encoder ?? (await samSource(sam)).encoder;
  const wanted = read.map(({ patch: { imagePath }, variants }) => ({ imagePath, variants }));
  reporter.note(`SAM's embeddings of ${read.length} patches of ${dataset.root}`);
  const by = { kind: "sam", sam, patchSize: dataset.patchSize } as const;
  return grouped(wanted, { by, ids: [id], cache }, dataset);
}

/** A file of weights by its full path; a name of the catalogue as it is. */
async function everywhere(weights: string | null): Promise<string | null> {
  return weights !== null && (await exists(weights)) ? resolve(weights) : weights;
}

/** Always the same groups of the same patches, whatever is in the cache. */
function grouped(
  patches: readonly EmbeddedPatch[],
  of: Omit<EmbeddingWork, "patches">,
  { root }: Dataset,
): EmbeddingGroup[] {
  const what = of.by.kind === "sam" ? "SAM" : "features";
  const groups: EmbeddingGroup[] = [];
  for (let first = 0; first < patches.length; ) {
    let embeddings = 0;
    let end = first;
    for (; end < patches.length && embeddings < GROUP; end++)
      embeddings += patches[end]?.variants.length ?? 0;
    const name = `${basename(root)}, ${what}, patches ${first + 1} to ${end}`;
    groups.push({ name, embeddings, work: { ...of, patches: patches.slice(first, end).map(withFullPath) } });
    first = end;
  }
  return groups;
}

function withFullPath({ imagePath, variants }: EmbeddedPatch): EmbeddedPatch {
  return { imagePath: resolve(imagePath), variants };
}

/** @throws EpSamError `storage` when the first embeddings would leave the cache for the last, or it cannot be written to */
async function requireRoom(
  { config, reporter }: EmbedOptions,
  { dataset, classifierDataset }: PipelineData,
  groups: readonly EmbeddingGroup[],
): Promise<void> {
  const free = await requireCache(config);
  const { maximumGigabytes, precision } = config.cache;
  const ofSam = groups.filter(({ work }) => work.by.kind === "sam");
  const count = ofSam.reduce((sum, { embeddings }) => sum + embeddings, 0);
  const samBytes = count * EMBEDDING_ELEMENTS * (precision === "float16" ? 2 : 4);
  const wanted = samBytes + featureBytes(config, classifierDataset);
  const stays = bytesThatStay(maximumGigabytes * 1e9);
  if (wanted > stays) {
    throw new EpSamError("configuration", {
      where: "cache.maximumGigabytes",
      what: `is ${maximumGigabytes}, and ${formatBytes(wanted)} of embeddings are wanted`,
      why: `${formatBytes(stays)} stay for certain; what was computed first would leave the cache again`,
      action: `Set it to ${Math.ceil((maximumGigabytes * wanted) / stays)}, for the training too.`,
    });
  }
  tellSmallDisk({ config, root: dataset.root, wanted, free, reporter });
}
