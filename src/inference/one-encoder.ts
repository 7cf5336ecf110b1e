import type { Device } from "../graph/index.js";
import { OpenOnce } from "../method/index.js";
import {
  backboneNames,
  type ImageEncoder,
  isEncoderStages,
  minisamEncoderId,
  openMinisamWithStages,
} from "../models/index.js";
import type { FeaturesFrom, RunContext, SamSource } from "../run/index.js";

/** Where a run's classifier has its features from, and its decoder SAM's embeddings. */
export interface SeenBySam {
  readonly features?: FeaturesFrom | undefined;
  openEncoder(): Promise<ImageEncoder>;
}

/**
 * SAM's encoder is by far the most expensive part: where the classifier sees the stages of the same encoder that SAM's
 * decoder has its embeddings of, a patch is shown to it once for both.
 */
export async function oneEncoder(
  { config: { classifier, decoder } }: Pick<RunContext, "config">,
  { encoder }: Pick<SamSource, "encoder">,
  device: Device,
): Promise<SeenBySam> {
  const seesStages =
    classifier.model === "dense" && backboneNames(classifier.dense.backbone).some(isEncoderStages);
  const isSame = decoder.kind === "sam" && encoder.id === (await minisamEncoderId());
  if (!seesStages || !isSame) return { openEncoder: () => encoder.open(device) };
  const both = new OpenOnce(() => openMinisamWithStages(device));
  return {
    // Closed with the classifier, which has opened it in any case.
    openEncoder: async () => ({ ...(await both.get()), close: async () => undefined }),
    features: (plan) => ({
      ...plan,
      networks: plan.networks.map((network) => {
        const { within } = network;
        if (within === undefined) return network;
        return {
          ...network,
          open: async () => ({ ...within(await both.get()), close: () => both.close() }),
        };
      }),
    }),
  };
}
