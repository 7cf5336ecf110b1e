import { InferenceSession, Tensor } from "onnxruntime-node";
import { EpSamError, messageOf, RecentlyUsed, silentReporter } from "../../common/index.js";
import type { PromptArrays } from "../../contract/index.js";
import { device, sessionOptions } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { type ClassActivationMapper, patchActivation, takesMaskPrompt } from "../../method/index.js";
import {
  createSamFrame,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  encodeDecoderOnnx,
  type ImageEncoder,
  MaskPromptEmbedder,
  type SamFrame,
} from "../../models/index.js";
import {
  decoderWeights,
  openActivationMapper,
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
    return { sam: await samSource(resolveConfig("paper").sam), promptFrame: "model" as const, context: null };
  }
  const context = await openRun(run, { device: device(), reporter: silentReporter });
  return { sam: await openSam(context), promptFrame: context.config.sam.promptFrame, context };
}

/** What puts a run's activation maps into embeddings. */
interface Activation {
  readonly run: string;
  readonly mapper: ClassActivationMapper;
  readonly embedder: MaskPromptEmbedder;
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
  #encoder: { readonly id: string; readonly opened: ImageEncoder } | undefined;
  #activation: Activation | undefined;
  #session: { readonly key: string; readonly opened: InferenceSession } | undefined;

  /** @throws EpSamError as the models do */
  async run(work: SegmentationWork): Promise<WorkResults[keyof WorkResults]> {
    switch (work.kind) {
      case "embed":
        return this.#embed(work.segmenter, work.image);
      case "decoder":
        return this.#decoder(work.segmenter);
      case "decode":
        return this.#decode(work.segmenter, work.embedding, work.prompts);
    }
  }

  async #embed(segmenter: SegmenterSource, image: RgbImage): Promise<Float32Array> {
    const { sam, promptFrame, context } = await samOf(segmenter);
    if (this.#encoder?.id !== sam.encoder.id) {
      await this.#encoder?.opened.close();
      this.#encoder = undefined;
      this.#encoder = { id: sam.encoder.id, opened: await sam.encoder.open(device()) };
    }
    const frame = createSamFrame(image, { frame: promptFrame });
    const embedding = await this.#encoder.opened.encode(image, frame);
    if (context === null || !takesMaskPrompt(context.config.sam)) return embedding;
    return this.#withActivation(context, sam, { embedding, image, frame });
  }

  /**
   * A decoder that learned with the activation map as a mask prompt gets it with clicks too, as part of the embedding:
   * see docs/decisions.md for what that is worth.
   */
  async #withActivation(
    context: RunContext,
    sam: SamSource,
    patch: { readonly embedding: Float32Array; readonly image: RgbImage; readonly frame: SamFrame },
  ): Promise<Float32Array> {
    const { mapper, embedder } = await this.#activationOf(context, sam, patch.image.width);
    const { levels, probability } = await mapper.map(patch.image, 0);
    const { logits } = await patchActivation({ levels, probability }, patch.image, context.config.cam);
    return embedder.withMask(patch.embedding, logits, patch.frame);
  }

  async #activationOf(context: RunContext, sam: SamSource, patchSize: number): Promise<Activation> {
    const run = JSON.stringify([context.run.root, patchSize]);
    if (this.#activation?.run === run) return this.#activation;
    await Promise.all([this.#activation?.mapper.close(), this.#activation?.embedder.close()]);
    this.#activation = undefined;
    const mapper = await openActivationMapper(context, patchSize);
    const embedder = await MaskPromptEmbedder.create(await sam.loadDecoder(), device());
    this.#activation = { run, mapper, embedder };
    return this.#activation;
  }

  async #decoder(segmenter: SegmenterSource): Promise<Uint8Array> {
    const key = keyOf(segmenter);
    const known = this.#decoders.get(key);
    if (known !== undefined) return known;
    const { sam, promptFrame, context } = await samOf(segmenter);
    const own = await sam.loadDecoder();
    const weights = context === null ? own : await decoderWeights(context, segmenter.stage, own);
    const side = { width: segmenter.patchSize, height: segmenter.patchSize };
    const frame = createSamFrame(side, { frame: promptFrame });
    const clicked = { maskPrompt: false, boxes: true, fewPoints: true } as const;
    const options = { ...clicked, resolution: "low", metadata: {} } as const;
    // Fine-tuning trains the single mask alone; SAM itself has three for clicks that may mean a part or the whole.
    const masks = context === null ? "ambiguous" : "single";
    const bytes = encodeDecoderOnnx({ weights, frame, masks, ...options });
    this.#decoders.set(key, bytes);
    return bytes;
  }

  async #decode(
    segmenter: SegmenterSource,
    embedding: Float32Array,
    { coordinates, labels }: PromptArrays,
  ): Promise<DecodedLogits> {
    const session = await this.#decoderSession(segmenter);
    const feeds = {
      image_embedding: new Tensor("float32", embedding, [1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE]),
      point_coordinates: new Tensor("float32", coordinates, [1, labels.length, 2]),
      point_labels: new Tensor("float32", labels, [1, labels.length]),
    };
    const results = await onDevice(() => session.run(feeds));
    return { logits: floats(results.logits), estimatedIou: floats(results.estimated_iou)[0] ?? 0 };
  }

  async #decoderSession(segmenter: SegmenterSource): Promise<InferenceSession> {
    const key = keyOf(segmenter);
    if (this.#session?.key === key) return this.#session.opened;
    const bytes = await this.#decoder(segmenter);
    await this.#session?.opened.release();
    this.#session = undefined;
    const opened = await onDevice(() => InferenceSession.create(bytes, sessionOptions(device())));
    this.#session = { key, opened };
    return opened;
  }
}

function keyOf({ run, stage, patchSize }: SegmenterSource): string {
  return JSON.stringify([run, stage, patchSize]);
}

function floats(tensor: Tensor | undefined): Float32Array {
  if (tensor?.data instanceof Float32Array) return tensor.data;
  throw new EpSamError("internal", { what: "the decoder gave no float32 result" });
}

async function onDevice<Result>(action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    throw new EpSamError("device", { what: "cannot run the decoder", why: messageOf(cause) }, { cause });
  }
}
