import { readdir, readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { z } from "zod";
import { jsonIfFits } from "../../common/index.js";
import type { LayerKind } from "../../contract/index.js";
import { SLIDE_RESULT_FILES } from "../../inference/index.js";
import { bytesOf, fileVersion } from "../open-slides.js";
import { fileInsideOrNull } from "../workspace/inside-root.js";
import type { OpenWorkspace, WorkspaceSlide } from "../workspace/workspace.js";

/** A raster that `epsam infer` wrote. */
export interface ResultRaster {
  readonly kind: Extract<LayerKind, "tumour-mask" | "probability" | "class-activation-map">;
  readonly path: string;
  /** Changes when the file does. */
  readonly version: string;
}

/** What `epsam infer` wrote for one slide or image. */
export interface StoredResults {
  /** Name of the run, or of the directory of results, and the stage whose decoder was used. */
  readonly origin: string;
  /** When it was finished, in milliseconds. */
  readonly finished: number;
  readonly rasters: readonly ResultRaster[];
  /** The figures of a slide; null for images. */
  readonly summaryPath: string | null;
  /** The foci of a slide; null for images. */
  readonly fociPath: string | null;
  /** Level-0 position where the coordinates of the foci begin. */
  readonly fociOrigin: { readonly x: number; readonly y: number };
  /** The figures of an image; null for slides. */
  readonly image: ImageFigures | null;
}

/** Of the record of an image, what is shown. */
export type ImageFigures = z.infer<typeof imageRecordSchema>["tumour"];

/** Where results begin that do not say it: on slides without bounds, and of versions that did not know of them. */
const SLIDE_CORNER = { x: 0, y: 0 };
const sizeShape = { width: z.number(), height: z.number() };
const slideRecordSchema = z.object({
  ...sizeShape,
  settings: z.object({
    slide: z.object({ name: z.string(), bytes: z.number() }),
    model: z.object({ stage: z.string() }),
    outlines: z
      .object({ geoJsonOrigin: z.object({ x: z.number(), y: z.number() }).default(SLIDE_CORNER) })
      .default({ geoJsonOrigin: SLIDE_CORNER }),
  }),
});
const imageRecordSchema = z.object({
  ...sizeShape,
  model: z.object({ stage: z.string() }),
  tumour: z.object({ pixels: z.number(), fraction: z.number(), squareMicrons: z.number().nullable() }),
});

const SLIDE_RASTERS = [
  ["tumour-mask", SLIDE_RESULT_FILES.mask],
  ["probability", SLIDE_RESULT_FILES.probability],
  ["class-activation-map", SLIDE_RESULT_FILES.activation],
] as const;
const IMAGE_RASTERS = [
  ["tumour-mask", "masks"],
  ["probability", "probabilities"],
] as const;
const RECORD_FILE = "inference.json";

/** The finished results of a slide of the given size, the newest first. */
export async function findResults(
  workspace: OpenWorkspace,
  slide: WorkspaceSlide,
  size: { readonly width: number; readonly height: number },
): Promise<StoredResults[]> {
  const found: StoredResults[] = [];
  for (const root of workspace.results) {
    for (const folder of foldersOf(root, slide))
      found.push(...(await slideResults(workspace, root, folder, slide, size)));
    found.push(...(await imageResults(workspace, root, slide.stem, size)));
  }
  return found.sort((one, other) => other.finished - one.finished);
}

/** Whether there are finished results of a slide, as far as their records tell. */
export async function hasResults(workspace: OpenWorkspace, slide: WorkspaceSlide): Promise<boolean> {
  for (const root of workspace.results) {
    if ((await fileInsideOrNull(root, "results", `${slide.stem}.json`)) !== null) return true;
    for (const folder of foldersOf(root, slide)) {
      const path = await fileInsideOrNull(root, ...folder, RECORD_FILE);
      const record = path === null ? null : await readRecord(path, slideRecordSchema);
      if (record !== null && (await isSameFile(record.settings.slide, slide))) return true;
    }
  }
  return false;
}

/** Names of slides that have results in the workspace and are not in it themselves. */
export async function resultsWithoutSlide(workspace: OpenWorkspace): Promise<string[]> {
  const known = new Set(workspace.slides.map(({ stem }) => stem));
  const missing: string[] = [];
  for (const root of workspace.results) {
    const folders = (await readdir(root, { withFileTypes: true })).filter((entry) => entry.isDirectory());
    for (const { name } of folders) {
      if (!known.has(name) && (await fileInsideOrNull(root, name, RECORD_FILE)) !== null) missing.push(name);
    }
  }
  return missing;
}

/** Where a slide's results may lie in a directory: in a folder of its name, or in the directory itself. */
function foldersOf(root: string, { stem }: WorkspaceSlide): readonly (readonly string[])[] {
  return basename(root) === stem ? [[], [stem]] : [[stem]];
}

async function slideResults(
  workspace: OpenWorkspace,
  root: string,
  folder: readonly string[],
  slide: WorkspaceSlide,
  size: { readonly width: number; readonly height: number },
): Promise<StoredResults[]> {
  const recordPath = await fileInsideOrNull(root, ...folder, RECORD_FILE);
  if (recordPath === null) return [];
  const record = await readRecord(recordPath, slideRecordSchema);
  if (record === null || !isSameSize(record, size)) return [];
  if (!(await isSameFile(record.settings.slide, slide))) return [];
  const files = SLIDE_RASTERS.map(async ([kind, name]) =>
    rasterOf(kind, await fileInsideOrNull(root, ...folder, name)),
  );
  return [
    {
      origin: `${workspace.resultsName(root)}, ${record.settings.model.stage}`,
      finished: (await stat(recordPath)).mtimeMs,
      rasters: (await Promise.all(files)).flat(),
      summaryPath: await fileInsideOrNull(root, ...folder, SLIDE_RESULT_FILES.summary),
      fociPath: await fileInsideOrNull(root, ...folder, SLIDE_RESULT_FILES.geojson),
      fociOrigin: record.settings.outlines.geoJsonOrigin,
      image: null,
    },
  ];
}

async function imageResults(
  workspace: OpenWorkspace,
  root: string,
  stem: string,
  size: { readonly width: number; readonly height: number },
): Promise<StoredResults[]> {
  const recordPath = await fileInsideOrNull(root, "results", `${stem}.json`);
  if (recordPath === null) return [];
  const record = await readRecord(recordPath, imageRecordSchema);
  if (record === null || !isSameSize(record, size)) return [];
  const files = IMAGE_RASTERS.map(async ([kind, folder]) =>
    rasterOf(kind, await fileInsideOrNull(root, folder, `${stem}.png`)),
  );
  return [
    {
      origin: `${workspace.resultsName(root)}, ${record.model.stage}`,
      finished: (await stat(recordPath)).mtimeMs,
      rasters: (await Promise.all(files)).flat(),
      summaryPath: null,
      fociPath: null,
      fociOrigin: SLIDE_CORNER,
      image: record.tumour,
    },
  ];
}

async function rasterOf(kind: ResultRaster["kind"], path: string | null): Promise<ResultRaster[]> {
  return path === null ? [] : [{ kind, path, version: await fileVersion(path) }];
}

/** A record of the schema; null for one of another version, which is no result of ours. */
async function readRecord<Schema extends z.ZodType>(
  path: string,
  schema: Schema,
): Promise<z.output<Schema> | null> {
  return jsonIfFits(await readFile(path, "utf8"), schema) ?? null;
}

/** Told by name and bytes: another slide of the same name may have the same size in pixels, and a copy another time. */
async function isSameFile(
  recorded: { readonly name: string; readonly bytes: number },
  { name, path }: WorkspaceSlide,
): Promise<boolean> {
  if (recorded.name !== name) return false;
  // A slide that is gone has no results; opening it tells.
  return recorded.bytes === (await bytesOf(path));
}

function isSameSize(
  one: { readonly width: number; readonly height: number },
  other: { readonly width: number; readonly height: number },
): boolean {
  return one.width === other.width && one.height === other.height;
}
