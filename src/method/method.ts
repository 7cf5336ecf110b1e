import { EpSamError, RandomStream } from "../common/index.js";
import type { Device } from "../graph/index.js";
import type { FloatMap, Mask, RgbImage } from "../imaging/index.js";
import {
  type PatchPrompt,
  type PredictedMask,
  patchPoints,
  type SamFrame,
  type StateDict,
} from "../models/index.js";
import { sigmoid } from "./classifier-session.js";
import { idsScore } from "./ids.js";
import {
  type MaskDecoder,
  type MaskDecoderOptions,
  openMaskDecoder,
  type PatchView,
} from "./mask-decoders.js";
import type { OpenOnce } from "./open-once.js";
import {
  type ActivationClassifier,
  type ActivationOptions,
  type ClassifierActivation,
  PatchActivation,
} from "./patch-activation.js";
import { pointsInActivation } from "./point-prompts.js";

/*
 * EP-SAM (paper section 2): masks of tumour, learnt from patches of which only tumour or no tumour is known.
 *
 *   Learning                                                                            where
 *     The classifier learns the patches' labels, with attention dropout.                training/classifier-stage.ts
 *     For every patch with tumour:
 *       1  activation   ← where the classifier sees tumour, averaged over rotations     activation()
 *       2  initial mask ← the activation above a threshold, opened                      PatchActivation.initialMask()
 *     SAM's mask decoder learns the initial masks, prompted with points inside them.    training/decoder-stage.ts
 *     In every round, for every patch with tumour:
 *       3  prompt       ← points drawn by activation inside the initial mask            prompt()
 *       4  mask         ← SAM's encoder, frozen, and the decoder so far                 mask()
 *       5  score        ← how much of the mask the initial mask supports (IDS)          score()
 *       The masks with the best scores are pseudo-labels.                               selectPseudoLabels()
 *       The original decoder learns these, and is the decoder of the next round.        training/pipeline-stages.ts
 *
 *   Segmenting
 *     1, and where the tumour probability passes the gate 3 and 4 with the last decoder.
 */

/** How masks are made; a run's configuration has all of it. */
export interface MethodSettings {
  /** Of the points that are drawn. */
  readonly seed: number;
  readonly cam: ActivationOptions;
  readonly sam: PromptSettings;
  /** Of decoders that see features. */
  readonly seeing: Pick<MaskDecoderOptions, "entry" | "flips">;
}

/** What SAM is prompted with. */
export interface PromptSettings {
  /** Positive points of each prompt; 50 in the paper. With 0, every patch is prompted, be its initial mask empty. */
  readonly points: number;
  /** Whether SAM is prompted with points alone, as in the paper, or also with the activation map as a mask. */
  readonly maskPrompt: "none" | "activation-map";
}

/** Whether SAM gets the activation map itself beside the points drawn from it. */
export function takesMaskPrompt({ maskPrompt }: PromptSettings): boolean {
  return maskPrompt === "activation-map";
}

/** The prompts that a decoder's graph is compiled for. */
export function promptSlots(sam: PromptSettings): { readonly points: number; readonly maskPrompt: boolean } {
  return { points: sam.points, maskPrompt: takesMaskPrompt(sam) };
}

/** What the method computes with. */
export interface MethodModels {
  /** Opened for the first activation. */
  readonly classifier: OpenOnce<ActivationClassifier>;
  /** By stage, the one of the last round last; compiled at once. */
  readonly decoders: readonly { readonly stage: string; readonly weights: StateDict }[];
  readonly device: Device;
}

/** The method for patches of one size, step by step. */
export class Method {
  readonly frame: SamFrame;
  readonly #settings: MethodSettings;
  readonly #classifier: OpenOnce<ActivationClassifier>;
  readonly #decoders: ReadonlyMap<string, MaskDecoder>;

