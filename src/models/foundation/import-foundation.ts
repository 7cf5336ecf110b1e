import { randomBytes } from "node:crypto";
import { copyFile, mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, extname, join } from "node:path";
import { z } from "zod";
import {
  describeIssues,
  EpSamError,
  exists,
  formatBytes,
  hashFile,
  isEpSamError,
  type Reporter,
  readKeysFile,
  requireWritable,
  storageError,
} from "../../common/index.js";
import { type Device, elementCount, floatTensor } from "../../graph/index.js";
import { backbones } from "../backbones/index.js";
import {
  besideStateDict,
  groupedNames,
  type LeftOut,
  openModelWeights,
} from "../checkpoints/model-weights.js";
import { streamSafetensors, type WeightFile } from "../weights/index.js";
import { detectTransformer } from "./detect-transformer.js";
import { FoundationFeatures, foundationView } from "./foundation-features.js";
import { type FoundationModel, foundationDirectory, writeFoundationFile } from "./foundation-file.js";
import { fittingModels, type KnownModel, knownModels } from "./known-models.js";
import { onnxLayout, onnxSignature, openSession, runOnce } from "./onnx-encoder.js";
import { type TransformerWeights, transformerWeights } from "./transformer-names.js";
import { transformerTensors, type VisionTransformer } from "./vision-transformer.js";

/** What weights do not tell, where the user tells it. */
export interface FoundationFacts {
  /** Name in the configuration; the known model's, or the file's, unless told. */
  readonly name?: string | undefined;
  /** Which known model it is, or `other`. */
  readonly model?: string | undefined;
  readonly mean?: readonly number[] | undefined;
  readonly deviation?: readonly number[] | undefined;
  readonly micronsPerPixel?: number | undefined;
  readonly size?: number | undefined;
  readonly heads?: number | undefined;
  readonly blocks?: readonly number[] | undefined;
  readonly largePatches?: "crops" | "whole" | undefined;
  readonly licence?: string | undefined;
  readonly acceptLicence?: boolean | undefined;
}

export interface ImportFoundationOptions extends FoundationFacts {
  /** Where the state dict lies in a PyTorch checkpoint. */
  readonly key?: string | undefined;
  readonly overwrite?: boolean | undefined;
  /** {@link foundationDirectory} unless told. */
  readonly directory?: string | undefined;
  readonly device: Device;
  readonly reporter: Reporter;
}

/** A model that is ready to be used. */
export interface ImportedFoundation {
  readonly model: FoundationModel;
  /** The known model that it is taken for. */
  readonly known: string | null;
  /** Where that model's card is. */
  readonly home: string | null;
  readonly parameters: number | null;
  readonly leftOut: readonly LeftOut[];
}

/** The model's file without where it lies. */
type Written = Omit<FoundationModel, "file">;

/**
 * Imports a foundation model: a vision transformer's weights of any format, which are recognised by names and shapes and
 * written as float32, one tensor at a time; or an encoder as ONNX with a YAML file beside it. It is run once before
 * anything is kept.
 * @throws EpSamError `weights` when it is no such model, `usage` when something has to be told or accepted, `storage`
 *   when the disk is too small; nothing is left behind then
 */
export async function importFoundation(
  path: string,
  options: ImportFoundationOptions,
): Promise<ImportedFoundation> {
  const directory = options.directory ?? foundationDirectory();
  return path.endsWith(".onnx")
    ? importOnnx(path, directory, options)
    : importTransformer(path, directory, options);
}

