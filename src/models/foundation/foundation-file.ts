import { readdirSync, readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { describeIssues, EpSamError, hashFile, messageOf, writeFileAtomically } from "../../common/index.js";
import { modelDirectory } from "../catalogue/index.js";
import { minisamStages } from "../sam/index.js";
import { positionRules } from "./vision-transformer.js";

/** Largest side in pixels of the images or patches of a model. */
export const LARGEST_MODEL_SIDE = 4096;
export const modelSide = z.int().min(1).max(LARGEST_MODEL_SIDE);
const colours = z.tuple([z.number(), z.number(), z.number()]);
const deviations = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);

const transformerSchema = z.strictObject({
  patch: modelSide,
  width: z.int().min(1),
  depth: z.int().min(1),
  heads: z.int().min(1),
  grid: z.int().min(1),
  classToken: z.boolean(),
  registers: z.int().min(0),
  placedTokens: z.int().min(0),
  feedForward: z.enum(["gelu", "swiglu"]),
  hidden: z.int().min(1),
  layerScale: z.boolean(),
  qkvBias: z.boolean(),
  patchBias: z.boolean(),
  preNorm: z.boolean(),
  finalNorm: z.boolean(),
  epsilon: z.number().positive(),
  positions: z.enum(positionRules),
});

const onnxSchema = z.strictObject({
  input: z.string(),
  output: z.string(),
  /** `map` is [N, C, h, w], `tokens` [N, T, C]. */
  layout: z.enum(["map", "tokens"]),
  /** Tokens before those of the image. */
  dropTokens: z.int().min(0),
  /** Images of one run where the file says how many. */
  batch: z.int().min(1).nullable(),
  /** Files beside it that hold weights. */
  data: z.array(z.strictObject({ file: z.string(), sha256: z.string() })),
});

const foundationSchema = z
  .strictObject({
    formatVersion: z.literal(1),
    name: z.string().min(1),
    title: z.string(),
    /** The file of weights, beside this one unless it is an absolute path. */
    weights: z.string().min(1),
    /** Of that file. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    /** Side in pixels of the images that the model was made for. */
    size: modelSide,
    /** Side of a token in pixels. */
    stride: modelSide,
    /** Channels of its features. */
    channels: z.int().min(1),
    /** Of colours from 0 to 1. */
    mean: colours,
    deviation: deviations,
    /** At which tissue is shown to it; null: as the patches are. */
    micronsPerPixel: z.number().positive().nullable(),
    /** Whether larger patches are cut into overlapping crops of its own size, or shown whole. */
    largePatches: z.enum(["crops", "whole"]),
    licence: z.string(),
    /** True where the licence restricts its use and the user has accepted it. */
    licenceAccepted: z.boolean(),
    /** Blocks whose tokens are the features, counted from 0; the last when left out. */
    blocks: z.array(z.int().min(0)).min(1).optional(),
    transformer: transformerSchema.optional(),
    onnx: onnxSchema.optional(),
  })
  .refine(({ transformer, onnx }) => (transformer === undefined) !== (onnx === undefined), {
    message: "needs either transformer or onnx",
  });

/** A foundation model that was imported: what its YAML file says. */
export type FoundationModel = z.infer<typeof foundationSchema> & {
  /** The YAML file. */
  readonly file: string;
};

/** Where imported foundation models lie: a YAML file each, beside the weights. */
export function foundationDirectory(): string {
  return join(modelDirectory(), "foundation");
}

const EXTENSION = ".yaml";

/** Whether a backbone is given as a file instead of a name. */
function isPath(name: string): boolean {
  return name.endsWith(EXTENSION) || name.endsWith(".yml");
}

/** Names of the foundation models that were imported. */
export function foundationNames(): string[] {
  try {
    return readdirSync(foundationDirectory())
      .filter((file) => file.endsWith(EXTENSION) && !file.startsWith("."))
      .map((file) => file.slice(0, -EXTENSION.length))
      .sort();
  } catch (cause) {
    if (isMissing(cause)) return [];
    throw cause;
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && cause.code === "ENOENT";
}

/** Whether a backbone of this name is, or would be, a foundation model's file. */
export function isFoundationModel(name: string): boolean {
  return isPath(name) || (name !== minisamStages.name && foundationNames().includes(name));
}

/**
 * An imported foundation model, by name or by the path of its YAML file.
 * @throws EpSamError `weights` when there is none, or the file is not sound
 */
export function foundationModel(name: string): FoundationModel {
  const file = isPath(name) ? resolve(name) : join(foundationDirectory(), `${name}${EXTENSION}`);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    const action =
      "Import the model with `epsam models import`; `epsam models list` shows those that are here.";
    throw new EpSamError(
      "weights",
      { what: "cannot be read", where: file, why: messageOf(cause), action },
      { cause },
    );
  }
  return { ...parsedModel(text, file), file };
}

function parsedModel(text: string, file: string): z.infer<typeof foundationSchema> {
  const action = "Import the model again with `epsam models import`.";
  let content: unknown;
  try {
    content = parse(text);
  } catch (cause) {
    throw new EpSamError(
      "weights",
      { what: "is no YAML", where: file, why: messageOf(cause), action },
      { cause },
    );
  }
  const result = foundationSchema.safeParse(content);
  if (result.success) return result.data;
  const why = describeIssues(result.error.issues);
  throw new EpSamError("weights", { what: "does not describe a foundation model", where: file, why, action });
}

/** The file of weights. */
export function foundationWeights({ file, weights }: Pick<FoundationModel, "file" | "weights">): string {
  return isAbsolute(weights) ? weights : join(dirname(file), weights);
}

const hashes = new Map<string, { readonly size: number; readonly time: number; readonly sha256: string }>();

/**
 * Checks that the weights are those that were imported; several gigabytes take seconds, so that a process does it once.
 * @returns their SHA-256
 * @throws EpSamError `weights` when they are gone or have changed
 */
export async function requireImportedWeights(model: FoundationModel): Promise<string> {
  const path = foundationWeights(model);
  const { size, mtimeMs: time } = await stat(path).catch((cause: unknown) => {
    const fields = {
      what: "has no weights",
      where: model.name,
      why: messageOf(cause),
      action: "Import the model again with `epsam models import`.",
    };
    throw new EpSamError("weights", fields, { cause });
  });
  const known = hashes.get(path);
  const sha256 =
    known !== undefined && known.size === size && known.time === time ? known.sha256 : await hashFile(path);
  hashes.set(path, { size, time, sha256 });
  if (sha256 === model.sha256) return sha256;
  throw new EpSamError("weights", {
    what: "has changed since it was imported",
    where: path,
    why: `its SHA-256 was ${model.sha256} and is ${sha256}`,
    action: "Import the model again with `epsam models import`, under another name if runs rest on this one.",
  });
}

/** Writes a model's YAML file. */
export async function writeFoundationFile(
  file: string,
  model: z.infer<typeof foundationSchema>,
): Promise<void> {
  const text = stringify(foundationSchema.parse(model), { lineWidth: 0 });
  await writeFileAtomically(
    file,
    new TextEncoder().encode(`# A foundation model, for classifier.dense.backbone.\n${text}`),
  );
}
