import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import {
  EpSamError,
  exists,
  formatBytes,
  isEpSamError,
  type Reporter,
  requireWritable,
  storageError,
} from "../../common/index.js";
import type { Device } from "../../graph/index.js";
import { backbones, type FeatureMap } from "../backbones/index.js";
import type { LeftOut } from "../checkpoints/model-weights.js";
import { minisamStages } from "../sam/index.js";
import { FoundationFeatures, foundationView } from "./foundation-features.js";
import { type FoundationModel, writeFoundationFile } from "./foundation-file.js";

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
  /** `foundationDirectory()` unless told. */
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
export type WrittenModel = Omit<FoundationModel, "file">;

/**
 * Runs a model on one picture before it is kept.
 * @throws EpSamError `weights` when its features are not finite, or the same everywhere
 */
export async function tryModel(
  path: string,
  model: WrittenModel,
  { device, reporter }: ImportFoundationOptions,
): Promise<void> {
  reporter.note(`${model.name}: runs once, to see that it does`);
  const own = { ...model, file: model.weights };
  const features = await FoundationFeatures.create(own, foundationView(own, model.size, null), device);
  try {
    requireDiffering(path, await features.get(tryPicture(model.size)));
  } finally {
    await features.close();
  }
}

/** Weights of overflowing layers, or a constant as output, give every place of a varied picture the same features. */
function requireDiffering(path: string, { channels, width, height, data }: FeatureMap): void {
  const cells = width * height;
  const isVaried = data.some((value, at) => value !== data[at - (at % cells)]);
  if (isVaried || cells === 1) return;
  throw new EpSamError("weights", {
    what: "gives the same features everywhere",
    where: path,
    why: `all ${channels} of them are equal at the ${cells} places of a picture whose colours differ`,
    action: "The weights are damaged, or do not belong to this architecture; fetch or export them again.",
  });
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
export async function keepModel(
  directory: string,
  name: string,
  yaml: string,
  write: (folder: string) => Promise<Omit<ImportedFoundation, "model"> & { readonly model: WrittenModel }>,
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

export async function requireFree(
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

export async function requireRoom(directory: string, bytes: number): Promise<void> {
  const free = await requireWritable(directory);
  if (free >= bytes) return;
  throw new EpSamError("storage", {
    where: directory,
    what: `has ${formatBytes(free)} free, and the weights need ${formatBytes(bytes)}`,
    action: "Free disk space, or choose another disk with EPSAM_CACHE_DIR.",
  });
}

export function requireName(name: string): string {
  const why = whyNoName(name);
  if (why === null) return name;
  throw new EpSamError("usage", {
    what: `"${name}" cannot be a model's name`,
    where: "`name`",
    why,
    action: "Give another.",
  });
}

function whyNoName(name: string): string | null {
  if (backbones.some((entry) => entry.name === name)) return "a backbone has that name";
  if (name === minisamStages.name) return "the stages of SAM's encoder have that name";
  const isSimple = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name);
  return isSimple ? null : "it needs letters, digits, dots and dashes alone, 64 at most";
}

export function nameOfFile(path: string): string {
  return basename(path)
    .replace(/(\.index)?\.(json|safetensors|pth|pt|bin|onnx)$/i, "")
    .replace(/\.(safetensors|bin)$/i, "");
}

/** Three numbers for red, green and blue, of colours from 0 to 1. @throws EpSamError `usage` when they are none */
export function threeNumbers(key: string, numbers: readonly number[]): [number, number, number] {
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
