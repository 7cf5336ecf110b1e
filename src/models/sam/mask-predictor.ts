import { type Device, floatsOf, floatTensor, GraphSession } from "../../graph/index.js";
import type { FloatMap } from "../../imaging/index.js";
import type { StateDict } from "../weights/index.js";
import { decoderGraph, decoderInputs } from "./decoder-graph.js";
import { EMBEDDING_SIZE, EMBEDDING_WIDTH } from "./prompt-encoder.js";
import { type PatchPrompt, promptFeeds } from "./prompt-feeds.js";
import type { SamFrame } from "./transforms.js";

/** SAM's answer to one prompt. */
export interface PredictedMask {
  /** Logits at the patch's resolution; above 0 is foreground. */
  readonly logits: FloatMap;
  /** SAM's own estimate of the mask's IoU. */
  readonly estimatedIou: number;
}

export interface MaskPredictorOptions {
  /** `prompt_encoder.*` and `mask_decoder.*`. */
  readonly weights: StateDict;
  readonly frame: SamFrame;
  /** Most points of one prompt. */
  readonly points: number;
  /** Whether prompts have a mask beside their points; without one by default. */
  readonly maskPrompt?: boolean | undefined;
  readonly device: Device;
}

/** SAM's prompt encoder and mask decoder compiled for one patch size, with fixed weights. */
export class MaskPredictor {
  readonly #session: GraphSession;
  readonly #options: MaskPredictorOptions;

  private constructor(session: GraphSession, options: MaskPredictorOptions) {
    this.#session = session;
    this.#options = options;
  }

  static async create(options: MaskPredictorOptions): Promise<MaskPredictor> {
    const { points, maskPrompt } = options;
    const graph = decoderGraph(options.weights, options.frame, { batchSize: 1, points, maskPrompt });
    const outputs = { logits: graph.logits, iou: graph.iou };
    const session = await GraphSession.create(outputs, options.device, { bind: options.weights });
    return new MaskPredictor(session, options);
  }

  /**
   * The mask at the given prompt, which must have at least one point.
   * @param embedding [256, 64, 64], row-major, of the patch the prompt belongs to
   * @throws EpSamError `shape` when a mask prompt is needed and missing
   */
  async predict(embedding: Float32Array, prompt: PatchPrompt): Promise<PredictedMask> {
    const { frame } = this.#options;
    const results = await this.#session.run({
      [decoderInputs.embedding]: floatTensor([1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE], embedding),
      ...promptFeeds([prompt], frame, this.#options),
    });
    return {
      logits: { ...frame.patch, data: floatsOf(results, "logits") },
      estimatedIou: floatsOf(results, "iou")[0] ?? 0,
    };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
