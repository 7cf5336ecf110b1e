import {
  EpSamError,
  exists,
  hashFile,
  packageVersion,
  type Reporter,
  silentReporter,
} from "../common/index.js";
import { camStage } from "../contract/index.js";
import { type Device, type DeviceSource, device as defaultDevice, startDevice } from "../graph/index.js";
import type { RgbImage } from "../imaging/index.js";
import { type EmbeddingSource, FreshEmbeddings, type Method, probabilitiesOf } from "../method/index.js";
import { backboneFile, type PatchPrompt, type StateDict } from "../models/index.js";
import {
  chooseDecoderStage,
  classifierFile,
  decoderBackbone,
  decoderBase,
  decoderFile,
  decoderWeights,
  endsWithItsMap,
  type NamedDecoder,
  openMethod,
  openRun,
  openSam,
  type RunContext,
  recordedNetworks,
  type SamSource,
  seesFeatures,
  type TrainingConfig,
} from "../run/index.js";
import { oneEncoder } from "./one-encoder.js";
import type {
  ClassifiedPatch,
  PatchMask,
  PatchSegmenter,
  SegmentedPatch,
} from "./patches/patch-segmenter.js";

export interface OpenSegmenterOptions {
  /**
   * Whose decoder to use: `preliminary`, `round-N` or `untrained`; the last finished one when left out. `initial-masks`
   * uses none: the activation map is the segmentation.
   */
  readonly stage?: string | undefined;
  /** Probability of tumour from which a patch is segmented, 0 to 1; the run's when left out. */
  readonly gate?: number | undefined;
  /** Changes the decoder before it is opened. */
  readonly adaptation?: DecoderAdaptation | undefined;
  /** The CPU when left out. */
  readonly device?: DeviceSource | undefined;
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a decoder is changed for what it is to segment. */
export interface DecoderAdaptation {
  /** SHA-256 of what decides the change. */
  readonly hash: string;
  /** @returns the weights to segment with */
  adapt(decoder: {
    readonly weights: StateDict;
    readonly config: TrainingConfig;
    readonly device: Device;
  }): Promise<StateDict>;
}

/** Everything that decides a segmenter's results, to tell whether two results come from the same model. */
export interface SegmenterIdentity {
  /** Version of this package. */
  readonly version: string;
  readonly seed: number;
  /** SHA-256 of the run's configuration. */
  readonly configHash: string;
  readonly stage: string;
  readonly gate: number;
  /** Side of the patches in pixels. */
  readonly tileSize: number;
  /** SHA-256 of each file of weights. */
  readonly weights: Readonly<Record<string, string>>;
}

/** A run's models ready to segment: classifier, class activation maps, prompts, SAM. */
export class Segmenter implements PatchSegmenter {
  readonly identity: SegmenterIdentity;
  readonly #method: Method;
  readonly #embeddings: EmbeddingSource<RgbImage>;

  /** Closes method and embeddings with itself. */
  constructor(identity: SegmenterIdentity, method: Method, embeddings: EmbeddingSource<RgbImage>) {
    this.identity = identity;
    this.#method = method;
    this.#embeddings = embeddings;
  }

  get patchSize(): number {
    return this.identity.tileSize;
  }

  /**
   * Segments one patch. The image encoder, by far the most expensive part, runs only for patches past the gate.
   * @throws EpSamError `shape` when the patch has another size, `device` when a model cannot run.
   */
  async segmentPatch(patch: RgbImage, ...name: readonly (string | number)[]): Promise<SegmentedPatch> {
    const { outcome, segment, ...classified } = await this.classifyPatch(patch, ...name);
    if (segment === undefined) return { ...classified, outcome };
    return { ...classified, outcome, ...(await segment()) };
  }

