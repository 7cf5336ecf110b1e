import type { RgbImage } from "../imaging/index.js";
import { type ClassifierForEvaluation, ClassifierSession, resizedTo, sigmoid } from "./classifier-session.js";

/** Tumour probabilities of many images, without activation maps. */
export class PatchClassifier {
  readonly #classifier: ClassifierForEvaluation;
  readonly #batchSize: number;
  readonly #session: ClassifierSession;

  private constructor(classifier: ClassifierForEvaluation, batchSize: number, session: ClassifierSession) {
    this.#classifier = classifier;
    this.#batchSize = batchSize;
    this.#session = session;
  }

  /**
   * Compiles the classifier for batches.
   * @throws EpSamError `weights` when a parameter is absent, `shape` when one has another shape.
   */
  static async create(classifier: ClassifierForEvaluation, batchSize: number): Promise<PatchClassifier> {
    const plan = { batchSize, size: classifier.inputSize, logits: true };
    return new PatchClassifier(classifier, batchSize, await ClassifierSession.create(classifier, plan));
  }

  /** Logit of each image, in order; images of any size are resized to the classifier's. */
  async logits(images: readonly RgbImage[]): Promise<Float32Array> {
    const logits = new Float32Array(images.length);
    for (let start = 0; start < images.length; start += this.#batchSize) {
      const batch = images.slice(start, start + this.#batchSize);
      const resized = batch.map((image) => resizedTo(image, this.#classifier.inputSize));
      // In evaluation images do not influence each other, so a last, smaller batch is filled up with any image.
      const padded = Array.from({ length: this.#batchSize }, (_, index) => resized[index % resized.length]);
      const results = await this.#session.run(padded.filter((image) => image !== undefined));
      logits.set(results.logits.subarray(0, batch.length), start);
    }
    return logits;
  }

  /** Tumour probability of each image, 0 to 1. */
  async probabilities(images: readonly RgbImage[]): Promise<Float32Array> {
    return (await this.logits(images)).map(sigmoid);
  }

  /** Frees the compiled graph. */
  async close(): Promise<void> {
    await this.#session.close();
  }
}
