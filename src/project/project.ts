import { dirname, resolve } from "node:path";
import type { z } from "zod";
import { absolutePath, describeIssues, EpSamError, type KeysFile, readKeysFile } from "../common/index.js";
import { defaultOf, preparationSettings } from "../contract/index.js";
import { mergeRecords, type PresetName, resolveConfig, type TrainingConfig } from "../run/index.js";
import { requireConsistentConfig } from "../training/index.js";
import {
  imageSettingNames,
  type ProjectSettings,
  projectSettings,
  slideSettingNames,
} from "./project-settings.js";

const { windows } = preparationSettings.shape;
/** Windows and resolution that presets which learn labels of windows want, see docs/benchmarks.md. */
export const WINDOWS = {
  size: 112,
  stride: 56,
  share: defaultOf(windows.def.innerType.def.innerType.shape.share),
};
const WINDOWS_MPP = 0.5;
/** Patches hold several windows. */
const LEAST_PATCH_WITH_WINDOWS = 2 * WINDOWS.size;

type PrepareSettings = NonNullable<ProjectSettings["prepare"]>;
type InferSettings = NonNullable<ProjectSettings["infer"]>;

/** What a project does, with everything decided that its results depend on; paths are absolute. */
export interface Project {
  readonly root: string;
  /** Images with masks, or ready patches, are `images`. */
  readonly kind: "slides" | "images";
  readonly inputs: readonly string[];
  readonly annotations: readonly string[];
  readonly masks: string | null;
  readonly profile: NonNullable<ProjectSettings["profile"]> | null;
  readonly seed: number;
  readonly prepare: PrepareSettings;
  readonly preset: PresetName;
  readonly config: TrainingConfig;
  readonly segment: NonNullable<ProjectSettings["segment"]>;
  readonly infer: InferSettings;
}

/** A file for `epsam run --config`, read and checked. */
export interface ProjectFile {
  readonly settings: ProjectSettings;
  readonly file: KeysFile;
}

/**
 * Reads a project's settings from a YAML or JSON file. Its paths count from its folder.
 * @throws EpSamError `configuration` naming file, line and key of what is unknown or out of range
 */
export async function readProjectFile(path: string): Promise<ProjectFile> {
  const file = await readKeysFile(path, "docs/guide.md shows an example.");
  const read = projectSettings.safeParse(file.content);
  if (!read.success) throw wrongSettings(file, read.error.issues);
  return { settings: withPathsFrom(dirname(resolve(path)), read.data), file };
}

function wrongSettings(file: KeysFile, issues: readonly z.core.$ZodIssue[]): EpSamError {
  return new EpSamError("configuration", {
    what: describeIssues(issues, file),
    where: file.path,
    action: "docs/formats.md lists the keys.",
  });
}

function withPathsFrom(folder: string, settings: ProjectSettings): ProjectSettings {
  const from = (path: string): string => absolutePath(path, folder);
  const { inputs, annotations, masks, out, prepare, train } = settings;
  const tables = {
    patients: prepare?.patients,
    mppTable: prepare?.mppTable,
    splitTable: prepare?.splitTable,
  };
  return {
    ...settings,
    ...(inputs && { inputs: inputs.map(from) }),
    ...(annotations && { annotations: annotations.map(from) }),
    ...(masks && { masks: from(masks) }),
    ...(out && { out: from(out) }),
    ...(prepare && {
      prepare: {
        ...prepare,
        ...Object.fromEntries(
          Object.entries(tables).flatMap(([key, path]) => (path === undefined ? [] : [[key, from(path)]])),
        ),
      },
    }),
    ...(train && { train: withWeightsFrom(from, train) }),
  };
}

/** Files that the configuration of training names; `sam.weights` may also be the name of a pulled model. */
function withWeightsFrom(
  from: (path: string) => string,
  train: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const places: readonly (readonly [section: string, key: string, isPath: (text: string) => boolean])[] = [
    ["classifier", "initialWeights", () => true],
    ["sam", "weights", (text) => /[./\\]/.test(text)],
    ["cache", "directory", () => true],
  ];
  const resolved = new Map(Object.entries(train));
  for (const [section, key, isPath] of places) {
    const values = new Map(Object.entries(Object(resolved.get(section))));
    const value = values.get(key);
    if (typeof value !== "string" || !isPath(value)) continue;
    resolved.set(section, Object.fromEntries(values.set(key, from(value))));
  }
  return Object.fromEntries(resolved);
}

