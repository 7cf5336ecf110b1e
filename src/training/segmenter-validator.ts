import { loadPatchImage, type PatchRecord, windowsOf } from "../dataset/index.js";
import type { FloatMap, Mask } from "../imaging/index.js";
import { openMaskDecoder, promptSlots } from "../method/index.js";
import { decoderBackbone, promptSettings } from "../run/index.js";
import type { Validated, Weights } from "./epoch-loop.js";
import { likeliestOffset, type PooledWindow, poolWindows, windowAccuracy } from "./pooled-windows.js";
import type { SegmenterStageOptions } from "./segmenter-stage.js";

/** Judges a segmenter on validation patches, by decoders as inference opens them. */
export class SegmenterValidator {
  readonly #options: SegmenterStageOptions;
  readonly #fixed: Weights;

  /** @param fixed what belongs to a decoder beside the weights that are trained */
  constructor(options: SegmenterStageOptions, fixed: Weights) {
    this.#options = options;
    this.#fixed = fixed;
  }

  async validate(weights: Weights): Promise<Validated> {
    if (this.#options.config.decoder.validation !== "windows") return this.#againstMasks(weights);
    const windows = await this.#windows(weights, false);
    const offset = likeliestOffset(windows);
    const balancedAccuracy = windowAccuracy(windows, offset);
    return { criterion: 1 - balancedAccuracy, values: { balancedAccuracy, offset } };
  }

  /** The logit that separates tumour from other tissue, by the labels of windows and never by masks. */
  async offset(weights: Weights): Promise<number> {
    return likeliestOffset(await this.#windows(weights, this.#options.config.decoder.flipsAtTest));
  }

  async #windows(weights: Weights, flips: boolean): Promise<PooledWindow[]> {
    const judged: PooledWindow[] = [];
    await this.#predict(weights, flips, async (logits, { patch }) => {
      judged.push(...poolWindows(logits, windowsOf(patch, logits.width)));
    });
    return judged;
  }

  async #againstMasks(weights: Weights): Promise<Validated> {
    const totals = { dice: 0, iou: 0 };
    await this.#predict(weights, false, async (logits, { readMask }) => {
      const { dice, iou } = softOverlap(logits, await readMask());
      totals.dice += dice;
      totals.iou += iou;
    });
    const count = this.#options.validation.length;
    const [dice, iou] = [totals.dice / count, totals.iou / count];
    const loss = 2 - dice - iou;
    return { criterion: loss, values: { loss, dice, iou } };
  }

  async #predict(
    weights: Weights,
    flips: boolean,
    judge: (logits: FloatMap, item: SegmenterStageOptions["validation"][number]) => Promise<void>,
  ): Promise<void> {
    const { config, base, frame, validation, embeddings, device, signal } = this.#options;
    const decoder = await openMaskDecoder({
      weights: new Map([...base, ...this.#fixed, ...weights]),
      frame,
      ...promptSlots(promptSettings(config)),
      entry: decoderBackbone(config),
      flips,
      device,
    });
    const viewOf = (patch: PatchRecord) => ({
      image: () => loadPatchImage(patch),
      embedding: () => embeddings.get(patch),
    });
    try {
      for (const item of validation) {
        signal?.throwIfAborted();
        await judge((await decoder.predict(viewOf(item.patch), item.prompt)).logits, item);
      }
    } finally {
      await decoder.close();
    }
  }
}

/** Smoothing of Dice and IoU: two empty masks agree perfectly. */
const SMOOTHING = 1e-3;

/** Soft Dice and IoU of logits with a mask, as `overlapLosses` takes them. */
function softOverlap({ data }: FloatMap, mask: Mask): { readonly dice: number; readonly iou: number } {
  let [intersection, total] = [0, 0];
  data.forEach((logit, pixel) => {
    const probability = 1 / (1 + Math.exp(-logit));
    const target = mask.data[pixel] ?? 0;
    intersection += probability * target;
    total += probability + target;
  });
  return {
    dice: (2 * intersection + SMOOTHING) / (total + SMOOTHING),
    iou: (intersection + SMOOTHING) / (total - intersection + SMOOTHING),
  };
}
