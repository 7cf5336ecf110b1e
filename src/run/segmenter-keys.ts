import { z } from "zod";
import { EpSamError } from "../common/index.js";
import { changedKeys } from "./changed-keys.js";

const probability = z.number().min(0).max(1);
const count = z.int().min(1);

/**
 * Deviation of what every standardised channel of a patch's features is multiplied by, around 1, and of what is added.
 * `few-slides` is 0.3 where there are fewer than ten slides to learn from: their stains are then no sample of others'.
 */
export const featureNoise = z.union([z.number().min(0).max(1), z.literal("few-slides")]);

/** Slides from which on the differences between them are learnt from themselves. */
const MANY_SLIDES = 10;
const FEW_SLIDES_NOISE = 0.3;

/** Whether patches come from so many slides that the differences between slides are learnt from themselves. */
export function hasManySlides(train: readonly { readonly slide: string }[]): boolean {
  return new Set(train.map(({ slide }) => slide)).size >= MANY_SLIDES;
}

/** The deviation that a configuration means for the patches that are learnt from. */
export function featureDeviation(
  noise: z.infer<typeof featureNoise>,
  train: readonly { readonly slide: string }[],
): number {
  if (noise !== "few-slides") return noise;
  return hasManySlides(train) ? 0 : FEW_SLIDES_NOISE;
}

/** How far the stains of training patches vary, see `jitterStains`. */
export const stainKeys = {
  /** Each stain's density is multiplied by a number of 1 ± this. */
  stainScale: z.number().min(0).max(0.9),
  /** A number of ± this is added to each stain's density. */
  stainShift: z.number().min(0).max(0.5),
};

const augmentSchema = z.strictObject({
  ...stainKeys,
  /** Side in pixels of a random part of the patch, a multiple of 32; null: the patch. Not with SAM's decoder. */
  cropSize: z.union([
    z.null(),
    z
      .int()
      .min(32)
      .refine((side) => side % 32 === 0, "must be a multiple of 32"),
  ]),
});

/** What a decoder that sees the backbone's features is, unless told: SAM's as published, which sees none. */
export const segmenterDefaults = {
  kind: "sam",
  features: false,
  trainBackbone: false,
  pretrainedRate: 0.2,
  loss: "overlap",
  negatives: false,
  confidence: false,
  warmStart: false,
  optionalMask: 0,
  augment: { stainScale: 0, stainShift: 0, cropSize: null },
  featureNoise: 0,
  samplesPerEpoch: null,
  warmUpSteps: 0,
  calibrate: false,
  flipsAtTest: false,
} as const;

/** Keys of the section `decoder` about decoders that see a backbone's features. */
export const segmenterKeys = {
  /** `sam` is SAM's mask decoder; `pyramid` a feature pyramid, which needs neither SAM's encoder nor prompts. */
  kind: z.enum(["sam", "pyramid"]).default(segmenterDefaults.kind),
  /** Adds the features of `classifier.dense.backbone` to SAM's decoder; a pyramid has them anyway. */
  features: z.boolean().default(segmenterDefaults.features),
  /** Trains the backbone with the decoder. */
  trainBackbone: z.boolean().default(segmenterDefaults.trainBackbone),
  /** Learning rate of what was trained before, the backbone's and SAM's own weights, as a share of the others'. */
  pretrainedRate: z.number().gt(0).max(1).default(segmenterDefaults.pretrainedRate),
  /** `overlap` is the paper's Dice and IoU; `cross-entropy-dice` weighs pixels. */
  loss: z.enum(["overlap", "cross-entropy-dice"]).default(segmenterDefaults.loss),
  /** Patches without tumour take part. */
  negatives: z.boolean().default(segmenterDefaults.negatives),
  /** From the first round on, pixels count by how sure the decoder before was of them. */
  confidence: z.boolean().default(segmenterDefaults.confidence),
  /** A round starts from the weights of the stage before, and not, as in the paper, from those of the first one. */
  warmStart: z.boolean().default(segmenterDefaults.warmStart),
  /** Share of the training samples whose mask prompt is left out. */
  optionalMask: probability.default(segmenterDefaults.optionalMask),
  augment: augmentSchema.default(segmenterDefaults.augment),
  /**
   * Deviation of the random factor, around 1, and of the random shift of every channel of a training patch's
   * standardised features: slides differ by them, and what is learnt must not rest on one channel.
   */
  featureNoise: featureNoise.default(segmenterDefaults.featureNoise),
  /** Training patches drawn for each epoch; null takes every patch once. */
  samplesPerEpoch: z.union([z.null(), count]).default(segmenterDefaults.samplesPerEpoch),
  /** First steps over which the learning rate rises to its value. */
  warmUpSteps: z.int().min(0).default(segmenterDefaults.warmUpSteps),
  /** Chooses the logit that separates tumour from other tissue by the windows of validation patches. */
  calibrate: z.boolean().default(segmenterDefaults.calibrate),
  /** Averages the logits of four flips in prediction. */
  flipsAtTest: z.boolean().default(segmenterDefaults.flipsAtTest),
};