  private constructor(
    settings: MethodSettings,
    frame: SamFrame,
    classifier: OpenOnce<ActivationClassifier>,
    decoders: ReadonlyMap<string, MaskDecoder>,
  ) {
    this.frame = frame;
    this.#settings = settings;
    this.#classifier = classifier;
    this.#decoders = decoders;
  }

  /** Compiles the decoders. Closing the method closes its models. */
  static async open(settings: MethodSettings, frame: SamFrame, models: MethodModels): Promise<Method> {
    const decoders = new Map<string, MaskDecoder>();
    for (const { stage, weights } of models.decoders) {
      const options = { weights, frame, ...promptSlots(settings.sam), ...settings.seeing };
      decoders.set(stage, await openMaskDecoder({ ...options, device: models.device }));
    }
    return new Method(settings, frame, models.classifier, decoders);
  }

  /** Stages whose decoders there are, in order. */
  get stages(): readonly string[] {
    return [...this.#decoders.keys()];
  }

  /** Opens the classifier, so that what is wrong with it is told at once. */
  async ready(): Promise<void> {
    await this.#classifier.get();
  }

  /**
   * Step 1: where the classifier sees tumour.
   * @param gate tumour probability below which nobody goes on to prompt, so that a coarser map will do
   */
  async activation(image: RgbImage, gate?: number): Promise<PatchActivation> {
    const classifier = await this.#classifier.get();
    return this.kept(await classifier.map(image, gate));
  }

  /** An activation of an earlier step 1 that was kept. */
  kept(activation: ClassifierActivation): PatchActivation {
    return new PatchActivation(activation, this.frame.patch, this.#settings.cam);
  }

  /** Steps 2 and 3, see {@link activationPrompt}. */
  prompt(
    activation: PatchActivation,
    ...name: readonly (string | number)[]
  ): Promise<PatchPrompt | undefined> {
    return activationPrompt(this.#settings, activation, ...name);
  }

  /**
   * Step 4: the decoder's mask at a prompt.
   * @param view of the patch, of which a decoder looks at what it needs
   * @param stage whose decoder, the last one's unless told
   */
  mask(view: PatchView, prompt: PatchPrompt, stage = this.stages.at(-1)): Promise<PredictedMask> {
    const decoder = stage === undefined ? undefined : this.#decoders.get(stage);
    if (decoder !== undefined) return decoder.predict(view, prompt);
    throw new EpSamError("internal", { what: `there is no decoder ${stage ?? "at all"}`, where: "Method" });
  }

  /** Step 5: how much of a mask the initial mask supports, 0 to 1. */
  async score(activation: PatchActivation, mask: Mask): Promise<number> {
    return idsScore(await activation.initialMask(), mask);
  }

  /** Frees the models. */
  async close(): Promise<void> {
    const decoders = [...this.#decoders.values()].map((decoder) => decoder.close());
    await Promise.all([this.#classifier.close(), ...decoders]);
  }
}

/**
 * The prompt for a patch, or `undefined` when it is to have points and its initial mask is empty.
 * @param name names the patch; the same name and seed give the same points
 */
export async function activationPrompt(
  { seed, sam }: Pick<MethodSettings, "seed" | "sam">,
  activation: PatchActivation,
  ...name: readonly (string | number)[]
): Promise<PatchPrompt | undefined> {
  const mask = takesMaskPrompt(sam) ? activation.logits() : undefined;
  if (sam.points === 0) return { points: patchPoints(new Float32Array()), mask };
  const stream = new RandomStream(seed, "prompts", ...name);
  const points = pointsInActivation(activation.map(), await activation.initialMask(), sam.points, stream);
  if (points === undefined) return undefined;
  return { points, mask };
}

/** Logits as a mask: foreground is above 0. */
export function foregroundOf({ width, height, data }: FloatMap): Mask {
  return { width, height, data: Uint8Array.from(data, (logit) => (logit > 0 ? 1 : 0)) };
}

/** Logits as probabilities. */
export function probabilitiesOf({ width, height, data }: FloatMap): FloatMap {
  return { width, height, data: data.map(sigmoid) };
}
