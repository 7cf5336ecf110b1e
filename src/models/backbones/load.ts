import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { EpSamError, exists, hashFile } from "../../common/index.js";
import { type FloatTensor, sameShape } from "../../graph/index.js";
import { catalogueEntry, modelDirectory } from "../catalogue/index.js";
import { BATCH_COUNTER, batchCounters, withZeroChannel } from "../checkpoints/classifier.js";
import {
  besideStateDict,
  groupedNames,
  type LeftOut,
  type LoadedWeights,
  openModelWeights,
  readFloatTensors,
  renamedWeights,
} from "../checkpoints/model-weights.js";
import {
  matchStateDict,
  type OpenWeightsOptions,
  type WeightFile,
  writeSafetensors,
} from "../weights/index.js";
import type { BackboneEntry } from "./entry.js";
import { backbones, backboneTensors } from "./table.js";

/** How a backbone's weights are loaded. */
export interface LoadBackboneOptions extends OpenWeightsOptions {
  /** Adds a fourth channel of zeros to the first convolution where the file has three; false unless told. */
  readonly highFrequency?: boolean | undefined;
}

/**
 * Where the weights of a backbone lie: those that come with the package (two levels up from both `src` and `dist`), that
 * {@link importBackbone} has kept, or that `pullModel` has fetched.
 * @throws EpSamError `weights` when there are none, saying how to get them
 */
export function backboneFile(entry: BackboneEntry): string {
  const { name, embedded, published } = entry;
  if (embedded !== undefined) return fileURLToPath(new URL(`../../../weights/${embedded}`, import.meta.url));
  const fetched = published === undefined ? [] : [join(modelDirectory(), catalogueEntry(published).file)];
  const found = [importedFile(entry), ...fetched].find((path) => existsSync(path));
  if (found !== undefined) return found;
  const advice = published === undefined ? "" : `, or fetch one with \`epsam models pull ${published}\``;
  throw new EpSamError("weights", {
    what: "does not come with the package",
    where: name,
    action: `Import a checkpoint of it with \`epsam models import FILE --as backbone\`${advice}.`,
  });
}

function importedFile({ name }: BackboneEntry): string {
  return join(modelDirectory(), "backbones", `${name}.safetensors`);
}

/** A backbone that configurations can name from now on. */
export interface ImportedBackbone extends Pick<LoadedWeights, "leftOut"> {
  readonly entry: BackboneEntry;
  readonly file: string;
  readonly sha256: string;
  readonly tensors: number;
}

/**
 * Keeps the weights of a checkpoint for the backbone that it holds.
 * @throws EpSamError `weights` as {@link identifyBackbone}, `usage` when others are kept for it, or come with the package
 */
export async function importBackbone(
  path: string,
  { overwrite, ...open }: OpenWeightsOptions & { readonly overwrite: boolean },
): Promise<ImportedBackbone> {
  const { entry, weights, leftOut } = await identifyBackbone(path, open);
  const file = importedFile(entry);
  if (entry.embedded !== undefined) {
    throw new EpSamError("usage", {
      where: path,
      what: `holds ${entry.name}, whose weights come with the package`,
      action: "Nothing is needed: training uses them unless told otherwise.",
    });
  }
  if (!overwrite && (await exists(file))) {
    throw new EpSamError("usage", {
      where: file,
      what: `holds weights of ${entry.name} already`,
      action:
        "Use them, or replace them with `overwrite: true`; runs that were trained on them need them back.",
    });
  }
  await writeSafetensors(file, weights, { part: "backbone", backbone: entry.name });
  return { entry, file, sha256: await hashFile(file), tensors: weights.size, leftOut };
}

/**
 * A backbone's weights from a checkpoint with the usual names, or from {@link backboneFile}. Layers beyond the last level
 * are left out and listed.
 * @throws EpSamError `weights` listing what is missing, surplus or of another shape; when no file is given and there is
 *   none
 */
