import { type Device, floatsOf, floatTensor, OnnxFileSession } from "../../graph/index.js";
import { EMBEDDING_SIZE, EMBEDDING_WIDTH, type Points, type PredictedMask } from "../sam/index.js";

/**
 * A decoder's file as `encodeDecoderOnnx` makes it, run here: the same results as wherever else the file is run. For
 * decoders that take no mask prompt.
 */
export class ExportedDecoder {
  readonly #session: OnnxFileSession;

  private constructor(session: OnnxFileSession) {
    this.#session = session;
  }

  /** @throws EpSamError `device` when the device cannot run it */
  static async open(file: Uint8Array, device: Device): Promise<ExportedDecoder> {
    return new ExportedDecoder(await OnnxFileSession.open(file, device, { what: "the decoder" }));
  }

  /**
   * The mask at a prompt, at the resolution that the file gives.
   * @param embedding [256, 64, 64]
   * @param points with the labels that the file knows
   */
  async predict(embedding: Float32Array, { coordinates, labels }: Points<"patch">): Promise<PredictedMask> {
    const results = await this.#session.run({
      image_embedding: floatTensor([1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE], embedding),
      point_coordinates: floatTensor([1, labels.length, 2], coordinates),
      point_labels: floatTensor([1, labels.length], labels),
    });
    const [, height = 0, width = 0] = results.logits?.shape ?? [];
    return {
      logits: { width, height, data: floatsOf(results, "logits") },
      estimatedIou: floatsOf(results, "estimated_iou")[0] ?? 0,
    };
  }

  /** Frees the model. */
  close(): Promise<void> {
    return this.#session.close();
  }
}
