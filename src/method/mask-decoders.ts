import { EpSamError } from "../common/index.js";
import { type Device, floatsOf, floatTensor, GraphSession, input } from "../graph/index.js";
import {
  applyDihedral,
  cutArea,
  type FloatMap,
  invertDihedral,
  type RgbImage,
  reflectPadded,
} from "../imaging/index.js";
import {
  type BackboneEntry,
  colourPlanes,
  decoderGraph,
  decoderInputs,
  EMBEDDING_SIZE,
  EMBEDDING_WIDTH,
  levelsOf,
  MaskPredictor,
  type PatchPrompt,
  type PredictedMask,
  promptFeeds,
  pyramidGraph,
  type SamFrame,
  type StateDict,
  storedFeatures,
} from "../models/index.js";
import { sigmoid } from "./classifier-session.js";

/** What a decoder may look at of a patch; computed when it is asked for. */
export interface PatchView {
  image(): Promise<RgbImage>;
  /** SAM's embedding [256, 64, 64], row-major; read only. */
  embedding(): Promise<Float32Array>;
}

/** Makes masks of patches of one size. */
export interface MaskDecoder {
  predict(view: PatchView, prompt: PatchPrompt): Promise<PredictedMask>;
  close(): Promise<void>;
}

/** What a decoder is opened with; its weights tell of which kind it is. */
export interface MaskDecoderOptions {
  /**
   * `mask_decoder.*` and `prompt_encoder.*`, or `pyramid.*`; of decoders that see features also `backbone.*`,
   * `standardisation.*` and perhaps {@link decoderOffset}.
   */
  readonly weights: StateDict;
  readonly frame: SamFrame;
  readonly points: number;
  readonly maskPrompt: boolean;
  /** The backbone whose features decoders see. */
  readonly entry: BackboneEntry;
  /** Averages the logits of four flips, for pyramids. */
  readonly flips: boolean;
  readonly device: Device;
}

/** Name of the tensor [1] with the logit that separates tumour from other tissue: subtracted from a decoder's logits. */
export const decoderOffset = "calibration.offset";

/** Sides of images that a backbone sees are multiples of this, so that all levels lie alike. */
const SIDE_STEP = 32;

/** An image side that a pyramid is compiled for. */
export function pyramidSide(length: number): number {
  return Math.ceil(length / SIDE_STEP) * SIDE_STEP;
}

/** As it is, mirrored left and right, turned by half, and mirrored top and bottom: flips that keep the size. */
const FLIPS = [0, 4, 2, 6] as const;

/** Compiles a decoder. @throws EpSamError `weights` when a tensor is missing, `device` when it cannot run */
export async function openMaskDecoder(options: MaskDecoderOptions): Promise<MaskDecoder> {
  if (options.weights.has("pyramid.logits.weight")) return PyramidDecoder.create(options);
  if (options.weights.has("mask_decoder.feature_projections.16.weight")) {
    return SeeingSamDecoder.create(options);
  }
  const predictor = await MaskPredictor.create(options);
  return {
    predict: async (view, prompt) => predictor.predict(await view.embedding(), prompt),
    close: () => predictor.close(),
  };
}

const imagesInput = "images";

/** The features that weights with a backbone give for images that are fed. */
function featuresOf({ weights, entry }: MaskDecoderOptions, width: number, height: number) {
  return storedFeatures(entry, input(imagesInput, [1, 3, height, width]), weights);
}

function offsetOf(weights: StateDict): number {
  return weights.get(decoderOffset)?.data[0] ?? 0;
}

/** A feature pyramid on its backbone: sees pixels alone and takes no prompt. */
class PyramidDecoder implements MaskDecoder {
  readonly #session: GraphSession;
  readonly #options: MaskDecoderOptions;

  private constructor(session: GraphSession, options: MaskDecoderOptions) {
    this.#session = session;
    this.#options = options;
  }

