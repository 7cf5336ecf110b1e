import { basename, join } from "node:path";
import { EpSamError, formatBytes, hashFile } from "../../common/index.js";
import { elementCount, type FloatTensor } from "../../graph/index.js";
import {
  besideStateDict,
  groupedNames,
  type LeftOut,
  openModelWeights,
} from "../checkpoints/model-weights.js";
import { streamSafetensors, type WeightFile } from "../weights/index.js";
import { detectTransformer } from "./detect-transformer.js";
import { firstNotFinite } from "./finite.js";
import {
  type FoundationFacts,
  type ImportedFoundation,
  type ImportFoundationOptions,
  keepModel,
  nameOfFile,
  requireFree,
  requireName,
  requireRoom,
  threeNumbers,
  tryModel,
  type WrittenModel,
} from "./kept-model.js";
import { fittingModels, type KnownModel, knownModels } from "./known-models.js";
import { type TransformerWeights, transformerWeights } from "./transformer-names.js";
import { transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** As `importFoundation`, for weights of a vision transformer. */
export async function importTransformer(
  path: string,
  directory: string,
  options: ImportFoundationOptions,
): Promise<ImportedFoundation> {
  const file = await openModelWeights(path, { key: options.key });
  try {
    const weights = transformerWeights(file);
    const transformer = detectTransformer(weights, options.heads);
    const known = chooseKnown(path, transformer, weights, options);
    const facts = factsOf(path, transformer, known, options);
    const name = requireName(options.name ?? known?.name ?? nameOfFile(path));
    const yaml = await requireFree(directory, name, options);
    const { blocks } = options;
    if (blocks !== undefined) requireBlocks(blocks, transformer.depth);
    const tensors = transformerTensors(transformer);
    const elements = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    await requireRoom(directory, 4 * elements);
    options.reporter.note(
      `${path}: ${known?.title ?? "a vision transformer"}, ${describeTransformer(transformer)}; ` +
        `${formatBytes(4 * elements)} as float32 into ${directory}`,
    );
    return await keepModel(directory, name, yaml, async (folder) => {
      const stored = join(folder, "weights.safetensors");
      const lazy = tensors.map((tensor) => ({ ...tensor, read: () => finiteTensor(weights, tensor.name) }));
      await streamSafetensors(stored, lazy, { part: "foundation", name });
      const { width, patch } = transformer;
      const model: WrittenModel = {
        formatVersion: 1,
        name,
        title: known?.title ?? `Vision transformer of ${basename(path)}`,
        weights: stored,
        sha256: await hashFile(stored),
        stride: patch,
        channels: width * (blocks?.length ?? 1),
        ...facts,
        ...(blocks === undefined ? {} : { blocks: [...blocks] }),
        transformer: { ...transformer },
      };
      await tryModel(path, model, options);
      return {
        model,
        known: known?.name ?? null,
        home: known?.home ?? null,
        parameters: elements,
        leftOut: leftOutOf(file, weights),
      };
    });
  } finally {
    await file.close();
  }
}

/** The known model that is meant: the one named, or the only one that fits. */
function chooseKnown(
  path: string,
  transformer: VisionTransformer,
  { style }: TransformerWeights,
  { model }: FoundationFacts,
): KnownModel | undefined {
  const fitting = fittingModels(transformer, style);
  const names = fitting.map(({ name }) => name).join(", ");
  if (model === "other") return undefined;
  if (model !== undefined) {
    const named = fitting.find(({ name }) => name === model.toLowerCase());
    if (named !== undefined) return named;
    const isKnown = knownModels.some(({ name }) => name === model.toLowerCase());
    throw new EpSamError("usage", {
      what: isKnown ? `does not hold the weights of ${model}` : `"${model}" is no known model`,
      where: isKnown ? path : "`model`",
      why: `it is a ${describeTransformer(transformer)}, under the names of ${style}`,
      action:
        names === "" ? "Give `model: other`, with `mean` and `deviation`." : `Choose from ${names}, other.`,
    });
  }
  const [only] = fitting;
  if (fitting.length === 1 && only !== undefined && only.isCommonShape !== true) return only;
  if (fitting.length === 0) return undefined;
  throw new EpSamError("usage", {
    what: "can be the weights of several models",
    where: path,
    why: `a ${describeTransformer(transformer)} is ${names}${fitting.some(({ isCommonShape }) => isCommonShape) ? ", and many others" : ""}; their colours and licences differ`,
    action: "Say which with `model`; `model: other` takes `mean` and `deviation` from you.",
  });
}

/** What the model's file says beside its architecture. */
function factsOf(
  path: string,
  { patch, grid }: VisionTransformer,
  known: KnownModel | undefined,
  options: FoundationFacts,
): Pick<
  WrittenModel,
  "size" | "mean" | "deviation" | "micronsPerPixel" | "largePatches" | "licence" | "licenceAccepted"
> {
  const mean = options.mean ?? known?.mean;
  const deviation = options.deviation ?? known?.deviation;
  if (mean === undefined || deviation === undefined) {
    throw new EpSamError("usage", {
      what: `needs ${mean === undefined ? "`mean` and `deviation`" : "`deviation`"} of its colours`,
      where: path,
      why: "it is of no known model, and its weights do not tell how colours are normalised",
      action:
        "Give them as in the model's card, from 0 to 1, such as 0.485,0.456,0.406 and 0.229,0.224,0.225.",
    });
  }
  const licence = options.licence ?? known?.licence ?? "not told";
  if (known?.isRestricted === true && options.acceptLicence !== true) throw notAccepted(known);
  const size = options.size ?? known?.size ?? patch * grid;
  if (size % patch !== 0) {
    throw new EpSamError("usage", {
      what: `${size} is not a multiple of the token's ${patch} pixels`,
      where: "`size`",
      action: `Give ${Math.max(1, Math.round(size / patch)) * patch}.`,
    });
  }
  return {
    size,
    mean: threeNumbers("mean", mean),
    deviation: threeNumbers("deviation", deviation),
    micronsPerPixel: options.micronsPerPixel ?? known?.micronsPerPixel ?? null,
    largePatches: options.largePatches ?? "crops",
    licence,
    licenceAccepted: known?.isRestricted === true,
  };
}

function notAccepted({ title, licence, home }: KnownModel): EpSamError {
  return new EpSamError("usage", {
    what: "has a licence that has to be accepted",
    where: title,
    why: licence,
    action: `Read it at ${home}, and give \`acceptLicence\` when you accept it. It is kept in run.json of every run.`,
  });
}

/** @throws EpSamError `weights` naming a tensor that holds something else than finite numbers */
async function finiteTensor(weights: TransformerWeights, name: string): Promise<FloatTensor> {
  const tensor = await weights.read(name);
  const wrong = firstNotFinite(tensor.data);
  if (wrong === undefined) return tensor;
  throw new EpSamError("weights", {
    what: "has weights that are not finite numbers",
    where: weights.path,
    why: `value ${wrong} of ${name} is ${tensor.data[wrong]}`,
    action: "The file is damaged, or was saved after a training that failed; fetch it again.",
  });
}

function requireBlocks(blocks: readonly number[], depth: number): void {
  const wrong = blocks.find((block) => !Number.isInteger(block) || block < 0 || block >= depth);
  if (wrong === undefined && new Set(blocks).size === blocks.length) return;
  throw new EpSamError("usage", {
    what: wrong === undefined ? "names a block twice" : `there is no block ${wrong}`,
    where: "`blocks`",
    action: `Choose from 0 to ${depth - 1}, each once.`,
  });
}

/** A transformer in words: `ViT with tokens of 14 pixels, 24 blocks 1536 wide`. */
export function describeTransformer(transformer: VisionTransformer): string {
  const { patch, width, depth, heads, registers, feedForward, grid } = transformer;
  const extra = registers === 0 ? "" : `, ${registers} registers`;
  return (
    `ViT with tokens of ${patch} pixels, ${depth} blocks ${width} wide, ${heads} heads${extra}, ` +
    `${feedForward === "gelu" ? "GELU" : "SwiGLU"}, made for ${grid * patch} pixels`
  );
}

function leftOutOf(file: WeightFile, { beside }: TransformerWeights): LeftOut[] {
  const others = besideStateDict(file);
  return beside.length === 0
    ? others
    : [...others, { names: groupedNames(beside), why: "no part of the blocks: heads and mask tokens" }];
}
