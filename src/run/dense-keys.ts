import { z } from "zod";
import { elementCount } from "../graph/index.js";
import {
  type BackboneEntry,
  backbone,
  backboneNames,
  backboneTensors,
  whyUntrainable,
} from "../models/index.js";
import { changedKeys } from "./changed-keys.js";
import { stainKeys } from "./segmenter-keys.js";

const probability = z.number().min(0).max(1);

/** What a dense classifier's backbone is, unless told: frozen, so that its features are computed once. */
export const denseTrainingDefaults = {
  trainBackbone: false,
  // Of the rate of a head alone, 1e-2 in the presets: with 0.2 the first epoch forgot what was pretrained.
  pretrainedRate: 0.02,
  augment: { stainScale: 0, stainShift: 0 },
  highFrequency: false,
  dropRate: 0,
  dropThreshold: 0.8,
} as const;

/** Keys of the section `classifier.dense` about features that are computed anew in every step. */
export const denseTrainingKeys = {
  /**
   * Trains the backbone with the head: all of it, or the stages that make the level of a stride and coarser ones. Batch
   * statistics stay as they are.
   */
  trainBackbone: z
    .union([z.boolean(), z.literal(4), z.literal(8), z.literal(16)])
    .default(denseTrainingDefaults.trainBackbone),
  /** Learning rate of the backbone as a share of the head's. */
  pretrainedRate: z.number().gt(0).max(1).default(denseTrainingDefaults.pretrainedRate),
  augment: z.strictObject(stainKeys).default(denseTrainingDefaults.augment),
  /** Adds the image's high-frequency content to the backbone's first convolution, which has to be trained then. */
  highFrequency: z.boolean().default(denseTrainingDefaults.highFrequency),
  /** Probability that an attention dropout layer of the backbone drops instead of weighting; 0: there are none. */
  dropRate: probability.default(denseTrainingDefaults.dropRate),
  /** Attention above this share of its maximum is dropped. */
  dropThreshold: probability.default(denseTrainingDefaults.dropThreshold),
};

type DenseTraining = z.infer<z.ZodObject<typeof denseTrainingKeys>>;

/** What of a configuration these rules are about. */
type DenseSection = DenseTraining & { readonly backbone: string | readonly string[] };

/** True where features are computed from pixels in every step, since backbone, pixels or features change. */
export function learnsFromPixels({
  trainBackbone,
  augment,
  highFrequency,
  dropRate,
}: DenseTraining): boolean {
  const isStained = augment.stainScale > 0 || augment.stainShift > 0;
  return trainBackbone !== false || isStained || highFrequency || dropRate > 0;
}

/** True where a run's classifier has a backbone of its own among its weights. */
export function trainsItsBackbone({
  classifier: { model, dense },
}: {
  readonly classifier: {
    readonly model: string;
    readonly dense: Pick<DenseTraining, "trainBackbone">;
  };
}): boolean {
  return model === "dense" && dense.trainBackbone !== false;
}

/** Whether a tensor of a backbone is trained, by its own name. */
export function isTrainedTensor(
  { trainBackbone, backbone: names }: Pick<DenseSection, "trainBackbone" | "backbone">,
  name: string,
): boolean {
  if (typeof trainBackbone === "boolean") return trainBackbone;
  return onlyBackbone(names).strideOf(name) >= trainBackbone;
}

/** The backbone that is trained; several networks are refused before, see {@link conflictsOfDense}. */
function onlyBackbone(names: DenseSection["backbone"]): BackboneEntry {
  return backbone(backboneNames(names)[0] ?? "");
}

/** Bytes of the backbone that a classifier stores, as float32. */
export function trainedBackboneBytes({ backbone: names, highFrequency }: DenseSection): number {
  const tensors = backboneTensors(onlyBackbone(names), { highFrequency });
  return 4 * tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
}

/** What of a section does not go together, naming each key. */
export function conflictsOfDense(dense: DenseSection): string[] {
  const why = whyUntrainable(dense.backbone);
  const alone = (key: string) => `classifier.dense.${key}: needs one backbone of this package, and ${why}`;
  const changed = changedKeys(dense, denseTrainingDefaults).filter(
    (key) => key !== "pretrainedRate" && key !== "dropThreshold",
  );
  const conflicts = why === null ? [] : changed.map(alone);
  if (!dense.highFrequency || dense.trainBackbone === true) return conflicts;
  return [
    ...conflicts,
    "classifier.dense.highFrequency: needs classifier.dense.trainBackbone true, since the channel starts at zero in the first convolution",
  ];
}
