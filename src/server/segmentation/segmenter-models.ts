import { EpSamError, RecentlyUsed, silentReporter } from "../../common/index.js";
import type { PromptArrays } from "../../contract/index.js";
import { device } from "../../graph/index.js";
import { type FloatMap, type RgbImage, resizeFloatMap } from "../../imaging/index.js";
import { FreshEmbeddings, type Method, OpenOnce, takesMaskPrompt } from "../../method/index.js";
import {
  ExportedDecoder,
  encodeDecoderOnnx,
  LOW_RESOLUTION_SIZE,
  MaskPromptEmbedder,
  patchPoints,
} from "../../models/index.js";
import {
  decoderBase,
  decoderWeights,
  frameOf,
  openMethod,
  openRun,
  openSam,
  type RunContext,
  resolveConfig,
  type SamSource,
  samSource,
  seesFeatures,
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

/** Logits over the whole patch, at any resolution; the embedding is SAM's of the patch. */
type PatchLogits = (image: RgbImage, embedding: () => Promise<Float32Array>) => Promise<FloatMap>;

/** What a run sees of patches of one size, and SAM's embedding of a mask prompt. */
interface SeenPatches {
  readonly method: Method;
  readonly logits: PatchLogits;
  readonly embedder: OpenOnce<MaskPromptEmbedder>;
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
  #seen: Kept<SeenPatches> | undefined;
  #decoder: Kept<ExportedDecoder> | undefined;

  /** @throws EpSamError as the models do */
  async run(work: SegmentationWork): Promise<WorkResults[keyof WorkResults]> {
    switch (work.kind) {
      case "embed":
        return this.#embed(work.segmenter, work.image);
      case "map":
        return this.#map(work.segmenter, work.image);
      case "decoder":
        return this.#decoderFile(work.segmenter);
      case "decode":
        return this.#decode(work.segmenter, work.embedding, work.prompts);
    }
  }

  /**
   * SAM gets what the run sees of a patch with every prompt, as part of the embedding: a decoder that learned with the
   * activation map as a mask prompt the map, SAM as it is the logits of a decoder that sees features. See
   * docs/decisions.md for what that is worth.
   */
  async #embed(segmenter: SegmenterSource, image: RgbImage): Promise<Float32Array> {
    const { sam, context } = await samOf(segmenter);
    const embedding = await (await this.#embeddingsOf(sam)).get(image);
    if (context === null) return embedding;
    const { decoder, sam: prompts } = context.config;
    if (!seesFeatures(decoder) && !takesMaskPrompt(prompts)) return embedding;
    const { method, logits, embedder } = await this.#seenBy(context, segmenter, image.width, sam);
    const seen = await logits(image, async () => embedding);
    return (await embedder.get()).withMask(embedding, seen, method.frame);
  }

  async #map(segmenter: SegmenterSource, image: RgbImage): Promise<Float32Array> {
    const { sam, context } = await samOf(segmenter);
    if (context === null) throw new EpSamError("internal", { what: "there is no map without a run" });
    const { logits } = await this.#seenBy(context, segmenter, image.width, sam);
    const seen = await logits(image, async () => (await this.#embeddingsOf(sam)).get(image));
    return resizeFloatMap(seen, LOW_RESOLUTION_SIZE, LOW_RESOLUTION_SIZE).data;
  }

  async #embeddingsOf({ encoder }: SamSource): Promise<FreshEmbeddings> {
    if (this.#embeddings?.key === encoder.id) return this.#embeddings.opened;
    await this.#embeddings?.opened.close();
    this.#embeddings = { key: encoder.id, opened: new FreshEmbeddings(() => encoder.open(device())) };
    return this.#embeddings.opened;
  }

  async #seenBy(
    context: RunContext,
    { stage }: SegmenterSource,
    patchSize: number,
    sam: SamSource,
  ): Promise<SeenPatches> {
    const key = JSON.stringify([context.run.root, context.run.record.createdAt, stage, patchSize]);
    if (this.#seen?.key === key) return this.#seen.opened;
    const before = this.#seen?.opened;
    this.#seen = undefined;
    await Promise.all([before?.method.close(), before?.embedder.close()]);
    const embedder = new OpenOnce(async () => MaskPromptEmbedder.create(await sam.loadDecoder(), device()));
    const opened = { ...(await mapOf(context, stage, patchSize, sam)), embedder };
    this.#seen = { key, opened };
    return opened;
  }

  async #decoderFile(segmenter: SegmenterSource): Promise<Uint8Array> {
    const key = keyOf(segmenter);
    const known = this.#decoders.get(key);
    if (known !== undefined) return known;
    const { sam, config, context } = await samOf(segmenter);
    const own = await sam.loadDecoder();
    const isSam = context === null || seesFeatures(config.decoder);
    const weights = isSam ? own : await decoderWeights(context, segmenter.stage, own);
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

/** What a run sees of patches of one size. */
async function mapOf(
  context: RunContext,
  stage: string,
  patchSize: number,
  sam: SamSource,
): Promise<Pick<SeenPatches, "method" | "logits">> {
  if (!seesFeatures(context.config.decoder)) {
    const method = await openMethod(context, patchSize, []);
    return { method, logits: async (image) => (await method.activation(image)).logits() };
  }
  const weights = await decoderWeights(context, stage, await decoderBase(context, sam));
  const method = await openMethod(context, patchSize, [{ stage, weights }]);
  const logits: PatchLogits = async (image, embedding) => {
    const activation = await method.activation(image);
    const prompt = await method.prompt(activation, "click");
    // Where the initial mask is empty the decoder is not asked.
    if (prompt === undefined) return activation.logits();
    const view = { image: async () => image, embedding };
    return (await method.mask(view, prompt, stage)).logits;
  };
  return { method, logits };
}

function keyOf({ run, stage, patchSize }: SegmenterSource): string {
  return JSON.stringify([run, stage, patchSize]);
}
