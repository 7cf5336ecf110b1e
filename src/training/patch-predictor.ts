import { join } from "node:path";
import { exists } from "../common/index.js";
import { camStage } from "../contract/index.js";
import { type Dataset, loadPatchImage, type PatchRecord } from "../dataset/index.js";
import type { FloatMap, Mask } from "../imaging/index.js";
import { type EmbeddingSource, foregroundOf, type Method, type PatchActivation } from "../method/index.js";
import type { PatchPrompt } from "../models/index.js";
import {
  activationFolder,
  type NamedDecoder,
  openMethod,
  type RunContext,
  readActivation,
  writeActivation,
} from "../run/index.js";
import { featuresFromCache } from "./patch-features.js";

/**
 * Activations of a dataset's patches. They are kept in the run directory, so that every stage prompts with the same
 * points and a killed run does not compute them again.
 */
export class PatchActivations {
  readonly #method: Method;
  readonly #folder: string;

  /** @param folder where they are kept; see `activationFolder` */
  constructor(method: Method, folder: string) {
    this.#method = method;
    this.#folder = folder;
  }

  async get(patch: PatchRecord): Promise<PatchActivation> {
    const file = join(this.#folder, `${patch.id}.safetensors`);
    if (!(await exists(file))) {
      await writeActivation(file, await this.#method.activation(await loadPatchImage(patch)));
    }
    // What was just computed is read back too, so that a resumed run sees the same float32 values.
    return this.#method.kept(await readActivation(file));
  }

  /** The prompt for a patch, or `undefined` when its initial mask is empty. */
  prompt(patch: PatchRecord, activation: PatchActivation): Promise<PatchPrompt | undefined> {
    return this.#method.prompt(activation, patch.id);
  }
}

/** Does something with the activations of a dataset's patches, and frees the classifier. */
export async function withActivations<Result>(
  context: RunContext,
  dataset: Dataset,
  work: (activations: PatchActivations) => Promise<Result>,
): Promise<Result> {
  const method = await openMethod(context, dataset.patchSize, [], featuresFromCache(context));
  try {
    return await work(new PatchActivations(method, activationFolder(context.run, dataset)));
  } finally {
    await method.close();
  }
}

/** From a dataset's patches to masks, as in inference, with the decoders of some stages. */
export class PatchPredictor {
  readonly #method: Method;
  readonly #activations: PatchActivations;
  readonly #embeddings: EmbeddingSource<PatchRecord>;
  readonly #gate: number;

  private constructor(
    method: Method,
    activations: PatchActivations,
    embeddings: EmbeddingSource<PatchRecord>,
    gate: number,
  ) {
    this.#method = method;
    this.#activations = activations;
    this.#embeddings = embeddings;
    this.#gate = gate;
  }

  /** Compiles the decoders. The embeddings stay the caller's to close. */
  static async open(
    context: RunContext,
    dataset: Dataset,
    decoders: readonly NamedDecoder[],
    embeddings: EmbeddingSource<PatchRecord>,
  ): Promise<PatchPredictor> {
    const method = await openMethod(context, dataset.patchSize, decoders, featuresFromCache(context));
    const activations = new PatchActivations(method, activationFolder(context.run, dataset));
    return new PatchPredictor(method, activations, embeddings, context.config.gate);
  }

  /** The initial masks and every decoder, in table order. */
  get stages(): readonly string[] {
    return [camStage, ...this.#method.stages];
  }

  activation(patch: PatchRecord): Promise<PatchActivation> {
    return this.#activations.get(patch);
  }

  /** How well a mask agrees with the activation, see {@link Method.score}. */
  score(activation: PatchActivation, mask: Mask): Promise<number> {
    return this.#method.score(activation, mask);
  }

  /** The last decoder's logits, its mask above 0; undefined when there is nothing to prompt with. */
  async segment(patch: PatchRecord, activation: PatchActivation): Promise<FloatMap | undefined> {
    const prompt = await this.#activations.prompt(patch, activation);
    return prompt === undefined ? undefined : this.#decode(patch, prompt);
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
    const { probability } = activation;
    const passes = probability >= this.#gate;
    const prompt = passes ? await this.#activations.prompt(patch, activation) : undefined;
    const masks: Record<string, Mask> = {};
    for (const stage of stages) {
      if (passes && stage === camStage) masks[stage] = await activation.initialMask();
      else if (prompt === undefined) masks[stage] = activation.emptyMask();
      else masks[stage] = foregroundOf(await this.#decode(patch, prompt, stage));
    }
    return { probability, masks };
  }

  async #decode(patch: PatchRecord, prompt: PatchPrompt, stage?: string): Promise<FloatMap> {
    const view = { image: () => loadPatchImage(patch), embedding: () => this.#embeddings.get(patch) };
    return (await this.#method.mask(view, prompt, stage)).logits;
  }

  /** Frees the compiled graphs. */
  close(): Promise<void> {
    return this.#method.close();
  }
}
