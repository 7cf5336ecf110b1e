export { evaluateSplit, runPipeline } from "./pipeline.js";
export { type RetrainOptions, retrainWithCorrections } from "./retrain.js";
export { beginOrGoOn, type TrainedRun, type TrainOptions, train } from "./start-run.js";
