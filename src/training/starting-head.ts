import { RandomStream, type Reporter, silentReporter } from "../common/index.js";
import type { Dataset, PatchRecord } from "../dataset/index.js";
import { initialDenseWeights, loadInitialHead } from "../models/index.js";
import { denseOptions, hasManySlides, type TrainingConfig } from "../run/index.js";
import { startingWeights } from "./classifier-stage.js";
import type { Weights } from "./epoch-loop.js";

/**
 * The head that training begins with: random by seed, or that of the configured file.
 * @param train patches that it learns from: features have more context where they are of many slides
 * @throws EpSamError `weights` when the file cannot be read or belongs to another model
 */
export async function startingHead(
  config: TrainingConfig,
  train: readonly PatchRecord[],
  reporter: Reporter = silentReporter,
): Promise<Weights> {
  const options = denseOptions(config, hasManySlides(train));
  const file = config.classifier.initialWeights;
  if (file === null) {
    return initialDenseWeights(options, (name) => new RandomStream(config.seed, "classifier weights", name));
  }
  const { weights, leftOut } = await loadInitialHead(file, options);
  for (const { names, why } of leftOut) reporter.note(`${file}: ${names.length} not taken: ${why}`);
  return weights;
}

/** @throws EpSamError `weights` when the file that the classifier is to begin with cannot be read or belongs to another model */
export async function requireStart(config: TrainingConfig, data: Dataset, reporter: Reporter): Promise<void> {
  if (config.classifier.model !== "dense") await startingWeights(config, reporter);
  else {
    const train = data.patches.filter(({ split }) => split === "train");
    await startingHead(config, train, reporter);
  }
}
