import {
  type Device,
  floats,
  floatsOf,
  floatTensor,
  GraphSession,
  input,
  reshape,
  subtract,
} from "../../graph/index.js";
import type { FloatMap } from "../../imaging/index.js";
import { frozenParameters } from "../../nn/index.js";
import type { StateDict } from "../weights/index.js";
import { decoderInputs } from "./decoder-graph.js";
import { EMBEDDING_WIDTH, encodePrompts } from "./prompt-encoder.js";
import { promptFeeds } from "./prompt-feeds.js";
import { LOW_RESOLUTION_SIZE, patchPoints, type SamFrame } from "./transforms.js";

/**
 * Puts mask prompts into image embeddings. SAM adds its embedding of a mask prompt, or of "no mask", to the image's;
 * so an embedding with the difference of both added gives a decoder that knows no mask prompts the results of one
 * that was given it.
 */
export class MaskPromptEmbedder {
  readonly #session: GraphSession;

  private constructor(session: GraphSession) {
    this.#session = session;
  }

  /** @param weights hold `prompt_encoder.*` */
  static async create(weights: StateDict, device: Device): Promise<MaskPromptEmbedder> {
    const parameters = frozenParameters(weights);
    const masks = input(decoderInputs.maskPrompt, [1, 1, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE]);
    const points = { coordinates: floats([0, 0], [1, 1, 2]), labels: floats([-1], [1, 1]) };
    const { dense } = encodePrompts(parameters, { points, masks });
    const noMask = parameters("prompt_encoder.no_mask_embed.weight", [1, EMBEDDING_WIDTH]);
    const difference = subtract(dense, reshape(noMask, [1, EMBEDDING_WIDTH, 1, 1]));
    return new MaskPromptEmbedder(await GraphSession.create({ difference }, device));
  }

  /**
   * The embedding [256, 64, 64] with a mask prompt in it.
   * @param mask logits over the whole patch at any resolution
   */
  async withMask(embedding: Float32Array, mask: FloatMap, frame: SamFrame): Promise<Float32Array> {
    const prompt = { points: patchPoints(new Float32Array(2)), mask };
    const feeds = promptFeeds([prompt], frame, { points: 1, maskPrompt: true });
    const fed = feeds[decoderInputs.maskPrompt] ?? floatTensor([0]);
    const results = await this.#session.run({ [decoderInputs.maskPrompt]: fed });
    const difference = floatsOf(results, "difference");
    return embedding.map((value, index) => value + (difference[index] ?? 0));
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