  /**
   * The classifier's part of {@link segmentPatch}, with SAM's part to be called later where the patch is past the
   * gate. Below it, the activation map is that of the upright patch alone: its rotations are of use for prompts only.
   */
  async classifyPatch(patch: RgbImage, ...name: readonly (string | number)[]): Promise<ClassifiedPatch> {
    const { gate } = this.identity;
    const activation = await this.#method.activation(patch, gate);
    const { probability } = activation;
    const common = { probability, activation: activation.map() };
    if (probability < gate) return { ...common, outcome: "below-gate" };
    if (this.identity.stage === camStage) {
      const segment = async () => ({ tumour: await activation.tumour(), estimatedIou: probability });
      return { ...common, outcome: "segmented", segment };
    }
    const prompt = await this.#method.prompt(activation, ...name);
    if (prompt === undefined) return { ...common, outcome: "no-activation" };
    return { ...common, outcome: "segmented", segment: () => this.#segment(patch, prompt) };
  }

  async #segment(patch: RgbImage, prompt: PatchPrompt): Promise<PatchMask> {
    const view = { image: async () => patch, embedding: () => this.#embeddings.get(patch) };
    const { logits, estimatedIou } = await this.#method.mask(view, prompt);
    return { tumour: probabilitiesOf(logits), estimatedIou };
  }

  /** Frees the models. */
  async close(): Promise<void> {
    await this.#method.close();
    await this.#embeddings.close();
  }
}

/**
 * Opens the models of a training run to segment patches and images with {@link segmentImage}. Close it after use.
 * @throws EpSamError `run-directory` when there is no run or it has no trained classifier or decoder, `usage` when
 *   the stage is not one of its finished ones or the gate is out of range, `weights` when a file is damaged.
 */
export async function openSegmenter(
  runDirectory: string,
  options: OpenSegmenterOptions = {},
): Promise<Segmenter> {
  const { adaptation } = options;
  const { begun, chosen, sam } = await chooseModels(runDirectory, options);
  const device = await startDevice(options.device ?? begun.device);
  const context = { ...begun, device };
  const { patchSize } = context.run.record.dataset;
  const decoders: NamedDecoder[] = [];
  if (chosen !== camStage) {
    const { config } = context;
    const weights = await decoderWeights(context, chosen, await decoderBase(context, sam));
    decoders.push({
      stage: chosen,
      weights: (await adaptation?.adapt({ weights, config, device })) ?? weights,
    });
  }
  const { features, openEncoder } = await oneEncoder(context, sam, device);
  const method = await openMethod(context, patchSize, decoders, features);
  await method.ready();
  const embeddings = new FreshEmbeddings(openEncoder, method.frame);
  return new Segmenter(await identityOf(context, sam, chosen, options), method, embeddings);
}

/**
 * The identity of the segmenter that {@link openSegmenter} would open, without opening its models.
 * @throws EpSamError as that
 */
export async function segmenterIdentity(
  runDirectory: string,
  options: Pick<OpenSegmenterOptions, "stage" | "gate"> & {
    readonly adaptation?: Pick<DecoderAdaptation, "hash"> | undefined;
  } = {},
): Promise<SegmenterIdentity> {
  const { begun, chosen, sam } = await chooseModels(runDirectory, options);
  return identityOf(begun, sam, chosen, options);
}

/** Which of a run's models segment. */
async function chooseModels(
  runDirectory: string,
  {
    stage,
    gate,
    adaptation,
    reporter = silentReporter,
    signal,
  }: Omit<OpenSegmenterOptions, "adaptation" | "device"> & { readonly adaptation?: object | undefined },
): Promise<{ readonly begun: RunContext; readonly chosen: string; readonly sam: SamSource }> {
  const begun = await openRun(runDirectory, { device: defaultDevice(), reporter, signal });
  requireGate(gate);
  const usesMap = stage === camStage || (stage === undefined && endsWithItsMap(begun));
  const chosen = usesMap ? camStage : chooseDecoderStage(begun, stage, "use");
  if (chosen === camStage && adaptation !== undefined) {
    throw new EpSamError("usage", {
      where: "`labelledSquares`",
      what: `adapts feature pyramids alone, and the stage ${camStage} has no decoder`,
      action: "Choose another `stage`, or leave it out.",
    });
  }
  return { begun, chosen, sam: await openSam(begun) };
}

function requireGate(gate: number | undefined): void {
  if (gate === undefined || (gate >= 0 && gate <= 1)) return;
  throw new EpSamError("usage", {
    what: `${gate} is not a probability`,
    where: "`gate`",
    action: "Give a number from 0 (segment every patch) to 1.",
  });
}

async function identityOf(
  { run, config }: RunContext,
  { hashes }: SamSource,
  stage: string,
  { gate, adaptation }: Parameters<typeof segmenterIdentity>[1] & object,
): Promise<SegmenterIdentity> {
  const trained = decoderFile(run, stage);
  return {
    version: await packageVersion(),
    seed: config.seed,
    configHash: run.record.configHash,
    stage,
    gate: gate ?? config.gate,
    tileSize: run.record.dataset.patchSize,
    weights: {
      classifier: await hashFile(classifierFile(run)),
      ...((await exists(trained)) ? { decoder: await hashFile(trained) } : {}),
      ...(config.decoder.kind === "sam"
        ? { "sam-encoder": hashes.encoder, "sam-decoder": hashes.decoder }
        : {}),
      ...(adaptation === undefined ? {} : { adaptation: adaptation.hash }),
      ...(seesFeatures(config.decoder)
        ? { backbone: await hashFile(backboneFile(decoderBackbone(config))) }
        : {}),
      ...Object.fromEntries((await recordedNetworks(config)).map(({ name, sha256 }) => [name, sha256])),
    },
  };
}
