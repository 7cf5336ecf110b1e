import { EpSamError, messageOf } from "../common/index.js";
import type { Dataset } from "../dataset/index.js";
import { floatTensor } from "../graph/index.js";
import type { ClassifierActivation } from "../method/index.js";
import { readSafetensors, type StoredTensor, writeSafetensors } from "../models/index.js";
import type { RunDirectory } from "./run-directory.js";

/**
 * The folder that keeps the activation maps of a dataset's patches: `activation-maps` for the data the run was
 * trained on, a folder below it named by the hash for others, since patch ids are unique only within a dataset.
 */
export function activationFolder(run: RunDirectory, dataset: Pick<Dataset, "hash">): string {
  const isOwn = dataset.hash === run.record.dataset.hash;
  return isOwn ? run.path("activation-maps") : run.path("activation-maps", dataset.hash.slice(0, 16));
}

/** Keeps an activation map as a safetensors file: `levels` (uint8 [H, W]) and `probability` (float32 [1]). */
export async function writeActivation(
  file: string,
  { levels, probability }: ClassifierActivation,
): Promise<void> {
  const tensors = new Map<string, StoredTensor>([
    ["levels", { dataType: "uint8", shape: [levels.height, levels.width], data: levels.data }],
    ["probability", floatTensor([1], Float32Array.of(probability))],
  ]);
  await writeSafetensors(file, tensors);
}

/**
 * Reads an activation map back; the probability is as exact as float32.
 * @throws EpSamError `run-directory` when the file is damaged or holds something else.
 */
export async function readActivation(file: string): Promise<ClassifierActivation> {
  const { tensors } = await readSafetensors(file).catch((cause: unknown) => {
    throw damaged(file, cause);
  });
  const levels = tensors.get("levels");
  const probability = tensors.get("probability");
  const [height, width] = levels?.shape ?? [];
  if (levels?.dataType !== "uint8" || probability?.dataType !== "float32" || !height || !width) {
    throw damaged(file);
  }
  return { levels: { width, height, data: levels.data }, probability: probability.data[0] ?? 0 };
}

function damaged(file: string, cause?: unknown): EpSamError {
  return new EpSamError(
    "run-directory",
    {
      what: "is not a whole activation map",
      where: file,
      why: cause === undefined ? undefined : messageOf(cause),
      action:
        "Delete the file and run the command again (training with `resume: true`); the map is computed anew.",
    },
    { cause },
  );
}
