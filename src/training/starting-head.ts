import { EpSamError, hashFile, RandomStream, type Reporter, silentReporter } from "../common/index.js";
import type { Dataset, PatchRecord } from "../dataset/index.js";
import {
  initialDenseWeights,
  loadBackboneWeights,
  loadInitialBackbone,
  loadInitialHead,
  type StateDict,
} from "../models/index.js";
import {
  decoderBackbone,
  denseOptions,
  hasManySlides,
  type RunDirectory,
  type TrainingConfig,
  trainsItsBackbone,
} from "../run/index.js";
import { startingWeights } from "./classifier-stage.js";
import type { Weights } from "./epoch-loop.js";

/** Name under which `run.json` records the file that the classifier starts from. */
export const initialWeightsName = "classifier.initialWeights";

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
  const { weights, leftOut } = await loadInitialHead(file, options, {
    withBackbone: trainsItsBackbone(config),
  });
  for (const { names, why } of leftOut) reporter.note(`${file}: ${names.length} not taken: ${why}`);
  return weights;
}

/** What a classifier's backbone is before it is trained. */
export interface StartingBackbone {
  readonly weights: StateDict;
  /** The same where they are not the backbone's usual ones; the high-frequency channel, which is zero, makes none others. */
  readonly own: StateDict | undefined;
}

/**
 * The backbone that training begins with: the usual weights, or those of the configured file where its head was trained
 * with a backbone.
 * @throws EpSamError `weights` when the file cannot be read, holds another backbone, or is not the one that the run began with
 */
export async function startingBackbone(
  config: TrainingConfig,
  run: Pick<RunDirectory, "record">,
): Promise<StartingBackbone> {
  const own = await initialBackbone(config);
  if (own !== undefined) {
    await requireSameStart(run, config.classifier.initialWeights);
    return { weights: own, own };
  }
  const { highFrequency } = config.classifier.dense;
  const { weights } = await loadBackboneWeights(decoderBackbone(config), undefined, { highFrequency });
  return { weights, own };
}

/** The backbone of the configured file that a trained one begins with; undefined where there is none. */
export async function initialBackbone(config: TrainingConfig): Promise<StateDict | undefined> {
  const file = config.classifier.initialWeights;
  if (file === null || !trainsItsBackbone(config)) return undefined;
  const { highFrequency } = config.classifier.dense;
  return loadInitialBackbone(file, decoderBackbone(config), { highFrequency });
}

/** A run that goes on reads the file again, for what stays frozen. */
async function requireSameStart(
  { record }: Pick<RunDirectory, "record">,
  file: string | null,
): Promise<void> {
  const recorded = record.weights.find(({ name }) => name === initialWeightsName);
  if (file === null || recorded === undefined) return;
  const sha256 = await hashFile(file);
  if (sha256 === recorded.sha256) return;
  throw new EpSamError("weights", {
    where: file,
    what: "is not the file that the run began with",
    why: `its SHA-256 is ${sha256}, run.json has ${recorded.sha256}`,
    action: "Put the file back from a copy, or train into a new directory.",
  });
}

/** @throws EpSamError `weights` when the file that the classifier is to begin with cannot be read or belongs to another model */
export async function requireStart(config: TrainingConfig, data: Dataset, reporter: Reporter): Promise<void> {
  if (config.classifier.model !== "dense") await startingWeights(config, reporter);
  else {
    const train = data.patches.filter(({ split }) => split === "train");
    await startingHead(config, train, reporter);
    await initialBackbone(config);
  }
}
