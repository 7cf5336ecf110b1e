import { EpSamError, RandomStream } from "../common/index.js";
import type { PatchRecord } from "../dataset/index.js";
import { applyDihedral, type FloatMap, type GreyImage, type Mask } from "../imaging/index.js";
import { pointsInMask, takesMaskPrompt } from "../method/index.js";
import type { PatchPrompt } from "../models/index.js";
import type { TrainingConfig } from "../run/index.js";

/** A patch with the mask its prediction is compared with: a pseudo-label, or in validation perhaps the truth. */
export interface MaskedPatch {
  readonly patch: PatchRecord;
  /** Reads the mask; thousands of them would not fit in memory at once. */
  readMask(): Promise<Mask>;
  /** Reads how much each of its pixels counts, from 0 to 255; all alike when it is left out. */
  readonly readConfidence?: (() => Promise<GreyImage>) | undefined;
}

/** A validation patch with its prompt, drawn from its activation map. */
export interface PromptedPatch extends MaskedPatch {
  readonly prompt: PatchPrompt;
}

/** One patch of a batch. */
export interface Sample {
  readonly patch: PatchRecord;
  readonly variant: number;
  readonly mask: Mask;
  readonly prompt: PatchPrompt;
}

/** What samples are drawn from. */
interface SampleOptions {
  readonly stage: string;
  readonly config: TrainingConfig;
  readonly train: readonly MaskedPatch[];
  /** The activation map of a training patch as logits, for SAM's mask prompt. */
  readonly activationLogits: (patch: PatchRecord) => Promise<FloatMap>;
}

/** One batch: each patch under a random variant, with points drawn inside its mask. */
export async function trainingSamples(
  options: SampleOptions,
  indices: readonly number[],
  epoch: number,
): Promise<Sample[]> {
  const { config, stage, train } = options;
  const samples: Sample[] = [];
  for (const index of indices) {
    const item = train[index];
    if (item === undefined) continue;
    const stream = new RandomStream(config.seed, stage, "sample", epoch, index);
    const variant = config.decoder.variants[stream.integer(config.decoder.variants.length)] ?? 0;
    const mask = applyDihedral(await item.readMask(), variant);
    const points = pointsInMask(mask, config.sam.points, stream);
    if (points === undefined) throw emptyMask(stage, item.patch);
    const logits = takesMaskPrompt(config.sam) ? await options.activationLogits(item.patch) : undefined;
    const prompt = { points, mask: logits && applyDihedral(logits, variant) };
    samples.push({ patch: item.patch, variant, mask, prompt });
  }
  return samples;
}

export function emptyMask(stage: string, { id }: PatchRecord): EpSamError {
  return new EpSamError("run-directory", {
    what: `the mask of ${id} has no pixel any more`,
    where: stage,
    why: "it had some when the stage began",
    action: "Do not change the masks of a run while it trains; train again into a new directory.",
  });
}
