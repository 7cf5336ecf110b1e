import {
  boundsOverlap,
  boxOfRing,
  clippedRing,
  enclosesArea,
  type Level0Box,
  type Level0Polygon,
  movedRing,
  pixelsAround,
} from "../geometry/index.js";
import type { Level0Point, SlideFacts } from "../slides/index.js";
import { annotationError } from "./errors.js";
import {
  type Annotation,
  type AnnotationSet,
  type CoordinateOrigin,
  type LeftOutPart,
  ORIGIN_KEY,
} from "./types.js";

/** What of a slide decides where coordinates lie on it. */
export type SlidePlane = Pick<SlideFacts, "levels" | "bounds">;

/** How far outlines may reach over a slide's border without a word: half pixels, and what is rounded. */
const BORDER = 1;

/** Outlines that reach no farther, of width and height, may be in microns or of a smaller level: mostly a quarter and less. */
const CORNER = 0.25;

/** Outlines at another scale are told as such when they would reach so far over the slide, of width or height. */
const LEAST_FILLED = 0.75;

/** The level-0 position where coordinates begin. */
function originOn({ bounds }: SlidePlane, origin: CoordinateOrigin): { x: number; y: number } {
  return origin === "slide" || bounds === undefined ? { x: 0, y: 0 } : { x: bounds.left, y: bounds.top };
}

/** The level-0 position where coordinates of GeoJSON begin on a slide with bounds; undefined on others. */
export function geoJsonOrigin(
  slide: SlidePlane,
  told?: CoordinateOrigin | undefined,
): { x: number; y: number } | undefined {
  const { x, y } = originOn(slide, "bounds");
  return x === 0 && y === 0 ? undefined : originOn(slide, told ?? "bounds");
}

/**
 * Annotations in level-0 pixels of the slide that they are of. Outlines and dots that lie off it are left out, as are
 * outlines smaller than a pixel; that, and outlines that reach beyond it, is told with numbers.
 * @param told where the file's coordinates begin, if somebody has said; else as its program counts
 * @throws EpSamError `annotation` when all outlines lie off the slide, or nothing tells where coordinates begin
 */
export function placeOnSlide(
  set: AnnotationSet,
  slide: SlidePlane,
  told?: CoordinateOrigin | undefined,
): AnnotationSet {
  const { width, height } = slide.levels[0] ?? { width: 0, height: 0 };
  const inPixels = movedBy(set, originOf(set, slide, told));
  const place = new Placement({ left: 0, top: 0, right: width, bottom: height });
  const annotations = inPixels.annotations.map((annotation) => place.annotation(annotation));
  return { ...inPixels, annotations, warnings: [...set.warnings, ...place.warnings(set.path)] };
}

function originOf(
  { path, format, origin: own }: AnnotationSet,
  slide: SlidePlane,
  told: CoordinateOrigin | undefined,
): { x: number; y: number } {
  const { x, y } = originOn(slide, "bounds");
  if (x === 0 && y === 0) return { x, y };
  // GeoJSON that counts from the slide's corner says so itself: nobody needs to be asked.
  const isStated = format === "geojson" && own === "slide";
  const origin = isStated ? own : (told ?? own);
  if (origin !== null) return originOn(slide, origin);
  throw annotationError(path, "does not tell where its coordinates begin", {
    why: `the slide has pixels from x ${x}, y ${y} on: QuPath counts from there, OpenSlide and ASAP from the empty corner`,
    action: "Say where they begin: `annotationOrigin: bounds` (as QuPath) or `annotationOrigin: slide`.",
  });
}

/** Annotations whose coordinates begin at this level-0 position, in level-0 pixels. */
export function movedBy(
  set: AnnotationSet,
  origin: { readonly x: number; readonly y: number },
): AnnotationSet {
  if (origin.x === 0 && origin.y === 0) return set;
  const annotations = set.annotations.map((annotation) => ({
    ...annotation,
    polygons: annotation.polygons.map((polygon) => moved(polygon, origin)),
    points: annotation.points.map(({ x, y, space }) => ({ space, x: x + origin.x, y: y + origin.y })),
    lines: annotation.lines?.map((line) => movedRing(line, origin.x, origin.y)),
    leftOut: annotation.leftOut?.map(({ what, extent }) => ({
      what,
      extent: extent === null ? null : moved(extent, origin),
    })),
  }));
  return { ...set, annotations, origin: "slide" };
}

function moved(
  { outer, holes }: Level0Polygon,
  { x, y }: { readonly x: number; readonly y: number },
): Level0Polygon {
  return { outer: movedRing(outer, x, y), holes: holes.map((hole) => movedRing(hole, x, y)) };
}

/** Puts the parts of one file on a slide, and counts what does not fit. */
class Placement {
  #outlines = 0;
  #off = 0;
  #beyond = 0;
  #dotsOff = 0;
  #linesOff = 0;
  #small = 0;
  /** Written by the web application, in pixels of full resolution. */
  #isOurs = false;
  #reach: Level0Box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };

