import { classifierStage as stage } from "../contract/index.js";
import { windowsOf } from "../dataset/index.js";
import { floatsOf, floatTensor, GraphSession, placeOnDevice } from "../graph/index.js";
import { denseTensors } from "../method/index.js";
import { windowInputs } from "../models/index.js";
import { type DenseTraining, feedsOf, graphOf } from "./dense-training.js";
import type { Validated, Weights } from "./epoch-loop.js";
import {
  likeliestOffset,
  type PooledWindow,
  whyUncalibrated,
  windowAccuracy,
  windowLoss,
} from "./pooled-windows.js";

/** Judges the windows of validation patches, compiled once for all epochs. */
export class WindowValidator {
  readonly #training: DenseTraining;
  readonly #session: GraphSession;

  private constructor(training: DenseTraining, session: GraphSession) {
    this.#training = training;
    this.#session = session;
  }

  static async create(training: DenseTraining): Promise<WindowValidator> {
    const graph = graphOf(training, training.judging, 1, "evaluation");
    return new WindowValidator(
      training,
      await GraphSession.create({ logits: graph.logits }, training.device),
    );
  }

  /** Every window of the validation patches. */
  async judge(weights: Weights): Promise<PooledWindow[]> {
    const { validation, patchSize, signal, device } = this.#training;
    const judged: PooledWindow[] = [];
    const placed = await placeOnDevice(Object.fromEntries(weights), device);
    try {
      for (const patch of validation) {
        signal?.throwIfAborted();
        const {
          [windowInputs.labels]: _,
          [windowInputs.weights]: __,
          ...feeds
        } = await feedsOf(this.#training, this.#training.judging, [patch]);
        const logits = floatsOf(await this.#session.run({ ...feeds, ...placed.feeds }), "logits");
        windowsOf(patch, patchSize).forEach(({ tumour, other }, index) => {
          judged.push({ tumour, other, logits: [logits[2 * index] ?? 0, logits[2 * index + 1] ?? 0] });
        });
      }
    } finally {
      await placed.release();
    }
    return judged;
  }

  async validate(weights: Weights): Promise<Validated> {
    const judged = await this.judge(weights);
    const values = { loss: windowLoss(judged, 0), balancedAccuracy: windowAccuracy(judged, 0) };
    return { criterion: values.loss, values };
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** The offset under which the validation windows' labels are likeliest, and how many cells speak for a patch. */
export async function calibration(training: DenseTraining, weights: Weights): Promise<Weights> {
  const why = whyUncalibrated(training.validation);
  const offset = why === null ? await chosenOffset(training, weights) : 0;
  const { pooling } = training.options;
  const share = pooling.kind === "highest-share" ? pooling.share : 1;
  const cells = Math.max(1, Math.round(training.slots.cells * share));
  training.reporter.note(`${stage}: ${why ?? `the map's offset is ${offset} by the validation windows`}`);
  return new Map([
    [denseTensors.offset, floatTensor([1], Float32Array.of(offset))],
    [denseTensors.presenceCells, floatTensor([1], Float32Array.of(cells))],
  ]);
}

async function chosenOffset(training: DenseTraining, weights: Weights): Promise<number> {
  const validator = await WindowValidator.create(training);
  return likeliestOffset(await validator.judge(weights).finally(() => validator.close()));
}
