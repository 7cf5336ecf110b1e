import {
  type AnnotationRole,
  GroupRoles,
  judgeAreas,
  KnownRegion,
  placeOnSlide,
  type RasterGrid,
  readAnnotations,
  TumourRegion,
} from "../../annotations/index.js";
import { closing, EpSamError, isEpSamError, skipReason } from "../../common/index.js";
import type { UnmarkedRule } from "../../contract/index.js";
import type { MicronsPerPixel, PixelSource } from "../../slides/index.js";
import type { PatchPosition } from "../preparation/lattice.js";
import type { Acceptance } from "../preparation/source.js";
import { encodePresence, labelWindows, tellsNothing } from "../window-labels.js";
import type { SlideFile } from "./find-slides.js";
import { areaCoverage, gridOf, type PatchGeometry, patchGeometry, slideLattice } from "./geometry.js";
import type { SlideSettings } from "./options.js";
import type { SlideExamination } from "./outcomes.js";
import { outlineDoubts } from "./outline-doubts.js";
import { slideLooks, writtenLooks } from "./slide-looks.js";
import { findTissue, type TissueMask } from "./tissue.js";

/** Patches between two looks at the signal and two progress events. */
const PATCHES_PER_STEP = 256;

export interface ExaminationContext {
  readonly settings: SlideSettings;
  /** Kept with the result, to tell when it is out of date. */
  readonly fingerprint: string;
  /** Resolution that the user gave for this slide; goes before what the file tells. */
  readonly knownMpp: MicronsPerPixel | null;
  readonly openSlide: (path: string) => Promise<PixelSource>;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: (step: "tissue" | "patches", done: number, total: number) => void;
}

/**
 * Finds the tissue of a slide, its patches with tissue, and how much tumour each holds; or says why the slide
 * cannot be used. Damaged slides and annotations are reasons, too; what else goes wrong is thrown.
 */
export async function examineSlide(
  slide: SlideFile,
  context: ExaminationContext,
): Promise<Acceptance<SlideExamination>> {
  try {
    return await closing(context.openSlide(slide.path), async (source) =>
      examineSource(source, await annotatedRegion(slide, source, context.settings), context),
    );
  } catch (failure) {
    if (isEpSamError(failure, "slide") || isEpSamError(failure, "annotation")) {
      return { refused: skipReason(failure.fields) };
    }
    throw failure;
  }
}

/** What the annotations of a slide tell. */
export interface AnnotatedRegion {
  readonly tumour: TumourRegion;
  /** Null when everything is known. */
  readonly known: KnownRegion | null;
  /** What its groups were taken as, by name. */
  readonly groups: Readonly<Record<string, AnnotationRole>>;
  /** What was left out or is unusual. */
  readonly warnings: readonly string[];
}

/**
 * The tumour of a slide, as its annotations tell, and where they do. Where marks lie of which no area could be made,
 * nothing is known.
 * @throws EpSamError `annotation` when they do not belong to the slide or leave open whether it has tumour; also for
 *   reviewed regions when it was not told what lies outside of them
 */
export async function annotatedRegion(
  { annotationPath }: SlideFile,
  source: PixelSource,
  settings: SlideSettings,
): Promise<AnnotatedRegion> {
  if (annotationPath === null) return { tumour: new TumourRegion([]), known: null, groups: {}, warnings: [] };
  const read = await readAnnotations(annotationPath, { splines: settings.splines });
  const set = placeOnSlide(read, source, settings.annotationOrigin ?? undefined);
  const roles = new GroupRoles(settings.groups);
  const areas = judgeAreas(set, roles);
  const tumour = TumourRegion.ofAreas(areas);
  const warnings = [
    ...set.warnings,
    ...areas.warnings.map((warning) => `${warning}; patches there are not labelled`),
  ];
  const isLost = areas.lost.marks.length + areas.lost.exclusions.length > 0 || areas.polygons.has("left-out");
  const told = { tumour, groups: roles.takenAs(set), warnings };
  const known = (unmarked: UnmarkedRule) => ({ ...told, known: KnownRegion.ofAreas(areas, unmarked) });
  if (settings.unmarked !== null) return known(settings.unmarked);
  const partial = set.annotations.find((annotation) =>
    annotation.polygons.length === 0
      ? false
      : ["reviewed", "unknown"].includes(roles.roleOf(annotation, set)),
  );
  if (partial === undefined) return isLost ? known("normal") : { ...told, known: null };
  throw new EpSamError("annotation", {
    where: annotationPath,
    what: `has outlines of the group "${partial.group ?? "None"}"`,
    why: "they say that not everything has been looked at",
    action: "Pass `unmarked: unknown` to use what is marked or reviewed alone, or `unmarked: normal`.",
  });
}

