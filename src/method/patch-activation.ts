import { type FloatMap, type GreyImage, type Mask, type RgbImage, resizeFloatMap } from "../imaging/index.js";
import type { Size } from "../models/index.js";
import { normaliseLevels } from "./activation-levels.js";
import { sigmoid } from "./classifier-session.js";
import { type InitialMaskOptions, initialMask } from "./initial-mask.js";
import { foregroundOfLogits, logitsOfLevels } from "./logit-levels.js";
import { activationLogits } from "./mask-prompt.js";

/** What a classifier says of a patch. */
export interface ClassifierActivation {
  /** Where it sees tumour, 8 bits, at the resolution of its features. */
  readonly levels: GreyImage;
  /** Probability of tumour. */
  readonly probability: number;
}

/** A patch classifier that shows where it sees tumour, be it by class activation maps or by a dense map of its own. */
export interface ActivationClassifier {
  /**
   * @param image of any size
   * @param gate tumour probability below which the map may be a coarser one, because nobody prompts with it
   */
  map(image: RgbImage, gate?: number): Promise<ClassifierActivation>;
  close(): Promise<void>;
}

/** What the levels of an activation mean, and how it becomes a mask. */
export interface ActivationOptions extends InitialMaskOptions {
  /** `relative`, from the least to the most of its patch, unless told; or `logits`, which say tumour above 0. */
  readonly scale?: "relative" | "logits" | undefined;
}

/** The activation of a patch and what is made of it, each computed when it is asked for and once. */
export class PatchActivation implements ClassifierActivation {
  readonly levels: GreyImage;
  readonly probability: number;
  readonly #size: Size;
  readonly #options: ActivationOptions;
  #initialMask: Promise<Mask> | undefined;

  /** @param size of the patch, in pixels */
  constructor({ levels, probability }: ClassifierActivation, size: Size, options: ActivationOptions) {
    this.levels = levels;
    this.probability = probability;
    this.#size = size;
    this.#options = options;
  }

  /** The map from 0 to 1, at the resolution of the features. */
  map(): FloatMap {
    if (this.#options.scale !== "logits") return normaliseLevels(this.levels);
    const { data, ...size } = logitsOfLevels(this.levels);
    return { ...size, data: data.map(sigmoid) };
  }

  /** The map as logits, for SAM's mask prompt; at the resolution of the features. */
  logits(): FloatMap {
    if (this.#options.scale === "logits") return logitsOfLevels(this.levels);
    return activationLogits(this.levels, this.#options);
  }

  /** The map thresholded, opened and scaled to the patch; read only. */
  initialMask(): Promise<Mask> {
    this.#initialMask ??=
      this.#options.scale === "logits"
        ? Promise.resolve(foregroundOfLogits(this.logits(), this.#size))
        : initialMask(this.levels, this.#size, this.#options);
    return this.#initialMask;
  }

  /** Probability of tumour of every pixel: that of the map where it has one, else 1 in the initial mask; 0 to 1. */
  async tumour(): Promise<FloatMap> {
    if (this.#options.scale === "logits") {
      const { data } = resizeFloatMap(this.logits(), this.#size.width, this.#size.height);
      return { ...this.#size, data: data.map(sigmoid) };
    }
    const { data, ...size } = await this.initialMask();
    return { ...size, data: Float32Array.from(data) };
  }

  /** A mask of the patch's size without a pixel. */
  emptyMask(): Mask {
    const { width, height } = this.#size;
    return { width, height, data: new Uint8Array(width * height) };
  }
}
