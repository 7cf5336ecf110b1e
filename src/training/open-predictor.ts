import type { Dataset } from "../dataset/index.js";
import type { SamFrame } from "../models/index.js";
import type { RunContext } from "../run/index.js";
import { activationFolder, type NamedDecoder, openActivationMapper, openSam } from "../run/index.js";
import { PatchEmbeddings } from "./patch-embeddings.js";
import { PatchPredictor } from "./patch-predictor.js";

/** Opens the embedding cache of a run. */
export async function openEmbeddings(context: RunContext, frame: SamFrame): Promise<PatchEmbeddings> {
  const encoder = context.encoder ?? (await openSam(context)).encoder;
  return PatchEmbeddings.open(context.config, { ...context, encoder, frame });
}

/** Does something with a predictor for the patches of a dataset and frees it. */
export async function withPredictor<Result>(
  context: RunContext,
  parts: {
    readonly dataset: Dataset;
    readonly frame: SamFrame;
    readonly decoders: readonly NamedDecoder[];
  },
  work: (predictor: PatchPredictor) => Promise<Result>,
): Promise<Result> {
  const { dataset, frame, decoders } = parts;
  const predictor = await PatchPredictor.create(context, {
    openMapper: () => openActivationMapper(context, frame.patch.width),
    embeddings: await openEmbeddings(context, frame),
    frame,
    decoders,
    activationFolder: activationFolder(context.run, dataset),
  });
  try {
    return await work(predictor);
  } finally {
    await predictor.close();
  }
}
