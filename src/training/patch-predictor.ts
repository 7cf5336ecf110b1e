import { join } from "node:path";
import { exists } from "../common/index.js";
import { loadPatchImage, type PatchRecord } from "../dataset/index.js";
import type { Mask } from "../imaging/index.js";
import {
  activationPrompt,
  type ClassActivationMapper,
  type PatchActivation,
  patchActivation,
  takesMaskPrompt,
} from "../method/index.js";
import { MaskPredictor, type PatchPrompt, type SamFrame } from "../models/index.js";
import {
  camStage,
  type NamedDecoder,
  type RunContext,
  readActivation,
  type StoredActivation,
  writeActivation,
} from "../run/index.js";
import type { PatchEmbeddings } from "./patch-embeddings.js";

/** What a predictor is made of; it closes mapper and embeddings with itself. */
export interface PredictorParts {
  /** Compiles the classifier; called when the first activation map has to be computed. */
  openMapper(): Promise<ClassActivationMapper>;
  readonly embeddings: PatchEmbeddings;
  readonly frame: SamFrame;
  readonly decoders: readonly NamedDecoder[];
  /** Where activation maps are kept; see `activationFolder`. */
  readonly activationFolder: string;
}

/**
 * From patch to masks as in inference: classifier, activation map, prompts, SAM. Activation maps are kept in the
 * run directory, so every stage prompts with the same points and a killed run does not compute them again.
 */
export class PatchPredictor {
  readonly #context: RunContext;
  readonly #openMapper: () => Promise<ClassActivationMapper>;
  readonly #embeddings: PatchEmbeddings;
  readonly #frame: SamFrame;
  readonly #activationFolder: string;
  readonly #decoders: ReadonlyMap<string, MaskPredictor>;
  #mapper: Promise<ClassActivationMapper> | undefined;

  private constructor(
    context: RunContext,
    parts: PredictorParts,
    decoders: ReadonlyMap<string, MaskPredictor>,
  ) {
    this.#context = context;
    this.#frame = parts.frame;
    this.#openMapper = parts.openMapper;
    this.#embeddings = parts.embeddings;
    this.#activationFolder = parts.activationFolder;
    this.#decoders = decoders;
  }

  /** Compiles the decoders. */
  static async create(context: RunContext, parts: PredictorParts): Promise<PatchPredictor> {
    const decoders = new Map<string, MaskPredictor>();
    for (const { stage, weights } of parts.decoders) {
      const { frame } = parts;
      const { sam } = context.config;
      const prompts = { points: sam.points, maskPrompt: takesMaskPrompt(sam) };
      const options = { weights, frame, ...prompts, device: context.device };
      decoders.set(stage, await MaskPredictor.create(options));
    }
    return new PatchPredictor(context, parts, decoders);
  }

  /** The initial masks and every decoder, in table order. */
  get stages(): readonly string[] {
    return [camStage, ...this.#decoders.keys()];
  }

  /** The patch's activation map, probability and initial mask. */
  async activation(patch: PatchRecord): Promise<PatchActivation> {
    const file = join(this.#activationFolder, `${patch.id}.safetensors`);
    // What was just computed is read back too, so that a resumed run sees the same float32 values.
    if (!(await exists(file))) await writeActivation(file, await this.#map(patch));
    return patchActivation(await readActivation(file), this.#frame.patch, this.#context.config.cam);
  }

  async #map(patch: PatchRecord): Promise<StoredActivation> {
    this.#mapper ??= this.#openMapper();
    const mapper = await this.#mapper;
    return mapper.map(await loadPatchImage(patch));
  }

  /** The prompt for a patch, or `undefined` when its activation map is empty. */
  prompt(patch: PatchRecord, activation: PatchActivation): PatchPrompt | undefined {
    return activationPrompt(this.#context.config, activation, patch.id);
  }

  /** The mask of the last decoder; empty when there is nothing to prompt with. */
  async segment(patch: PatchRecord): Promise<Mask> {
    const activation = await this.activation(patch);
    const predictor = [...this.#decoders.values()].at(-1);
    const prompt = this.prompt(patch, activation);
    if (predictor === undefined || prompt === undefined) return emptyLike(activation.initialMask);
    return this.#decode(predictor, patch, prompt);
  }

  /**
   * The masks of the given stages; all are empty when the classifier's probability is below the gate.
   * @param stages those of {@link stages} unless told otherwise
   */
  async predict(
    patch: PatchRecord,
    stages: readonly string[] = this.stages,
  ): Promise<{ probability: number; masks: Record<string, Mask> }> {
    const activation = await this.activation(patch);
    const { probability, initialMask } = activation;
    const passes = probability >= this.#context.config.gate;
    const prompt = passes ? this.prompt(patch, activation) : undefined;
    const masks: Record<string, Mask> = {};
    for (const stage of stages) {
      const predictor = this.#decoders.get(stage);
      if (predictor === undefined) masks[stage] = passes ? initialMask : emptyLike(initialMask);
      else if (prompt === undefined) masks[stage] = emptyLike(initialMask);
      else masks[stage] = await this.#decode(predictor, patch, prompt);
    }
    return { probability, masks };
  }

  async #decode(predictor: MaskPredictor, patch: PatchRecord, prompt: PatchPrompt): Promise<Mask> {
    const { logits } = await predictor.predict(await this.#embeddings.get(patch), prompt);
    return { ...this.#frame.patch, data: Uint8Array.from(logits.data, (logit) => (logit > 0 ? 1 : 0)) };
  }

  /** Frees the compiled graphs and the encoder. */
  async close(): Promise<void> {
    await Promise.all([...this.#decoders.values()].map((predictor) => predictor.close()));
    if (this.#mapper !== undefined) await (await this.#mapper).close();
    await this.#embeddings.close();
  }
}

function emptyLike({ width, height }: Mask): Mask {
  return { width, height, data: new Uint8Array(width * height) };
}
