import { identifyBackbone } from "../backbones/index.js";
import {
  type OpenWeightsOptions,
  readFloatTensor,
  streamSafetensors,
  writeSafetensors,
} from "../weights/index.js";
import { loadClassifier } from "./classifier.js";
import { loadMaskDecoder } from "./mask-decoder.js";
import type { LeftOut } from "./model-weights.js";
import { openWholeSam } from "./whole-sam.js";

/** What a checkpoint can be taken for. */
export const checkpointKinds = ["classifier", "decoder", "sam", "backbone"] as const;
export type CheckpointKind = (typeof checkpointKinds)[number];

export interface ConvertedCheckpoint {
  readonly file: string;
  /** What was found, for example `ResNet-50 with high-frequency channel`. */
  readonly title: string;
  readonly tensors: number;
  readonly leftOut: readonly LeftOut[];
}

/**
 * Checks a checkpoint of any format against a model and writes it as safetensors under the original names.
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape; `storage` when the disk refuses
 */
export async function convertCheckpoint(
  path: string,
  kind: CheckpointKind,
  out: string,
  open: OpenWeightsOptions = {},
): Promise<ConvertedCheckpoint> {
  if (kind === "sam") return convertSam(path, out, open);
  if (kind === "classifier") {
    const { weights, leftOut, variant } = await loadClassifier(path, undefined, open);
    await writeSafetensors(out, weights, { part: kind });
    const stem = variant.highFrequency ? " with high-frequency channel" : "";
    return { file: out, title: `ResNet-${variant.depth}${stem}`, tensors: weights.size, leftOut };
  }
  if (kind === "backbone") {
    const { weights, leftOut, entry } = await identifyBackbone(path, open);
    await writeSafetensors(out, weights, { part: kind, backbone: entry.name });
    return { file: out, title: entry.title, tensors: weights.size, leftOut };
  }
  const { weights, leftOut } = await loadMaskDecoder(path, open);
  await writeSafetensors(out, weights, { part: kind });
  return { file: out, title: "SAM's mask decoder", tensors: weights.size, leftOut };
}

async function convertSam(path: string, out: string, open: OpenWeightsOptions): Promise<ConvertedCheckpoint> {
  const { file, variant, close } = await openWholeSam(path, "auto", open);
  try {
    const tensors = [...file.tensors].map(([name, { shape }]) => ({
      name,
      shape,
      read: () => readFloatTensor(file, name),
    }));
    await streamSafetensors(out, tensors, { part: "sam", variant });
    return { file: out, title: `SAM ${variant}`, tensors: tensors.length, leftOut: [] };
  } finally {
    await close();
  }
}