async function examineSource(
  source: PixelSource,
  region: AnnotatedRegion,
  context: ExaminationContext,
): Promise<Acceptance<SlideExamination>> {
  const { settings, knownMpp } = context;
  const full = source.levels[0];
  if (full === undefined) return { refused: "has no pixels" };
  const told = source.micronsPerPixel;
  const mpp = knownMpp ?? told;
  const geometry = patchGeometry(source, settings.resolution, mpp, settings.patchSize);
  if ("refused" in geometry) return geometry;
  const { accepted } = geometry;
  const lattice = slideLattice(full, accepted, settings);
  if (lattice.length === 0) return { refused: tooSmall(full, accepted) };
  const tissue = await tissueOf(source, context);
  const { drawn, glass, ...found } = await measurePatches(source, lattice, region, tissue, accepted, context);
  const unmet = unmetTumour(region, found, glass);
  if ("refused" in unmet) return unmet;
  const { level, downsample, pixelSize } = accepted;
  const looks = await slideLooks(source);
  return {
    accepted: {
      fingerprint: context.fingerprint,
      width: full.width,
      height: full.height,
      level,
      downsample,
      pixelSize,
      mpp: accepted.mpp,
      tissueShare: tissue?.share ?? 1,
      latticePatches: lattice.length,
      ...found,
      groups: region.groups,
      looks: looks === null ? null : writtenLooks(looks),
      warnings: [
        ...source.warnings,
        ...region.warnings,
        ...(tissue?.warnings ?? []),
        ...contradiction(mpp, told),
        ...unmet.warnings,
        ...(unmet.warnings.length > 0 ? [] : await outlineDoubts(source, region.tumour, context.signal)),
        ...missingPixels(found.missingPixels, drawn, level),
      ],
    },
  };
}

function tooSmall(full: { width: number; height: number }, { patchSize, pixelSize }: PatchGeometry): string {
  const size = `${Math.floor(full.width / pixelSize.x)} x ${Math.floor(full.height / pixelSize.y)}`;
  return `is smaller than a patch (${size} pixels at this resolution, the patch size is ${patchSize})`;
}

function contradiction(used: MicronsPerPixel | null, told: MicronsPerPixel | null): string[] {
  if (used === null || told === null || Math.abs(used.x / told.x - 1) <= 0.01) return [];
  return [`the file tells ${told.x} µm per pixel, the table ${used.x}; the table's is used`];
}

/** Tumour fraction and labels of windows of a patch; null when too little of it is known. */
function measurePatch(
  grid: RasterGrid,
  { tumour, known }: AnnotatedRegion,
  { windows: rule }: SlideSettings,
): [fraction: number, windows: string] | null {
  if (rule === null) return known === null || known.covers(grid) ? [tumour.fraction(grid), ""] : null;
  const windows = labelWindows(tumour.rasterise(grid), rule, known?.rasterise(grid));
  return tellsNothing(windows) ? null : [tumour.fraction(grid), encodePresence(windows)];
}

async function tissueOf(
  source: PixelSource,
  { settings, signal, onProgress }: ExaminationContext,
): Promise<TissueMask | null> {
  if (settings.tissue === "all") return null;
  return findTissue(source, settings.tissue, {
    signal,
    onProgress: (done, total) => onProgress("tissue", done, total),
  });
}

