import { EpSamError, mapConcurrently } from "../../common/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { minisamStagesId, openMinisamStages } from "../sam/encoder-stages.js";
import { type EncoderStages, minisamStages, SAM_INPUT_SIZE } from "../sam/index.js";
import type { FrozenNetwork, FrozenNetworkPlan, ShownPatch } from "./frozen-network.js";
import { joinedShape, joinFeatures } from "./joined-features.js";

/** Whether a network's name is that of the embedded SAM's encoder stages. */
export function isEncoderStages(name: string): boolean {
  return name === minisamStages.name;
}

/**
 * The stages of the embedded SAM's encoder as a frozen network. Patches as large as those that the classifier learnt from
 * fill SAM's input; smaller ones lie in it at the same magnification.
 * @throws EpSamError `shape` when patches are larger
 */
export function stagesPlan(patch: ShownPatch): FrozenNetworkPlan {
  const side = shownSide(patch);
  const within = (encoder: EncoderStages): FrozenNetwork => {
    const get = async (image: RgbImage) => joinFeatures(await encoder.levels(image, side));
    return { get, getAll: (images) => mapConcurrently(images, 1, get), close: async () => undefined };
  };
  return {
    name: minisamStages.name,
    shape: joinedShape(minisamStages.levels, { width: side, height: side }),
    atOnce: 1,
    id: async () => `${await minisamStagesId()}-${side}`,
    open: async (device) => {
      const encoder = await openMinisamStages(device);
      return { ...within(encoder), close: () => encoder.close() };
    },
    within,
  };
}

/** Side in pixels that a patch is shown to the encoder at. */
function shownSide({ patchSize, trainedSize }: ShownPatch): number {
  if (patchSize <= trainedSize) return Math.max(1, Math.round((SAM_INPUT_SIZE * patchSize) / trainedSize));
  throw new EpSamError("shape", {
    what: `sees patches of ${trainedSize} pixels at most, and these have ${patchSize}`,
    where: minisamStages.name,
    why: `SAM's encoder is shown ${SAM_INPUT_SIZE} pixels, which the patches that the classifier learnt from fill`,
    action: `Give patches of ${trainedSize} pixels, let the classifier learn from labels of windows in patches of ${patchSize}, or leave ${minisamStages.name} out of classifier.dense.backbone.`,
  });
}
