import { RecentlyUsed, silentReporter } from "../../common/index.js";
import type { PromptArrays } from "../../contract/index.js";
import { device } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import {
  ActivationEmbeddings,
  type EmbeddingSource,
  FreshEmbeddings,
  takesMaskPrompt,
} from "../../method/index.js";
import { ExportedDecoder, encodeDecoderOnnx, MaskPromptEmbedder, patchPoints } from "../../models/index.js";
import {
  decoderWeights,
  frameOf,
  openMethod,
  openRun,
  openSam,
  type RunContext,
  resolveConfig,
  type SamSource,
  samSource,
} from "../../run/index.js";
import type { DecodedLogits, SegmentationWork, SegmenterSource, WorkResults } from "./work.js";

/** Decoders kept as ONNX files, about 16 MB each. */
const DECODER_BYTES = 64 * 2 ** 20;

/** SAM of a run, or as its makers trained it. */
async function samOf({ run }: SegmenterSource) {
  if (run === null) {
    const config = resolveConfig("paper");
    return { sam: await samSource(config.sam), config, context: null };
  }
  const context = await openRun(run, { device: device(), reporter: silentReporter });
  return { sam: await openSam(context), config: context.config, context };
}

/** Something that is kept open until another of its kind is needed. */
interface Kept<Opened> {
  readonly key: string;
  readonly opened: Opened;
}

/**
 * The models behind clicks, opened when they are needed: one image encoder at a time, a few decoders. Everything here
 * blocks its thread, so it runs in a process of its own.
 */
export class SegmenterModels {
  readonly #decoders = new RecentlyUsed<string, Uint8Array>({
    limit: DECODER_BYTES,
    sizeOf: ({ length }) => length,
    keepsLarge: true,
  });
  #embeddings: Kept<FreshEmbeddings> | undefined;
  /** Made of {@link #embeddings}. */
  #activationEmbeddings: Kept<ActivationEmbeddings> | undefined;
  #decoder: Kept<ExportedDecoder> | undefined;

  /** @throws EpSamError as the models do */
  async run(work: SegmentationWork): Promise<WorkResults[keyof WorkResults]> {
    switch (work.kind) {
      case "embed":
        return this.#embed(work.segmenter, work.image);
      case "decoder":
        return this.#decoderFile(work.segmenter);
      case "decode":
        return this.#decode(work.segmenter, work.embedding, work.prompts);
    }
  }

  async #embed(segmenter: SegmenterSource, image: RgbImage): Promise<Float32Array> {
    const { sam, context } = await samOf(segmenter);
    const embeddings = await this.#embeddingsOf(sam);
    if (context === null || !takesMaskPrompt(context.config.sam)) return embeddings.get(image);
    return (await this.#withActivation(context, sam, embeddings, image.width)).get(image);
  }

  async #embeddingsOf({ encoder }: SamSource): Promise<FreshEmbeddings> {
    if (this.#embeddings?.key === encoder.id) return this.#embeddings.opened;
    await this.#activationEmbeddings?.opened.close();
    this.#activationEmbeddings = undefined;
    await this.#embeddings?.opened.close();
    this.#embeddings = { key: encoder.id, opened: new FreshEmbeddings(() => encoder.open(device())) };
    return this.#embeddings.opened;
  }

  /**
   * A decoder that learned with the activation map as a mask prompt gets it with clicks too, as part of the embedding:
   * see docs/decisions.md for what that is worth.
   */
  async #withActivation(
    context: RunContext,
    sam: SamSource,
    embeddings: EmbeddingSource<RgbImage>,
    patchSize: number,
  ): Promise<ActivationEmbeddings> {
    const key = JSON.stringify([context.run.root, patchSize]);
    if (this.#activationEmbeddings?.key === key) return this.#activationEmbeddings.opened;
    await this.#activationEmbeddings?.opened.close();
    this.#activationEmbeddings = undefined;
    const method = await openMethod(context, patchSize, []);
    const embedder = await MaskPromptEmbedder.create(await sam.loadDecoder(), device());
    this.#activationEmbeddings = { key, opened: new ActivationEmbeddings(embeddings, method, embedder) };
    return this.#activationEmbeddings.opened;
  }

  async #decoderFile(segmenter: SegmenterSource): Promise<Uint8Array> {
    const key = keyOf(segmenter);
    const known = this.#decoders.get(key);
    if (known !== undefined) return known;
    const { sam, config, context } = await samOf(segmenter);
    const own = await sam.loadDecoder();
    const weights = context === null ? own : await decoderWeights(context, segmenter.stage, own);
    const frame = frameOf(config, segmenter.patchSize);
    const clicked = { maskPrompt: false, boxes: true, fewPoints: true } as const;
    const options = { ...clicked, resolution: "low", metadata: {} } as const;
    // Fine-tuning trains the single mask alone; SAM itself has three for clicks that may mean a part or the whole.
    const masks = context === null ? "ambiguous" : "single";
    const bytes = encodeDecoderOnnx({ weights, frame, masks, ...options });
    this.#decoders.set(key, bytes);
    return bytes;
  }

  /** The mask by the file that the page decodes with, so that both see the same. */
  async #decode(
    segmenter: SegmenterSource,
    embedding: Float32Array,
    { coordinates, labels }: PromptArrays,
  ): Promise<DecodedLogits> {
    const decoder = await this.#decoderOf(segmenter);
    const { logits, estimatedIou } = await decoder.predict(embedding, patchPoints(coordinates, labels));
    return { logits: logits.data, estimatedIou };
  }

  async #decoderOf(segmenter: SegmenterSource): Promise<ExportedDecoder> {
    const key = keyOf(segmenter);
    if (this.#decoder?.key === key) return this.#decoder.opened;
    const file = await this.#decoderFile(segmenter);
    await this.#decoder?.opened.close();
    this.#decoder = undefined;
    this.#decoder = { key, opened: await ExportedDecoder.open(file, device()) };
    return this.#decoder.opened;
  }
}

function keyOf({ run, stage, patchSize }: SegmenterSource): string {
  return JSON.stringify([run, stage, patchSize]);
}
