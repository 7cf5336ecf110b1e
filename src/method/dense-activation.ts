import { must } from "../common/index.js";
import { type Device, floatsOf, floatTensor, GraphSession } from "../graph/index.js";
import type { FloatMap, RgbImage } from "../imaging/index.js";
import {
  type DenseClassifierOptions,
  denseClassifierGraph,
  denseFeaturesInput,
  type FrozenFeaturesPlan,
  type FrozenNetwork,
  type JoinedFeatures,
  openFrozenFeatures,
  type StateDict,
  standardisationInputs,
  standardisationShape,
  withContext,
} from "../models/index.js";
import { sigmoid } from "./classifier-session.js";
import { quantiseLogits } from "./logit-levels.js";
import type { ActivationClassifier, ClassifierActivation } from "./patch-activation.js";

/** Names of a dense classifier's tensors besides `head.*`. */
export const denseTensors = {
  /** Mean of each channel of the joined features, [C]. */
  mean: "standardisation.mean",
  /** One over the deviation of each channel, [C]. */
  scale: "standardisation.scale",
  /** Logit that separates tumour from other tissue, [1]: subtracted from the map. */
  offset: "calibration.offset",
  /** How many of a patch's highest cells say together whether it has tumour, [1]. */
  presenceCells: "calibration.presence-cells",
} as const;

/** A trained dense classifier for images of one size. */
export interface DenseClassifierForEvaluation {
  /** The frozen networks whose features it judges, for images of one size; others are resized. */
  readonly features: FrozenFeaturesPlan;
  readonly options: DenseClassifierOptions;
  /** `head.*` and {@link denseTensors}. */
  readonly weights: StateDict;
  readonly device: Device;
}

/** Networks that are open for one patch at a time. */
type OpenFeatures = Pick<FrozenNetwork, "get" | "close">;

/** A classifier whose activation map is its own map of logits: every cell of frozen networks' features judged by itself. */
export class DenseActivationClassifier implements ActivationClassifier {
  readonly #features: OpenFeatures;
  readonly #head: GraphSession;
  readonly #classifier: DenseClassifierForEvaluation;

  private constructor(features: OpenFeatures, head: GraphSession, classifier: DenseClassifierForEvaluation) {
    this.#features = features;
    this.#head = head;
    this.#classifier = classifier;
  }

  /**
   * Compiles the networks and the head.
   * @throws EpSamError `weights` when a parameter is absent, `device` when the device cannot run them
   */
  static async create(classifier: DenseClassifierForEvaluation): Promise<DenseActivationClassifier> {
    const { features: plan, options, weights, device } = classifier;
    const { width, height } = plan.shape;
    const size = { batchSize: 1, width, height };
    const { map } = denseClassifierGraph(options, size);
    const head = new Map([...weights].filter(([name]) => name.startsWith("head.")));
    const session = await GraphSession.create({ map }, device, { bind: head });
    const features = await openFrozenFeatures(plan, device);
    return new DenseActivationClassifier(features, session, classifier);
  }

  async map(image: RgbImage): Promise<ClassifierActivation> {
    const features = withContext(await this.#features.get(image), this.#classifier.options.context);
    const logits = await this.logits(features);
    const presence = highestMean(logits.data, this.#number(denseTensors.presenceCells));
    return { levels: quantiseLogits(logits), probability: sigmoid(presence) };
  }

  /** The map of logits for features, with their context, that are there already. */
  async logits({ channels, width, height, data }: JoinedFeatures): Promise<FloatMap> {
    const shape = standardisationShape(1, channels);
    const tensor = (name: string) => floatTensor(shape, this.#tensor(name));
    const results = await this.#head.run({
      [denseFeaturesInput]: floatTensor([1, channels, height, width], data),
      [standardisationInputs.mean]: tensor(denseTensors.mean),
      [standardisationInputs.scale]: tensor(denseTensors.scale),
    });
    const offset = this.#number(denseTensors.offset);
    return { width, height, data: floatsOf(results, "map").map((logit) => logit - offset) };
  }

  #tensor(name: string): Float32Array {
    return must(this.#classifier.weights, name, "a dense classifier's tensors").data;
  }

  #number(name: string): number {
    return this.#tensor(name)[0] ?? 0;
  }

  async close(): Promise<void> {
    await Promise.all([this.#head.close(), this.#features.close()]);
  }
}

/** Mean of the `count` highest values. */
export function highestMean(values: Float32Array, count: number): number {
  const taken = Math.min(values.length, Math.max(1, count));
  const highest = Float32Array.from(values)
    .sort()
    .subarray(values.length - taken);
  return highest.reduce((sum, value) => sum + value, 0) / taken;
}
