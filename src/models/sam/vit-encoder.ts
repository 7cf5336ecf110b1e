import { EpSamError } from "../../common/index.js";
import { type Device, device as defaultDevice } from "../../graph/index.js";
import { type ImageEncoder, normalisedInput } from "./image-encoder.js";
import { createSamFrame, SAM_INPUT_SIZE } from "./transforms.js";
import { detectVitVariant, type NamedShapes, type VitVariant, vitArchitectures } from "./vit-architecture.js";
import { type TensorSource, VitModel } from "./vit-model.js";

export interface VitEncoderOptions {
  /** The size expected; `auto` takes the one that the weights have. */
  readonly variant: VitVariant | "auto";
  /** A SAM state dict: `image_encoder.…` by the original names; its other parts are left alone. */
  readonly weights: TensorSource;
  /** Tells these weights from others, for example the SHA-256 of their file; part of the encoder's id. */
  readonly weightsHash: string;
  /** The CPU when left out. */
  readonly device?: Device | undefined;
}

/** The id of an encoder and its weights in caches and records. */
export function vitEncoderId(variant: VitVariant, weightsHash: string): string {
  return `sam-${variant}-${weightsHash}`;
}

/**
 * The variant of a SAM state dict, checked against the one expected.
 * @throws EpSamError `weights` when the state dict holds no ViT image encoder, or another variant
 */
export function requireVitVariant(
  expected: VitVariant | "auto",
  tensors: NamedShapes,
  { file }: { readonly file: string },
): VitVariant {
  const found = detectVitVariant(tensors, { file });
  if (expected === "auto" || expected === found) return found;
  throw new EpSamError("weights", {
    what: `holds the image encoder of ${found}, not of ${expected}`,
    where: file,
    why: `its tokens have ${vitArchitectures[found].width} channels`,
    action: `Choose the encoder ${found} or auto, or a checkpoint of ${expected}.`,
  });
}

/**
 * Opens one of SAM's own image encoders, ViT-B, ViT-L or ViT-H (Kirillov et al., 2023; Li et al., 2022, "Exploring
 * Plain Vision Transformer Backbones for Object Detection"), as a graph of this project. The weights are read once
 * and may be closed afterwards.
 * @throws EpSamError `weights` when the weights are of another variant, or tensors are missing, surplus or of another
 *   shape; `device` when the device cannot run it
 */
export async function openVitEncoder(options: VitEncoderOptions): Promise<ImageEncoder> {
  const { weights, weightsHash, device = defaultDevice() } = options;
  const variant = requireVitVariant(options.variant, weights.tensors, { file: weights.path });
  const { gridSize, outputChannels } = vitArchitectures[variant];
  const model = await VitModel.create(vitArchitectures[variant], weights, device);
  return {
    id: vitEncoderId(variant, weightsHash),
    inputSize: SAM_INPUT_SIZE,
    embeddingShape: [outputChannels, gridSize, gridSize],
    encode: (image, frame = createSamFrame(image)) => model.run(normalisedInput(frame.transformImage(image))),
    close: () => model.close(),
  };
}