async function importTransformer(
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
    const name = requireName(options.name ?? known?.name ?? stemOf(path));
    const yaml = await requireFree(directory, name, options);
    const tensors = transformerTensors(transformer);
    const elements = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
    await requireRoom(directory, 4 * elements);
    options.reporter.note(
      `${path}: ${known?.title ?? "a vision transformer"}, ${describeTransformer(transformer)}; ` +
        `${formatBytes(4 * elements)} as float32 into ${directory}`,
    );
    return await kept(directory, name, yaml, async (folder) => {
      const stored = join(folder, "weights.safetensors");
      const lazy = tensors.map((tensor) => ({ ...tensor, read: () => weights.read(tensor.name) }));
      await streamSafetensors(stored, lazy, { part: "foundation", name });
      const { width, patch, depth } = transformer;
      const { blocks } = options;
      const model: Written = {
        formatVersion: 1,
        name,
        title: known?.title ?? `Vision transformer of ${basename(path)}`,
        weights: stored,
        sha256: await hashFile(stored),
        stride: patch,
        channels: width * (blocks?.length ?? 1),
        ...facts,
        ...(blocks === undefined ? {} : { blocks: [...requireBlocks(blocks, depth)] }),
        transformer: { ...transformer },
      };
      await tryModel(model, options);
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
  Written,
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

function threeNumbers(key: string, numbers: readonly number[]): [number, number, number] {
  const [red, green, blue] = numbers;
  const isFine =
    numbers.length === 3 &&
    numbers.every((value) => value >= 0 && value <= 1 && (key === "mean" || value > 0));
  if (isFine && red !== undefined && green !== undefined && blue !== undefined) return [red, green, blue];
  throw new EpSamError("usage", {
    what: `cannot be ${numbers.join(", ")}`,
    where: `\`${key}\``,
    why: "three numbers are needed, for red, green and blue, of colours from 0 to 1",
    action: numbers.some((value) => value > 1)
      ? "Divide them by 255."
      : "Give three, such as 0.485,0.456,0.406.",
  });
}

function requireBlocks(blocks: readonly number[], depth: number): readonly number[] {
  const wrong = blocks.find((block) => !Number.isInteger(block) || block < 0 || block >= depth);
  if (wrong === undefined && new Set(blocks).size === blocks.length) return blocks;
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

const yamlSchema = z.strictObject({
  title: z.string().optional(),
  size: z.int().min(1).max(4096),
  stride: z.int().min(1).max(4096),
  mean: z.array(z.number()).length(3),
  deviation: z.array(z.number().positive()).length(3),
  dropTokens: z.int().min(0).default(0),
  output: z.string().optional(),
  micronsPerPixel: z.number().positive().nullable().default(null),
  licence: z.string().default("not told"),
});

async function importOnnx(
  path: string,
  directory: string,
  options: ImportFoundationOptions,
): Promise<ImportedFoundation> {
  const beside = `${path.slice(0, -extname(path).length)}.yaml`;
  const facts = await readBeside(path, beside);
  const signature = await onnxSignature(path, facts.output);
  requireSize(path, beside, signature, facts);
  const batch = signature.batch ?? 1;
  const mean = threeNumbers("mean", facts.mean);
  const deviation = threeNumbers("deviation", facts.deviation);
  const session = await openSession(path, signature, batch, facts.size, options.device);
  const { size, stride, dropTokens } = facts;
  const grey = floatTensor([batch, 3, size, size]);
  grey.data.fill(200);
  const result = await runOnce(session, grey, { input: signature.input, mean, deviation }).finally(() =>
    session.close(),
  );
  const { layout, channels } = onnxLayout(path, result[signature.output]?.shape ?? [], {
    size,
    stride,
    dropTokens,
  });
  const name = requireName(options.name ?? stemOf(path));
  const yaml = await requireFree(directory, name, options);
  return kept(directory, name, yaml, async (folder) => {
    const stored = join(folder, "model.onnx");
    await copyFile(path, stored);
    for (const { file } of signature.data) await copyFile(join(dirname(path), file), join(folder, file));
    const model: Written = {
      formatVersion: 1,
      name,
      title: facts.title ?? `Encoder of ${basename(path)}`,
      weights: stored,
      sha256: await hashFile(stored),
      size,
      stride,
      channels,
      mean,
      deviation,
      micronsPerPixel: options.micronsPerPixel ?? facts.micronsPerPixel,
      largePatches: "crops",
      licence: options.licence ?? facts.licence,
      licenceAccepted: options.acceptLicence === true,
      onnx: {
        input: signature.input,
        output: signature.output,
        layout,
        dropTokens,
        batch: signature.batch,
        data: [...signature.data],
      },
    };
    await tryModel(model, options);
    return { model, known: null, home: null, parameters: null, leftOut: [] };
  });
}

async function readBeside(path: string, beside: string): Promise<z.infer<typeof yamlSchema>> {
  const form =
    "size: 224, stride: 14, mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225], dropTokens: 1, micronsPerPixel: 0.5, licence: MIT";
  if (!(await exists(beside))) {
    throw new EpSamError("weights", {
      what: "needs a YAML file beside it",
      where: path,
      why: `there is no ${basename(beside)}, and an ONNX file does not tell how images are shown to it`,
      action: `Write it with these keys: ${form}.`,
    });
  }
  const keys = await readKeysFile(beside, `It needs ${form}.`);
  const result = yamlSchema.safeParse(keys.content);
  if (result.success) return result.data;
  throw new EpSamError("configuration", {
    what: describeIssues(result.error.issues, keys),
    where: beside,
    action: `It needs ${form}.`,
  });
}

function requireSize(
  path: string,
  beside: string,
  { height, width }: { readonly height: number | null; readonly width: number | null },
  { size }: { readonly size: number },
): void {
  const wrong = [height, width].find((side) => side !== null && side !== size);
  if (wrong === undefined || wrong === null) return;
  throw new EpSamError("weights", {
    what: `takes images of ${width ?? "any"}×${height ?? "any"} pixels`,
    where: path,
    why: `${basename(beside)} says ${size}`,
    action: `Correct size in ${basename(beside)}; images are square.`,
  });
}

/** Runs a model on one picture before it is kept. */
async function tryModel(model: Written, { device, reporter }: ImportFoundationOptions): Promise<void> {
  reporter.note(`${model.name}: runs once, to see that it does`);
  const own = { ...model, file: model.weights };
  const features = await FoundationFeatures.create(own, foundationView(own, model.size, null), device);
  try {
    await features.get(tryPicture(model.size));
  } finally {
    await features.close();
  }
}

/** Colours that differ from pixel to pixel. */
function tryPicture(side: number) {
  const data = Uint8Array.from(
    { length: side * side * 3 },
    (_, index) => (index * 37 + (index >> 8) * 11) % 256,
  );
  return { width: side, height: side, data };
}

/**
 * Lets `write` put a model's weights into a folder, which takes its place when that is done; what the YAML file named
 * before is removed last.
 * @throws what `write` throws, with nothing left behind and an earlier model as it was
 */
async function kept(
  directory: string,
  name: string,
  yaml: string,
  write: (folder: string) => Promise<Omit<ImportedFoundation, "model"> & { readonly model: Written }>,
): Promise<ImportedFoundation> {
  const folder = join(directory, `.${name}.${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    const written = await write(folder);
    const place = `${name}-${written.model.sha256.slice(0, 8)}`;
    const weights = join(place, basename(written.model.weights));
    await rm(join(directory, place), { recursive: true, force: true });
    await rename(folder, join(directory, place));
    const model = { ...written.model, weights };
    await writeFoundationFile(yaml, model);
    await removeEarlier(directory, name, place);
    return { ...written, model: { ...model, file: yaml } };
  } catch (cause) {
    await rm(folder, { recursive: true, force: true });
    throw isEpSamError(cause) ? cause : storageError(directory, cause);
  }
}

/** Weights that the model's YAML file named before it was replaced. */
async function removeEarlier(directory: string, name: string, place: string): Promise<void> {
  for (const entry of await readdir(directory)) {
    if (!entry.startsWith(`${name}-`) || !/^[0-9a-f]{8}$/.test(entry.slice(name.length + 1))) continue;
    if (entry !== place) await rm(join(directory, entry), { recursive: true });
  }
}

async function requireFree(
  directory: string,
  name: string,
  { overwrite = false }: ImportFoundationOptions,
): Promise<string> {
  const yaml = join(directory, `${name}.yaml`);
  if (overwrite || !(await exists(yaml))) return yaml;
  throw new EpSamError("usage", {
    what: "is imported already",
    where: yaml,
    action:
      "Give another `name`, or replace it with `overwrite: true`; runs that rest on it then cannot be used.",
  });
}

async function requireRoom(directory: string, bytes: number): Promise<void> {
  const free = await requireWritable(directory);
  if (free >= bytes) return;
  throw new EpSamError("storage", {
    where: directory,
    what: `has ${formatBytes(free)} free, and the weights need ${formatBytes(bytes)}`,
    action: "Free disk space, or choose another disk with EPSAM_CACHE_DIR.",
  });
}

function requireName(name: string): string {
  const isFree = !backbones.some((entry) => entry.name === name);
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name) && isFree) return name;
  throw new EpSamError("usage", {
    what: `"${name}" cannot be a model's name`,
    where: "`name`",
    why: isFree ? "it needs letters, digits, dots and dashes alone, 64 at most" : "a backbone has that name",
    action: "Give another.",
  });
}

function stemOf(path: string): string {
  return basename(path)
    .replace(/(\.index)?\.(json|safetensors|pth|pt|bin|onnx)$/i, "")
    .replace(/\.(safetensors|bin)$/i, "");
}

function leftOutOf(file: WeightFile, { beside }: TransformerWeights): LeftOut[] {
  const others = besideStateDict(file);
  return beside.length === 0
    ? others
    : [...others, { names: groupedNames(beside), why: "no part of the blocks: heads and mask tokens" }];
}