  constructor(private readonly slide: Level0Box) {}

  annotation(annotation: Annotation): Annotation {
    this.#isOurs ||= annotation.metadata?.[ORIGIN_KEY] !== undefined;
    const polygons: Level0Polygon[] = [];
    const leftOut: LeftOutPart[] = [...(annotation.leftOut ?? [])];
    for (const polygon of annotation.polygons) {
      const lack = this.#lackOf(polygon);
      if (lack === null) polygons.push(polygon);
      else leftOut.push(lack);
    }
    const points = annotation.points.filter((point) => this.#holds(point));
    for (let off = points.length; off < annotation.points.length; off++) {
      this.#dotsOff += 1;
      leftOut.push({ what: "a dot off the slide", extent: null });
    }
    const lines = annotation.lines?.filter((line) => boundsOverlap(boxOfRing(line), this.slide));
    for (let off = lines?.length ?? 0; off < (annotation.lines ?? []).length; off++) {
      this.#linesOff += 1;
      leftOut.push({ what: "a line off the slide", extent: null });
    }
    return { ...annotation, polygons, points, lines, leftOut };
  }

  /** @throws EpSamError `annotation` when no outline lies on the slide */
  warnings(path: string): string[] {
    const { right: width, bottom: height } = this.slide;
    const why = `they reach from x ${Math.round(this.#reach.left)} to ${Math.round(this.#reach.right)} and y ${Math.round(this.#reach.top)} to ${Math.round(this.#reach.bottom)}, the slide has ${width} × ${height} pixels`;
    const check = `check that they belong to this scan, in pixels of its full resolution${this.#hint()}`;
    if (this.#outlines > 0 && this.#off === this.#outlines) {
      throw annotationError(path, "has no outline that lies on the slide", {
        why,
        action: `Give the annotations of this scan, in pixels of its full resolution${this.#hint()}.`,
      });
    }
    const all = `of ${this.#outlines} outlines`;
    const isInCorner = this.#reach.right <= width * CORNER && this.#reach.bottom <= height * CORNER;
    return [
      ...(this.#outlines > 0 && this.#small === 0 && isInCorner && !this.#isOurs
        ? [
            `all outlines lie in the first quarter of its width and height (${why}); check that they are in pixels of its full resolution, not in microns or of a smaller level; if the tumour is there, all is well`,
          ]
        : []),
      ...(this.#off === 0
        ? []
        : [`${this.#off} ${all} lie off the slide and are left out (${why}); ${check}`]),
      ...(this.#beyond === 0
        ? []
        : [`${this.#beyond} ${all} reach beyond the slide, where nothing is (${why}); ${check}`]),
      ...(this.#small === 0
        ? []
        : [
            `${this.#small} ${all} are smaller than a pixel and left out; are they in pixels of full resolution?`,
          ]),
      ...(this.#dotsOff === 0 ? [] : [`${this.#dotsOff} dots lie off the slide and are left out; ${check}`]),
      ...(this.#linesOff === 0
        ? []
        : [`${this.#linesOff} lines lie off the slide and are left out; ${check}`]),
    ];
  }

  /** What outlines that reach beyond the slide may be. */
  #hint(): string {
    const { right: width, bottom: height } = this.slide;
    const { left, top, right, bottom } = this.#reach;
    if (left < -BORDER || top < -BORDER) return "";
    if (bottom <= width + BORDER && right <= height + BORDER) {
      return "; with x and y exchanged all would lie on it";
    }
    const reach = Math.max(right / width, bottom / height);
    const scale = [2, 4].find((by) => reach > LEAST_FILLED * by && reach <= by);
    return scale === undefined ? "" : `; all would lie on it at 1/${scale} of their scale`;
  }

  /** What keeps an outline from being used; null for nothing. */
  #lackOf({ outer }: Level0Polygon): LeftOutPart | null {
    const box = boxOfRing(outer);
    const { left, top, right, bottom } = this.slide;
    this.#outlines += 1;
    this.#reach = {
      left: Math.min(this.#reach.left, box.left),
      top: Math.min(this.#reach.top, box.top),
      right: Math.max(this.#reach.right, box.right),
      bottom: Math.max(this.#reach.bottom, box.bottom),
    };
    const over = Math.max(left - box.left, top - box.top, box.right - right, box.bottom - bottom);
    const rest = over <= 0 ? outer : clippedRing(outer, this.slide);
    if (rest === null || !enclosesArea(rest)) {
      this.#off += 1;
      return { what: "an outline off the slide", extent: null };
    }
    if (over > BORDER) this.#beyond += 1;
    if (box.right - box.left >= 1 || box.bottom - box.top >= 1) return null;
    this.#small += 1;
    return { what: "an outline smaller than a pixel", extent: pixelsAround([...outer.coordinates]) };
  }

  #holds({ x, y }: Level0Point): boolean {
    const { left, top, right, bottom } = this.slide;
    return x >= left && y >= top && x <= right && y <= bottom;
  }
}
