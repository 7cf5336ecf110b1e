import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { exists, readJson } from "../../common/index.js";
import type { WeightFile } from "./weight-file.js";
import { weightsError } from "./weights-error.js";

/** What the names of indices end with, such as `model.safetensors.index.json`. */
export const INDEX_EXTENSION = ".index.json";

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

/**
 * Opens a checkpoint in parts by its index (transformers' `weight_map`): which file beside it holds which tensor.
 * @param open opens a part
 * @throws EpSamError `weights` naming parts that are missing, and tensors that are not where the index says
 */
export async function openParts(
  path: string,
  open: (path: string) => Promise<WeightFile>,
): Promise<WeightFile> {
  const places = await readIndex(path);
  const names = [...new Set(places.values())];
  const outside = names.find((name) => name !== basename(name));
  if (outside !== undefined) {
    throw weightsError(
      path,
      undefined,
      `names the part ${outside}`,
      "parts lie in the folder of their index",
    );
  }
  const absent: string[] = [];
  for (const name of names) if (!(await exists(join(dirname(path), name)))) absent.push(name);
  if (absent.length > 0) {
    throw weightsError(
      path,
      undefined,
      `lacks ${absent.length} of ${names.length} parts`,
      `${absent.join(", ")} ${absent.length === 1 ? "is" : "are"} not beside it`,
      "Fetch all parts into one folder.",
    );
  }
  const parts = new Map<string, WeightFile>();
  const close = async (): Promise<void> => {
    await Promise.all([...parts.values()].map((part) => part.close()));
  };
  try {
    for (const name of names) parts.set(name, await open(join(dirname(path), name)));
    return joinedFile(path, places, parts, close);
  } catch (failure) {
    await close();
    throw failure;
  }
}

async function readIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const content = await readJson(path, indexSchema, {
    tag: "weights",
    what: "is no index of a checkpoint's parts",
    action: "Give the index that came with the parts, such as model.safetensors.index.json.",
  });
  return new Map(Object.entries(content.weight_map));
}

function joinedFile(
  path: string,
  places: ReadonlyMap<string, string>,
  parts: ReadonlyMap<string, WeightFile>,
  close: () => Promise<void>,
): WeightFile {
  const [first] = parts.values();
  const holder = (name: string): WeightFile => {
    const place = places.get(name) ?? "";
    const part = parts.get(place);
    if (part?.tensors.has(name)) return part;
    throw weightsError(path, name, `is not in ${place}, where the index says it is`);
  };
  return {
    path,
    format: first?.format ?? "safetensors",
    tensors: new Map(
      [...places.keys()].map((name) => [
        name,
        holder(name).tensors.get(name) ?? { shape: [], elementType: "" },
      ]),
    ),
    others: [],
    metadata: new Map(),
    read: (name) => holder(name).read(name),
    close,
  };
}