/** Share of the outlined tumour on glass from which it is told. */
const TOLD_ON_GLASS = 0.5;

/**
 * What is said of tumour that is outlined where no tissue is: such outlines are of another scan, or at another scale.
 * Where none meets tissue, patches with tumour would count as free of it.
 * @param glass what patches without tissue hold of the tumour, in patches
 */
function unmetTumour(
  { tumour, known }: AnnotatedRegion,
  { candidates, missingPixels }: Pick<SlideExamination, "candidates" | "missingPixels">,
  glass: number,
): { readonly refused: string } | { readonly warnings: readonly string[] } {
  if (tumour.isEmpty || candidates.length === 0) return { warnings: [] };
  const met = candidates.reduce((sum, [, , fraction]) => sum + fraction, 0);
  const check =
    "do the annotations belong to this scan, in pixels of its full resolution? If they do, pass `tissue: all`";
  if (met === 0) {
    const told = `tumour is outlined, and none of the ${candidates.length} patches with tissue has any; ${check}`;
    return known === null && missingPixels === 0 ? { refused: told } : { warnings: [told] };
  }
  const share = glass / (met + glass);
  if (share <= TOLD_ON_GLASS) return { warnings: [] };
  return {
    warnings: [
      `${Math.round(100 * share)} % of the outlined tumour lies where no tissue was found; ${check}`,
    ],
  };
}

/** What is said of patches that are not in the file as they should be. */
function missingPixels(missing: number, drawn: number, level: number): string[] {
  const patches = (count: number): string => (count === 1 ? "1 patch" : `${count} patches`);
  return [
    ...(missing === 0 ? [] : [`${patches(missing)} with pixels that the file lacks left out`]),
    ...(drawn === 0
      ? []
      : [`${patches(drawn)} drawn in part from a finer level, since level ${level} lacks tiles`]),
  ];
}

async function measurePatches(
  source: PixelSource,
  lattice: readonly PatchPosition[],
  region: AnnotatedRegion,
  tissue: TissueMask | null,
  geometry: PatchGeometry,
  { settings, signal, onProgress }: ExaminationContext,
): Promise<
  Pick<SlideExamination, "candidates" | "withoutTissue" | "missingPixels" | "notKnown"> & {
    drawn: number;
    glass: number;
  }
> {
  const candidates: SlideExamination["candidates"] = [];
  let [withTissue, missing, drawn, glass] = [0, 0, 0, 0];
  const { patchSize, pixelSize } = geometry;
  const size = { width: patchSize, height: patchSize };
  for (const [index, { x, y }] of lattice.entries()) {
    const box = { left: x, top: y, right: x + patchSize * pixelSize.x, bottom: y + patchSize * pixelSize.y };
    const share = tissue?.fraction(box) ?? 1;
    if (share < settings.minimumTissue) glass += region.tumour.fraction(gridOf({ x, y }, geometry));
    else {
      withTissue += 1;
      const coverage = await areaCoverage(source, { x, y }, size, geometry, signal);
      if (coverage === "missing") missing += 1;
      else {
        const candidate = measurePatch(gridOf({ x, y }, geometry), region, settings);
        if (candidate !== null) candidates.push([x, y, ...candidate]);
        if (candidate !== null && coverage === "finer") drawn += 1;
      }
    }
    if ((index + 1) % PATCHES_PER_STEP !== 0 && index + 1 !== lattice.length) continue;
    onProgress("patches", index + 1, lattice.length);
    // Lets signals in: everything here is computed without waiting.
    await new Promise((resume) => setImmediate(resume));
    signal?.throwIfAborted();
  }
  const notKnown = withTissue - missing - candidates.length;
  const withoutTissue = lattice.length - withTissue;
  return { candidates, withoutTissue, missingPixels: missing, notKnown, drawn, glass };
}
