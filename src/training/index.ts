export {
  type EmbeddingGroup,
  type EmbeddingPlan,
  type EmbedOptions,
  type EmbedResult,
  embed,
  planEmbedding,
} from "./embed.js";
export {
  type EmbeddingWork,
  type KeptEmbeddings,
  keepEmbeddings,
  missingEmbeddings,
  notKept,
  openKeptEmbeddings,
  requireSameNetworks,
} from "./embedding-work.js";
export { evaluateSplit, runPipeline } from "./pipeline.js";
export { requireConsistentConfig } from "./require-consistent-config.js";
export { type RetrainOptions, retrainWithCorrections } from "./retrain.js";
export {
  beginOrGoOn,
  type TrainedRun,
  type TrainOptions,
  train,
} from "./start-run.js";