/**
 * Decides what a project does.
 * @param settings those of the file with those of the command line over them
 * @throws EpSamError `usage` when inputs or output are missing or contradict each other, `configuration` when training
 *   has a key that is unknown or out of range, or keys that do not go together
 */
export function resolveProject(settings: ProjectSettings, file?: KeysFile): Project {
  const { inputs = [], annotations = [], masks = null, profile = null, seed, prepare = {} } = settings;
  if (inputs.length === 0)
    throw missing("inputs", "Name slides, images or ready patches, or folders of them.");
  if (settings.out === undefined) throw missing("`out`", "Name the folder that the project is to be in.");
  const kind = annotations.length > 0 ? "slides" : "images";
  requireOneKind(settings, kind, file);
  const preset = settings.preset ?? (profile === null ? "laptop" : "paper");
  const config = trainingConfig(settings, preset, file);
  requireConsistentConfig(config);
  return {
    root: resolve(settings.out),
    kind,
    inputs: inputs.map((path) => absolutePath(path)),
    annotations: annotations.map((path) => absolutePath(path)),
    masks: masks === null ? null : resolve(masks),
    profile,
    seed: seed ?? 0,
    prepare: { ...usualPreparation(kind, masks, prepare, config), ...prepare },
    preset,
    config,
    segment: settings.segment ?? "left-over",
    infer: { ...sharedWithPreparation(kind, prepare), ...settings.infer },
  };
}

function missing(where: string, action: string): EpSamError {
  return new EpSamError("usage", { where, what: "is needed", action });
}

function requireOneKind(
  { annotations, masks, profile, prepare = {} }: ProjectSettings,
  kind: Project["kind"],
  file?: KeysFile,
): void {
  const refused = (where: string, what: string, action: string) =>
    new EpSamError("usage", { where, what, action });
  if (annotations !== undefined && masks !== undefined) {
    const action = "Give `annotations` for slides, or `masks` for images.";
    throw refused("`annotations` and `masks`", "are both given", action);
  }
  const needed = "Give `annotations`, or leave it out.";
  if (kind === "images" && profile !== undefined)
    throw refused("`profile`", "is for slides, which need annotations", needed);
  const foreign = kind === "slides" ? imageSettingNames : slideSettingNames;
  const wrong = Object.keys(prepare).find((key) => foreign.includes(key));
  if (wrong === undefined) return;
  const line = file?.lineOf(["prepare", wrong]) ?? null;
  const where = [file?.path, line === null ? undefined : `line ${line}`, `prepare.${wrong}`];
  const place = where.filter((part) => part !== undefined).join(", ");
  if (kind === "slides")
    throw refused(place, "is for images and patches, and these are slides", "Leave it out.");
  throw refused(place, "is for slides, which need annotations", needed);
}

/** The preset with what the file says, the authors' order of steps with their slides, and the seed above both. */
function trainingConfig(
  { train = {}, profile, seed }: ProjectSettings,
  preset: PresetName,
  file?: KeysFile,
): TrainingConfig {
  const ofProfile = profile === undefined ? {} : { cam: { profile } };
  const overrides = mergeRecords(mergeRecords(ofProfile, train), seed === undefined ? {} : { seed });
  if (file === undefined) return resolveConfig(preset, overrides);
  const lineOf = (keys: readonly PropertyKey[]) => file.lineOf(["train", ...keys]);
  return resolveConfig(preset, overrides, { path: `${file.path}, train`, lineOf });
}

/** What presets that learn labels of windows want of a dataset, unless told otherwise. */
function usualPreparation(
  kind: Project["kind"],
  masks: string | null,
  { patchSize = LEAST_PATCH_WITH_WINDOWS, level }: PrepareSettings,
  { classifier }: TrainingConfig,
): PrepareSettings {
  const canHaveWindows = kind === "slides" || masks !== null;
  if (classifier.model !== "dense" || !canHaveWindows || patchSize < LEAST_PATCH_WITH_WINDOWS) return {};
  const atOneResolution = kind === "slides" && level === undefined;
  return { windows: WINDOWS, ...(atOneResolution ? { mpp: WINDOWS_MPP } : {}) };
}

/** Slides are segmented as they were prepared, images have the resolution that they were prepared with. */
function sharedWithPreparation(
  kind: Project["kind"],
  { tissue, annotationOrigin, mpp }: PrepareSettings,
): InferSettings {
  if (kind === "images") return { mpp: mpp ?? undefined };
  return { tissue, annotationOrigin };
}
