import { EpSamError, exists } from "../common/index.js";
import { loadPatchImage, type PatchRecord } from "../dataset/index.js";
import { floatTensor } from "../graph/index.js";
import type { GreyImage, Mask } from "../imaging/index.js";
import {
  MaskPredictor,
  type Points,
  readSafetensors,
  type SamFrame,
  type StoredTensor,
  writeSafetensors,
} from "../models/index.js";
import type { ClassActivationMapper } from "../prompting/index.js";
import type { PatchEmbeddings } from "./patch-embeddings.js";
import { activationPrompts, type PatchActivation, patchActivation } from "./prompted-activation.js";
import type { RunContext } from "./run-context.js";
import type { NamedDecoder } from "./run-models.js";

/** Name of the table row that judges the initial masks themselves. */
export const camStage = "initial-masks";

/**
 * From patch to masks as in inference: classifier, activation map, prompts, SAM. Activation maps are kept in the
 * run directory, so every stage prompts with the same points and a killed run does not compute them again.
 */
export class PatchPredictor {
  readonly #context: RunContext;
  readonly #mapper: ClassActivationMapper;
  readonly #embeddings: PatchEmbeddings;
  readonly #frame: SamFrame;
  readonly #decoders: ReadonlyMap<string, MaskPredictor>;

  private constructor(
    context: RunContext,
    mapper: ClassActivationMapper,
    embeddings: PatchEmbeddings,
    frame: SamFrame,
    decoders: ReadonlyMap<string, MaskPredictor>,
  ) {
    this.#context = context;
    this.#frame = frame;
    this.#mapper = mapper;
    this.#embeddings = embeddings;
    this.#decoders = decoders;
  }

  static async create(
    context: RunContext,
    parts: {
      readonly mapper: ClassActivationMapper;
      readonly embeddings: PatchEmbeddings;
      readonly frame: SamFrame;
      readonly decoders: readonly NamedDecoder[];
    },
  ): Promise<PatchPredictor> {
    const decoders = new Map<string, MaskPredictor>();
    for (const { stage, weights } of parts.decoders) {
      const { frame } = parts;
      const options = { weights, frame, points: context.config.sam.points, device: context.device };
      decoders.set(stage, await MaskPredictor.create(options));
    }
    return new PatchPredictor(context, parts.mapper, parts.embeddings, parts.frame, decoders);
  }

  /** The initial masks and every decoder, in table order. */
  get stages(): readonly string[] {
    return [camStage, ...this.#decoders.keys()];
  }

  /** The patch's activation map, probability and initial mask. */
  async activation(patch: PatchRecord): Promise<PatchActivation> {
    const file = this.#context.run.path("activation-maps", `${patch.id}.safetensors`);
    const stored = (await exists(file))
      ? await readActivation(file)
      : await this.#computeActivation(patch, file);
    return patchActivation(stored, this.#frame.patch, this.#context.config.cam);
  }

  async #computeActivation(patch: PatchRecord, file: string): Promise<StoredActivation> {
    const { levels, probability } = await this.#mapper.map(await loadPatchImage(patch));
    const tensors = new Map<string, StoredTensor>([
      ["levels", { dataType: "uint8", shape: [levels.height, levels.width], data: levels.data }],
      ["probability", floatTensor([1], Float32Array.of(probability))],
    ]);
    await writeSafetensors(file, tensors);
    return readActivation(file);
  }

  /** Prompt points for a patch, or `undefined` when its activation map is empty. */
  prompts(patch: PatchRecord, activation: PatchActivation): Points<"patch"> | undefined {
    return activationPrompts(this.#context.config, activation, patch.id);
  }

  /** The mask of the last decoder; empty when there is nothing to prompt with. */
  async segment(patch: PatchRecord): Promise<Mask> {
    const activation = await this.activation(patch);
    const predictor = [...this.#decoders.values()].at(-1);
    const points = this.prompts(patch, activation);
    if (predictor === undefined || points === undefined) return emptyLike(activation.initialMask);
    return this.#decode(predictor, patch, points);
  }

  /**
   * The masks of every stage; all are empty when the classifier's probability is below the gate.
   * @param wanted false asks for the probability alone
   */
  async predict(
    patch: PatchRecord,
    wanted = true,
  ): Promise<{ probability: number; masks: Record<string, Mask> }> {
    const activation = await this.activation(patch);
    const { probability, initialMask } = activation;
    if (!wanted) return { probability, masks: {} };
    const passes = probability >= this.#context.config.gate;
    const points = passes ? this.prompts(patch, activation) : undefined;
    const masks: Record<string, Mask> = { [camStage]: passes ? initialMask : emptyLike(initialMask) };
    for (const [stage, predictor] of this.#decoders) {
      masks[stage] =
        points === undefined ? emptyLike(initialMask) : await this.#decode(predictor, patch, points);
    }
    return { probability, masks };
  }

  async #decode(predictor: MaskPredictor, patch: PatchRecord, points: Points<"patch">): Promise<Mask> {
    const { logits } = await predictor.predict(await this.#embeddings.get(patch), points);
    return { ...this.#frame.patch, data: Uint8Array.from(logits.data, (logit) => (logit > 0 ? 1 : 0)) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#decoders.values()].map((predictor) => predictor.close()));
    await Promise.all([this.#mapper.close(), this.#embeddings.close()]);
  }
}

/** An activation map as it is kept: 8-bit levels and the probability in float32. */
interface StoredActivation {
  readonly levels: GreyImage;
  readonly probability: number;
}

async function readActivation(file: string): Promise<StoredActivation> {
  const { tensors } = await readSafetensors(file);
  const levels = tensors.get("levels");
  const probability = tensors.get("probability");
  const [height, width] = levels?.shape ?? [];
  if (levels?.dataType !== "uint8" || probability?.dataType !== "float32" || !height || !width) {
    throw new EpSamError("run-directory", {
      what: "is not an activation map of this run",
      where: file,
      action: "Delete the folder activation-maps and run again with --resume.",
    });
  }
  return { levels: { width, height, data: levels.data }, probability: probability.data[0] ?? 0 };
}

function emptyLike({ width, height }: Mask): Mask {
  return { width, height, data: new Uint8Array(width * height) };
}