export async function loadBackboneWeights(
  entry: BackboneEntry,
  path: string = backboneFile(entry),
  { highFrequency = false, ...open }: LoadBackboneOptions = {},
): Promise<LoadedWeights> {
  const file = await openBackbone(entry, path, open);
  try {
    return await backboneFromFile(entry, file, highFrequency);
  } finally {
    await file.close();
  }
}

async function openBackbone(
  entry: BackboneEntry,
  path: string,
  open: OpenWeightsOptions,
): Promise<WeightFile> {
  const file = await openModelWeights(path, open);
  const names = [...file.tensors.keys()];
  return entry.renamed === undefined
    ? file
    : renamedWeights(file, (name) => entry.renamed?.(name, names) ?? name);
}

/** As {@link loadBackboneWeights}, of an open file whose names are the entry's; layers beyond the last level are left out and listed. */
export async function backboneFromFile(
  entry: BackboneEntry,
  file: WeightFile,
  highFrequency: boolean,
): Promise<LoadedWeights> {
  const names = [...file.tensors.keys()];
  const counters = names.filter((name) => name.endsWith(BATCH_COUNTER));
  const beyond = names.filter((name) => entry.beyond.test(name) && !name.endsWith(BATCH_COUNTER));
  const skipped = new Set([...counters, ...beyond]);
  const expected = backboneTensors(entry, { highFrequency });
  const plainStem = backboneTensors(entry).find(({ name }) => name === entry.stem)?.shape ?? [];
  const lacksChannel = highFrequency && sameShape(file.tensors.get(entry.stem)?.shape ?? [], plainStem);
  const wanted = expected.map(({ name, shape }) => ({
    name,
    shape: name === entry.stem && lacksChannel ? plainStem : shape,
  }));
  const offered = new Map([...file.tensors].filter(([name]) => !skipped.has(name)));
  const matched = matchStateDict(wanted, offered, { file: file.path });
  const read = await readFloatTensors(file, [...matched.keys()]);
  const stem = expected.find(({ name }) => name === entry.stem)?.shape ?? [];
  const widened = (name: string, tensor: FloatTensor) =>
    name === entry.stem && lacksChannel ? withZeroChannel(tensor, stem) : tensor;
  return {
    file: file.path,
    format: file.format,
    weights: new Map([...read].map(([name, tensor]) => [name, widened(name, tensor)])),
    leftOut: [...besideStateDict(file), ...batchCounters(counters), ...layersBeyond(beyond)],
  };
}

function layersBeyond(names: readonly string[]): LeftOut[] {
  return names.length === 0
    ? []
    : [{ names: groupedNames(names), why: "layers beyond the last level of features" }];
}

/**
 * Which backbone a checkpoint holds, by the names of its tensors, and its weights.
 * @throws EpSamError `weights` when it is none, or only part of one
 */
export async function identifyBackbone(
  path: string,
  open: OpenWeightsOptions = {},
): Promise<LoadedWeights & { readonly entry: BackboneEntry }> {
  const entry = await likeliestBackbone(path, open);
  return { ...(await loadBackboneWeights(entry, path, open)), entry };
}

/** The backbone that shares the most names and shapes with the file. */
async function likeliestBackbone(path: string, open: OpenWeightsOptions): Promise<BackboneEntry> {
  const candidates: { entry: BackboneEntry; shared: number }[] = [];
  for (const entry of backbones) {
    const file = await openBackbone(entry, path, open);
    const shared = backboneTensors(entry).filter(({ name, shape }) =>
      sameShape(file.tensors.get(name)?.shape ?? [-1], shape),
    ).length;
    candidates.push({ entry, shared: shared / backboneTensors(entry).length });
    await file.close();
  }
  const [best] = candidates.sort((a, b) => b.shared - a.shared);
  if (best !== undefined && best.shared > 0) return best.entry;
  throw new EpSamError("weights", {
    what: "does not hold a known backbone",
    where: path,
    why: `no tensor is named and shaped as in ${backbones.map(({ name }) => name).join(", ")}`,
    action: "Give a checkpoint with the usual names; `key` names an inner dict.",
  });
}
