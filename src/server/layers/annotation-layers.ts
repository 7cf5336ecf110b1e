import { basename, dirname, extname } from "node:path";
import { judgeAreas, placeOnSlide, readAnnotations, TumourRegion } from "../../annotations/index.js";
import { DIFFERENCE_LEVELS, type LayerEntry, type LevelEntry } from "../../contract/index.js";
import { annotationFilesIn, listInputs, matchAnnotationFiles, nameKey } from "../../dataset/index.js";
import type { GreyImage } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { ServerContext } from "../context.js";
import { fileVersion } from "../open-slides.js";
import { SharedWork } from "../shared-work.js";
import { levelAt, type TilePlace, tilePlace } from "../tile-place.js";
import { opaqueId } from "../workspace/identifiers.js";
import { fileInside } from "../workspace/inside-root.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { halvedLevels, type Layer } from "./layer.js";

/** Outlines kept; what is counted is the size of the files. */
const REGION_CACHE_BYTES = 256 * 2 ** 20;
/** Beside a slide, a JSON file may be about anything. */
export const NEIGHBOUR_EXTENSIONS = [".xml", ".geojson"];
const FOREGROUND = 128;

interface MeasuredRegion {
  readonly region: TumourRegion;
  readonly warnings: readonly string[];
  readonly bytes: number;
}

/** What annotation files call tumour, by path and version. */
export type TumourRegions = SharedWork<MeasuredRegion>;

export function createTumourRegions(): TumourRegions {
  return new SharedWork(REGION_CACHE_BYTES, ({ bytes }) => bytes);
}

/** An annotation file of a slide with its tumour. */
export interface GroundTruth {
  readonly path: string;
  readonly version: string;
  readonly region: TumourRegion;
  /** What was left out or is unusual. */
  readonly warnings: readonly string[];
}

/**
 * The annotation of a slide: in a folder given for that, or beside the slide under its name; null without one.
 * @throws EpSamError `annotation` when it is damaged, ambiguous, of another slide, leaves open whether there is tumour,
 *   or has groups without a role
 */
export async function findGroundTruth(
  context: ServerContext,
  regions: TumourRegions,
  slide: WorkspaceSlide,
  source: PixelSource,
  signal: AbortSignal,
): Promise<GroundTruth | null> {
  const path = await annotationFile(context, slide);
  if (path === null) return null;
  const version = await fileVersion(path);
  const { region, warnings } = await regions.get(`${slide.id}\n${path}\n${version}`, signal, async () => {
    const set = placeOnSlide(await readAnnotations(path), source, context.annotationOrigin);
    const vertices = set.annotations
      .flatMap(({ polygons }) => polygons)
      .reduce((sum, { outer }) => sum + outer.coordinates.byteLength, 0);
    const areas = judgeAreas(set, context.groupRoles);
    const told = [
      ...set.warnings,
      ...areas.warnings.map((warning) => `${warning}; not part of the ground truth`),
    ];
    const file = basename(path);
    return {
      region: TumourRegion.ofAreas(areas),
      warnings: told.map((warning) => `${file}: ${warning}`),
      bytes: 4 * vertices,
    };
  });
  return { path, version, region, warnings };
}

/** The annotation file of a slide; null without one. @throws EpSamError `annotation` when several could be the slide's */
export async function annotationFile(
  { workspace }: ServerContext,
  slide: WorkspaceSlide,
): Promise<string | null> {
  const others = workspace.slides.filter(({ stem }) => nameKey(stem) !== nameKey(slide.stem));
  const paths = [slide, ...others].map(({ path }) => path);
  const files = await annotationFilesIn(workspace.annotationFoldersOf(slide));
  const given = matchAnnotationFiles(paths, files);
  const found = given.ofSlides.get(slide.path) ?? (await neighbour(paths, slide));
  return found === null ? null : fileInside(dirname(found), basename(found));
}

async function neighbour(paths: readonly string[], slide: WorkspaceSlide): Promise<string | null> {
  const files = (await listInputs([dirname(slide.path)])).flatMap((listed) => listed.files);
  const candidates = files.flatMap(({ path }) =>
    NEIGHBOUR_EXTENSIONS.includes(extname(path)) ? [path] : [],
  );
  return matchAnnotationFiles(paths, candidates).ofSlides.get(slide.path) ?? null;
}

/** What the annotation calls tumour, drawn from its outlines at every level. */
export function groundTruthLayer(
  { path, version, region }: GroundTruth,
  size: { readonly width: number; readonly height: number },
): Layer {
  const entry: LayerEntry = {
    id: opaqueId("layer", "ground-truth", path, version),
    kind: "ground-truth",
    title: "Ground truth",
    origin: basename(path),
    levels: halvedLevels({ ...size, downsample: 1 }),
    values: "mask",
  };
  return {
    entry,
    async readTile(index, column, row) {
      const level = levelAt(entry.levels, index);
      return drawn(region, level, tilePlace(level, column, row));
    },
  };
}

/** Where a tumour mask and the annotation differ, at the mask's own resolution. */
export function differenceLayer(mask: Layer, { path, version, region }: GroundTruth): Layer {
  const entry: LayerEntry = {
    id: opaqueId("layer", "difference", mask.entry.id, path, version),
    kind: "difference",
    title: "Difference to the ground truth",
    origin: `${mask.entry.origin}; ${basename(path)}`,
    levels: mask.entry.levels,
    values: "difference",
  };
  return {
    entry,
    async readTile(index, column, row, signal) {
      const level = levelAt(entry.levels, index);
      const found = await mask.readTile(index, column, row, signal);
      return difference(found, drawn(region, level, tilePlace(level, column, row)));
    },
  };
}

function drawn(region: TumourRegion, { downsample }: LevelEntry, place: TilePlace): GreyImage {
  const mask = region.rasterise({
    origin: { space: "level-0", x: place.left * downsample, y: place.top * downsample },
    pixelSize: { x: downsample, y: downsample },
    width: place.width,
    height: place.height,
  });
  return { ...mask, data: mask.data.map((value) => value * 255) };
}

function difference(found: GreyImage, truth: GreyImage): GreyImage {
  const { truePositive, falsePositive, falseNegative, trueNegative } = DIFFERENCE_LEVELS;
  const data = found.data.map((value, pixel) => {
    const isTumour = truth.data[pixel] !== 0;
    if (value >= FOREGROUND) return isTumour ? truePositive : falsePositive;
    return isTumour ? falseNegative : trueNegative;
  });
  return { width: found.width, height: found.height, data };
}
