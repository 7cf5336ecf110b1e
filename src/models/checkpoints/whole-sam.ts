import { EpSamError } from "../../common/index.js";
import {
  detectVitVariant,
  requireVitVariant,
  type VitVariant,
  vitArchitectures,
  vitTensors,
} from "../sam/index.js";
import {
  maskDecoderTensors,
  matchStateDict,
  type OpenWeightsOptions,
  promptEncoderTensors,
  type StateDict,
  type WeightFile,
} from "../weights/index.js";
import { openModelWeights, readFloatTensors } from "./model-weights.js";

/** A file that holds all of SAM: image encoder, prompt encoder and mask decoder. Close it after use. */
export interface WholeSam {
  readonly variant: VitVariant;
  /** The tensors by their original names, for {@link openVitEncoder}. */
  readonly file: WeightFile;
  /** Reads the prompt encoder and the mask decoder: `prompt_encoder.*` and `mask_decoder.*`. */
  readDecoder(): Promise<StateDict>;
  /** Reads the image encoder: `image_encoder.*`. */
  readEncoder(): Promise<StateDict>;
  close(): Promise<void>;
}

/**
 * Opens a checkpoint of SAM ViT-B, ViT-L or ViT-H, or of a fine-tune with the same names such as MedSAM, and checks
 * the names and shapes of all its tensors without reading their values.
 * @param expected the size it should be; `auto` takes the file's
 * @throws EpSamError `weights` when the file is not of a known format, holds another variant, or tensors are missing,
 *   surplus or of another shape
 */
export async function openWholeSam(
  path: string,
  expected: VitVariant | "auto" = "auto",
  open: OpenWeightsOptions = {},
): Promise<WholeSam> {
  const file = await openModelWeights(path, open);
  try {
    const variant = requireVitVariant(expected, file.tensors, { file: path });
    requireDecoder(file);
    const decoder = [...promptEncoderTensors(), ...maskDecoderTensors()];
    const encoder = vitTensors(vitArchitectures[variant], file.tensors);
    matchStateDict([...encoder, ...decoder], file.tensors, { file: path });
    const names = decoder.map(({ name }) => name);
    return {
      variant,
      file,
      readDecoder: () => readFloatTensors(file, names),
      readEncoder: () =>
        readFloatTensors(
          file,
          encoder.map(({ name }) => name),
        ),
      close: () => file.close(),
    };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** An encoder alone is a frequent kind of file, and deserves better than a list of 137 missing names. */
function requireDecoder({ path, tensors }: WeightFile): void {
  if ([...tensors.keys()].some((name) => name.startsWith("mask_decoder."))) return;
  throw new EpSamError("weights", {
    what: `holds SAM's image encoder (${detectVitVariant(tensors, { file: path })}) without its mask decoder`,
    where: path,
    why: "an encoder works with the prompt encoder and mask decoder that were trained with it",
    action: "Give the whole checkpoint, with image_encoder.*, prompt_encoder.* and mask_decoder.*.",
  });
}
