import {
  type CoordinateOrigin,
  GroupRoles,
  type GroupRules,
  judgeAreas,
  movedBy,
  placeOnSlide,
  readAnnotations,
  TumourRegion,
} from "../../annotations/index.js";
import { outlineDoubts } from "../../dataset/index.js";
import {
  addConfusions,
  type Confusion,
  confusion,
  dice,
  emptyConfusion,
  iou,
  overlapOf,
} from "../../evaluation/index.js";
import type { Mask } from "../../imaging/index.js";
import type { PixelSource } from "../../slides/index.js";
import type { TiledRaster } from "../export/raster.js";
import { type PatchLayout, type PlacedPatch, rasterGrid } from "../patches/layout.js";
import type { SlideSegmentation } from "./segment-slide.js";

/** Tumour fraction from which a patch is a positive one in the paper (section 3.1). */
const POSITIVE_FRACTION = 0.2;

/** How a mask agrees with the annotation, over all pixels of the slide at the resolution of the patches. */
export interface MaskAgreement {
  readonly dice: number;
  readonly iou: number;
  /** Null where nothing was predicted, or nothing is annotated. */
  readonly precision: number | null;
  readonly recall: number | null;
  /** In pixels. */
  readonly confusion: Confusion;
}

/** How the results of a slide agree with its annotation. */
export interface SlideAgreement {
  /** The outlines as they were exported to GeoJSON, read back and drawn. */
  readonly outlines: MaskAgreement;
  /** The mask raster itself. */
  readonly mask: MaskAgreement;
  /** Of the patches with at least 20 % annotated tumour, how many the gate let through. */
  readonly gate: {
    readonly tumourPatches: number;
    readonly passed: number;
    /** Null without such patches. */
    readonly recall: number | null;
  };
}

/** The tumour as an expert outlined it. */
export interface ExpertTumour {
  readonly region: TumourRegion;
  /** What was left out or is unusual. */
  readonly warnings: readonly string[];
}

/**
 * The tumour of a slide as the expert outlined it.
 * @throws EpSamError `annotation` when the file is malformed, does not belong to the slide, leaves open whether it has
 *   tumour, or a group has no role
 */
export async function expertTumour(
  path: string,
  slide: PixelSource,
  options: {
    readonly groups?: Partial<GroupRules> | undefined;
    readonly annotationOrigin?: CoordinateOrigin | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ExpertTumour> {
  const set = placeOnSlide(await readAnnotations(path), slide, options.annotationOrigin);
  const areas = judgeAreas(set, new GroupRoles(options.groups));
  const lost = areas.warnings.map((warning) => `${warning}; the agreement counts them as free of tumour`);
  const region = TumourRegion.ofAreas(areas);
  const doubts = await outlineDoubts(slide, region, options.signal);
  return { region, warnings: [...set.warnings, ...lost, ...doubts] };
}

/**
 * Compares a slide's results with its annotation, tile by tile.
 * @param outlines the GeoJSON file that was exported, and where its coordinates begin on the slide
 */
export async function slideAgreement(
  expert: TumourRegion,
  outlines: { readonly path: string; readonly origin: { readonly x: number; readonly y: number } },
  { mask, patches }: Pick<SlideSegmentation, "mask" | "patches">,
  layout: PatchLayout,
  signal?: AbortSignal,
): Promise<SlideAgreement> {
  const { path, origin } = outlines;
  const exported = TumourRegion.of(movedBy(await readAnnotations(path), origin));
  let ofOutlines: Confusion = emptyConfusion;
  let ofMask: Confusion = emptyConfusion;
  for (let y = 0; y < layout.height; y += mask.tileSize) {
    for (let x = 0; x < layout.width; x += mask.tileSize) {
      signal?.throwIfAborted();
      const area = {
        x,
        y,
        width: Math.min(mask.tileSize, layout.width - x),
        height: Math.min(mask.tileSize, layout.height - y),
      };
      const target = expert.rasterise(rasterGrid(layout, area));
      ofOutlines = addConfusions(ofOutlines, confusion(exported.rasterise(rasterGrid(layout, area)), target));
      ofMask = addConfusions(ofMask, confusion(await maskOfTile(mask, area), target));
    }
  }
  return {
    outlines: agreementOf(ofOutlines),
    mask: agreementOf(ofMask),
    gate: gateRecall(patches, layout, expert),
  };
}

async function maskOfTile(
  raster: TiledRaster,
  {
    x,
    y,
    width,
    height,
  }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
): Promise<Mask> {
  const data = new Uint8Array(width * height);
  const tile = await raster.readTile(x / raster.tileSize, y / raster.tileSize);
  if (tile === null) return { width, height, data };
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      data[row * width + column] = tile[row * raster.tileSize + column] === 0 ? 0 : 1;
    }
  }
  return { width, height, data };
}

function agreementOf(counts: Confusion): MaskAgreement {
  const overlap = overlapOf(counts);
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    dice: dice(overlap),
    iou: iou(overlap),
    precision: share(counts.tp, counts.tp + counts.fp),
    recall: share(counts.tp, counts.tp + counts.fn),
    confusion: counts,
  };
}

function gateRecall(
  patches: SlideSegmentation["patches"],
  layout: PatchLayout,
  expert: TumourRegion,
): SlideAgreement["gate"] {
  const { patchSize } = layout.geometry;
  const isPositive = ({ x, y }: PlacedPatch): boolean => {
    const area = {
      x,
      y,
      width: Math.min(patchSize, layout.width - x),
      height: Math.min(patchSize, layout.height - y),
    };
    return expert.fraction(rasterGrid(layout, area)) >= POSITIVE_FRACTION;
  };
  const positive = patches.filter(isPositive);
  const passed = positive.filter(({ outcome }) => outcome !== "below-gate").length;
  const recall = positive.length === 0 ? null : passed / positive.length;
  return { tumourPatches: positive.length, passed, recall };
}
