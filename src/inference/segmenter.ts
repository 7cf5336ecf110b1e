import {
  EpSamError,
  exists,
  hashFile,
  packageVersion,
  type Reporter,
  silentReporter,
} from "../common/index.js";
import { type Device, device as defaultDevice } from "../graph/index.js";
import type { FloatMap, RgbImage } from "../imaging/index.js";
import {
  activationPrompt,
  type ClassActivationMapper,
  patchActivation,
  takesMaskPrompt,
} from "../method/index.js";
import {
  createSamFrame,
  type ImageEncoder,
  MaskPredictor,
  type PatchPrompt,
  type SamFrame,
} from "../models/index.js";
import {
  chooseDecoderStage,
  classifierFile,
  decoderFile,
  decoderWeights,
  openActivationMapper,
  openRun,
  openSam,
  type RunContext,
  type SamSource,
} from "../run/index.js";
import type {
  ClassifiedTile,
  SegmentedTile,
  StagedSegmenter,
  TileMask,
  TileSegmenter,
} from "./segment-image.js";

export interface OpenSegmenterOptions {
  /** Whose decoder to use: `preliminary`, `round-N` or `untrained`; the last finished one when left out. */
  readonly stage?: string | undefined;
  /** Probability of tumour from which a tile is segmented, 0 to 1; the run's when left out. */
  readonly gate?: number | undefined;
  /** The CPU when left out. */
  readonly device?: Device | undefined;
  readonly reporter?: Reporter | undefined;
  readonly signal?: AbortSignal | undefined;
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
  /** Side of the tiles in pixels. */
  readonly tileSize: number;
  /** SHA-256 of each file of weights. */
  readonly weights: Readonly<Record<string, string>>;
}

/** A run's models ready to segment: classifier, class activation maps, prompts, SAM. */
export class Segmenter implements TileSegmenter, StagedSegmenter {
  readonly identity: SegmenterIdentity;
  readonly #context: RunContext;
  readonly #frame: SamFrame;
  readonly #mapper: ClassActivationMapper;
  readonly #decoder: MaskPredictor;
  readonly #sam: SamSource;
  /** Opened for the first tile past the gate, so that images without tumour cost no start-up. */
  #encoder: Promise<ImageEncoder> | undefined;

  constructor(
    context: RunContext,
    identity: SegmenterIdentity,
    models: {
      readonly frame: SamFrame;
      readonly mapper: ClassActivationMapper;
      readonly decoder: MaskPredictor;
      readonly sam: SamSource;
    },
  ) {
    this.#context = context;
    this.identity = identity;
    this.#frame = models.frame;
    this.#mapper = models.mapper;
    this.#decoder = models.decoder;
    this.#sam = models.sam;
  }

  get tileSize(): number {
    return this.identity.tileSize;
  }

  /**
   * Segments one tile. The image encoder, by far the most expensive part, runs only for tiles past the gate.
   * @throws EpSamError `shape` when the tile has another size, `device` when a model cannot run.
   */
  async segmentTile(tile: RgbImage, ...name: readonly (string | number)[]): Promise<SegmentedTile> {
    const { outcome, segment, ...classified } = await this.classifyTile(tile, ...name);
    if (segment === undefined) return { ...classified, outcome };
    return { ...classified, outcome, ...(await segment()) };
  }

  /**
   * The classifier's part of {@link segmentTile}, with SAM's part to be called later where the tile is past the
   * gate. Below it, the activation map is that of the upright tile alone: its rotations are of use for prompts only.
   */
  async classifyTile(tile: RgbImage, ...name: readonly (string | number)[]): Promise<ClassifiedTile> {
    const { config } = this.#context;
    const { gate } = this.identity;
    const { levels, map, probability } = await this.#mapper.map(tile, gate);
    const common = { probability, activation: map };
    if (probability < gate) return { ...common, outcome: "below-gate" };
    const activation = await patchActivation({ levels, probability }, this.#frame.patch, config.cam);
    const prompt = activationPrompt(config, activation, ...name);
    if (prompt === undefined) return { ...common, outcome: "no-activation" };
    return { ...common, outcome: "segmented", segment: () => this.#segment(tile, prompt) };
  }

  async #segment(tile: RgbImage, prompt: PatchPrompt): Promise<TileMask> {
    this.#encoder ??= this.#sam.encoder.open(this.#context.device);
    const embedding = await (await this.#encoder).encode(tile, this.#frame);
    const { logits, estimatedIou } = await this.#decoder.predict(embedding, prompt);
    return { tumour: sigmoidOf(logits), estimatedIou };
  }

  /** Frees the models. */
  async close(): Promise<void> {
    await Promise.all([this.#mapper.close(), this.#decoder.close()]);
    if (this.#encoder !== undefined) await (await this.#encoder).close();
  }
}

/**
 * Opens the models of a training run to segment patches and images with {@link segmentImage}. Close it after use.
 * @throws EpSamError `run-directory` when there is no run or it has no trained classifier or decoder, `usage` when
 *   the stage is not one of its finished ones or the gate is out of range, `weights` when a file is damaged.
 */
export async function openSegmenter(
  runDirectory: string,
  { stage, gate, device = defaultDevice(), reporter = silentReporter, signal }: OpenSegmenterOptions = {},
): Promise<Segmenter> {
  const context = await openRun(runDirectory, { device, reporter, signal });
  requireGate(gate);
  const chosen = chooseDecoderStage(context, stage, "use");
  const { patchSize } = context.run.record.dataset;
  const frame = createSamFrame(
    { width: patchSize, height: patchSize },
    { frame: context.config.sam.promptFrame },
  );
  const mapper = await openActivationMapper(context, patchSize);
  const sam = await openSam(context);
  const weights = await decoderWeights(context, chosen, await sam.loadDecoder());
  const prompts = { points: context.config.sam.points, maskPrompt: takesMaskPrompt(context.config.sam) };
  const decoder = await MaskPredictor.create({ weights, frame, ...prompts, device });
  const identity = await identityOf(context, sam, chosen, gate ?? context.config.gate);
  return new Segmenter(context, identity, { frame, mapper, decoder, sam });
}

function requireGate(gate: number | undefined): void {
  if (gate === undefined || (gate >= 0 && gate <= 1)) return;
  throw new EpSamError("usage", {
    what: `${gate} is not a probability`,
    where: "`gate`",
    action: "Give a number from 0 (segment every tile) to 1.",
  });
}

async function identityOf(
  { run, config }: RunContext,
  { hashes }: SamSource,
  stage: string,
  gate: number,
): Promise<SegmenterIdentity> {
  const trained = decoderFile(run, stage);
  return {
    version: await packageVersion(),
    seed: config.seed,
    configHash: run.record.configHash,
    stage,
    gate,
    tileSize: run.record.dataset.patchSize,
    weights: {
      classifier: await hashFile(classifierFile(run)),
      ...((await exists(trained)) ? { decoder: await hashFile(trained) } : {}),
      "sam-encoder": hashes.encoder,
      "sam-decoder": hashes.decoder,
    },
  };
}

function sigmoidOf({ width, height, data }: FloatMap): FloatMap {
  return { width, height, data: data.map((logit) => 1 / (1 + Math.exp(-logit))) };
}