type SegmenterKeys = z.infer<z.ZodObject<typeof segmenterKeys>>;

/** True for decoders that see a backbone's features, and so the pixels of a patch. */
export function seesFeatures({ kind, features }: Pick<SegmenterKeys, "kind" | "features">): boolean {
  return kind === "pyramid" || features;
}

/** What of a configuration these rules are about. */
interface CheckedSections {
  readonly sam: { readonly points: number; readonly maskPrompt: "none" | "activation-map" };
  readonly decoder: SegmenterKeys & { readonly validation: string };
}

/**
 * Refuses values that are right by themselves and do not go together.
 * @throws EpSamError `configuration` naming each key
 */
export function requireConsistentDecoder(sections: CheckedSections): void {
  const conflicts = seesFeatures(sections.decoder) ? conflictsOf(sections) : conflictsOfPlainSam(sections);
  if (conflicts.length === 0) return;
  throw new EpSamError("configuration", {
    what: conflicts.map(([key, why]) => `${key}: ${why}`).join("; "),
    where: "configuration",
    action: "`epsam train --print-config` shows every key with its value.",
  });
}

type Conflict = readonly [key: string, why: string];

/** SAM's decoder as published is trained as in the paper. */
function conflictsOfPlainSam({ sam, decoder }: CheckedSections): Conflict[] {
  const changed = changedKeys(decoder, segmenterDefaults).filter((key) => key !== "pretrainedRate");
  const keys = decoder.validation === "windows" ? [...changed, "validation"] : changed;
  const conflicts: Conflict[] = keys.map((key) => [
    `decoder.${key}`,
    "needs decoder.kind pyramid, or decoder.features true",
  ]);
  if (sam.points > 0) return conflicts;
  return [...conflicts, ["sam.points", "must be at least 1 for SAM's decoder without features"]];
}

function conflictsOf({ sam, decoder }: CheckedSections): Conflict[] {
  const isSam = decoder.kind === "sam";
  const takesMask = isSam && sam.maskPrompt === "activation-map";
  const rules: readonly (readonly [refused: boolean, ...Conflict])[] = [
    [
      decoder.confidence && decoder.loss === "overlap",
      "decoder.confidence",
      "needs decoder.loss cross-entropy-dice",
    ],
    [isSam && decoder.augment.cropSize !== null, "decoder.augment.cropSize", "is for decoder.kind pyramid"],
    [isSam && decoder.flipsAtTest, "decoder.flipsAtTest", "is for decoder.kind pyramid"],
    [
      decoder.optionalMask > 0 && !takesMask,
      "decoder.optionalMask",
      "needs decoder.kind sam with sam.maskPrompt activation-map",
    ],
    [
      decoder.negatives && isSam && sam.points > 0,
      "decoder.negatives",
      "needs sam.points 0: in a patch without tumour there is nothing to point at",
    ],
  ];
  return rules.flatMap(([refused, key, why]) => (refused ? [[key, why] as const] : []));
}