  static async create(options: MaskDecoderOptions): Promise<PyramidDecoder> {
    const { weights, frame, entry, device } = options;
    const size = { width: pyramidSide(frame.patch.width), height: pyramidSide(frame.patch.height) };
    const features = featuresOf(options, size.width, size.height);
    const { logits } = pyramidGraph(1, levelsOf(entry, size), size, features);
    const bind = new Map([...weights].filter(([name]) => name.startsWith("pyramid.")));
    return new PyramidDecoder(await GraphSession.create({ logits }, device, { bind }), options);
  }

  async predict(view: PatchView): Promise<PredictedMask> {
    const image = await view.image();
    const { frame, flips, weights } = this.#options;
    requireSize(image, frame);
    const variants = flips ? FLIPS : FLIPS.slice(0, 1);
    const sum = new Float32Array(image.width * image.height);
    for (const variant of variants) {
      const flipped = await this.#logits(applyDihedral(image, variant));
      invertDihedral(flipped, variant).data.forEach((logit, pixel) => {
        sum[pixel] = (sum[pixel] ?? 0) + logit;
      });
    }
    const offset = offsetOf(weights);
    const logits = { ...frame.patch, data: sum.map((total) => total / variants.length - offset) };
    return { logits, estimatedIou: expectedIou(logits) };
  }

  async #logits(image: RgbImage): Promise<FloatMap> {
    const padded = reflectPadded(image, pyramidSide(image.width), pyramidSide(image.height));
    const results = await this.#session.run({ [imagesInput]: colourPlanes([padded]) });
    const logits = { ...sizeOf(padded), data: floatsOf(results, "logits") };
    return cutArea(logits, { left: 0, top: 0, ...sizeOf(image) });
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

/** SAM's decoder with a backbone's features added. */
class SeeingSamDecoder implements MaskDecoder {
  readonly #session: GraphSession;
  readonly #options: MaskDecoderOptions;

  private constructor(session: GraphSession, options: MaskDecoderOptions) {
    this.#session = session;
    this.#options = options;
  }

  static async create(options: MaskDecoderOptions): Promise<SeeingSamDecoder> {
    const { weights, frame, points, maskPrompt, device } = options;
    const seen = featuresOf(options, frame.patch.width, frame.patch.height);
    const graph = decoderGraph(weights, frame, { batchSize: 1, points, maskPrompt, seen });
    const bind = new Map([...weights].filter(([name]) => name.startsWith("mask_decoder.")));
    const outputs = { logits: graph.logits, iou: graph.iou };
    return new SeeingSamDecoder(await GraphSession.create(outputs, device, { bind }), options);
  }

  async predict(view: PatchView, prompt: PatchPrompt): Promise<PredictedMask> {
    const { frame, weights } = this.#options;
    const image = await view.image();
    requireSize(image, frame);
    const shape = [1, EMBEDDING_WIDTH, EMBEDDING_SIZE, EMBEDDING_SIZE];
    const results = await this.#session.run({
      [imagesInput]: colourPlanes([image]),
      [decoderInputs.embedding]: floatTensor(shape, await view.embedding()),
      ...promptFeeds([prompt], frame, this.#options),
    });
    const offset = offsetOf(weights);
    const logits = { ...frame.patch, data: floatsOf(results, "logits").map((logit) => logit - offset) };
    // Only masks are learnt, so that SAM's own estimate says nothing of them any more.
    return { logits, estimatedIou: expectedIou(logits) };
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

function sizeOf({ width, height }: FloatMap | RgbImage) {
  return { width, height };
}

function requireSize(image: RgbImage, { patch }: SamFrame): void {
  if (image.width === patch.width && image.height === patch.height) return;
  throw new EpSamError("shape", {
    what: `the patch is ${image.width}×${image.height} pixels, the decoder is for ${patch.width}×${patch.height}`,
  });
}

/** The IoU of the mask above 0 that its own probabilities promise: expected intersection over expected union. */
export function expectedIou({ data }: FloatMap): number {
  let intersection = 0;
  let union = 0;
  for (const logit of data) {
    const probability = sigmoid(logit);
    if (logit > 0) intersection += probability;
    union += logit > 0 ? 1 : probability;
  }
  return union === 0 ? 0 : intersection / union;
}
