import { type AnnotationObject, MEASUREMENT_CLASS, type Position } from "../../../contract/index.js";
import { boundsOverlap, type Level0Box, simplifyRing } from "../../../geometry/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import type { OverlayPicture } from "../../viewer/moving-picture.js";
import { shownBounds, toLevel0 } from "../../viewer/shown-bounds.js";
import { objectFigure } from "../geometry/figures.js";
import { boundsOfShape, type DrawnShape, shapeOf } from "../geometry/shapes.js";
import { untangled } from "../geometry/tangle.js";
import { colourOfClass } from "./classes.js";
import type { Editor } from "./editor.js";
import { paintLabel } from "./path-painting.js";

/** Objects that are smaller on the screen are dots, in CSS pixels. */
const DOT = 3;
/** Measurements that are smaller have no label. */
const LABELLED = 24;
/** Radius of a point. */
const POINT = 5;
/** Outlines are painted from simplified ones of the next finer zoom, by powers of this. */
const ZOOM_STEP = 4;
/** Rings with fewer vertices are painted as they are. */
const FEW_VERTICES = 24;

interface Prepared {
  readonly bounds: Level0Box;
  /** By the exponent of the zoom step. */
  readonly paths: Map<number, Path2D>;
}

/** Level0Box and paths of shapes: an object that is judged keeps its own, one that is drawn otherwise has another. */
const prepared = new WeakMap<DrawnShape, Prepared>();

function prepare(object: AnnotationObject): Prepared {
  const shape = shapeOf(object);
  const known = prepared.get(shape);
  if (known !== undefined) return known;
  const bounds = boundsOfShape(shape) ?? { left: 0, top: 0, right: -1, bottom: -1 };
  const made = { bounds, paths: new Map<number, Path2D>() };
  prepared.set(shape, made);
  return made;
}

/** The outlines of an object in level-0 pixels, as fine as a zoom shows them. */
function pathAt(object: AnnotationObject, zoom: number): Path2D {
  const { paths } = prepare(object);
  const step = zoom >= 1 ? 0 : Math.floor(Math.log(zoom) / Math.log(ZOOM_STEP));
  const known = paths.get(step);
  if (known !== undefined) return known;
  const tolerance = step === 0 ? 0 : 0.5 / ZOOM_STEP ** (step + 1);
  const path = new Path2D();
  for (const ring of untangled(object.area.coordinates).flat()) {
    const shown = tolerance === 0 || ring.length < FEW_VERTICES ? ring : simplifyRing(ring, tolerance);
    shown.slice(0, -1).forEach(([x, y], index) => {
      if (index === 0) path.moveTo(x, y);
      else path.lineTo(x, y);
    });
    path.closePath();
  }
  if (object.mark?.type === "LineString") {
    for (const [x, y] of object.mark.coordinates) path.lineTo(x, y);
  }
  paths.set(step, path);
  return path;
}

export interface PaintOptions {
  readonly selection: ReadonlySet<string>;
  readonly rejectedShown: boolean;
  /** CSS pixels around the view in which objects are painted, too; 0 unless told. */
  readonly margin?: number | undefined;
}

/** The objects in view. */
export function objectsInView(
  viewer: SlideViewer,
  objects: Iterable<AnnotationObject>,
  { rejectedShown, margin }: Omit<PaintOptions, "selection">,
): AnnotationObject[] {
  const shown = shownBounds(viewer, margin);
  const found: AnnotationObject[] = [];
  for (const object of objects) {
    if (object.review === "rejected" && !rejectedShown) continue;
    if (boundsOverlap(prepare(object).bounds, shown)) found.push(object);
  }
  return found;
}

/**
 * Paints objects: their class by colour, their review by line (solid accepted, dashed not looked at, dotted grey
 * rejected), the selected ones thicker and on top. Only what is in view is painted.
 */
export function paintObjects(
  context: CanvasRenderingContext2D,
  viewer: SlideViewer,
  objects: Iterable<AnnotationObject>,
  options: PaintOptions,
): void {
  const { selection } = options;
  const { zoom } = viewer.view.value;
  const selected: AnnotationObject[] = [];
  const labelled: AnnotationObject[] = [];
  context.save();
  toLevel0(context, viewer);
  context.lineJoin = "round";
  for (const object of objectsInView(viewer, objects, options)) {
    if (object.classification === MEASUREMENT_CLASS && isSeen(object, zoom)) labelled.push(object);
    if (selection.has(object.id)) selected.push(object);
    else paintOne(context, object, zoom, false);
  }
  for (const object of selected) paintOne(context, object, zoom, true);
  context.restore();
  for (const object of labelled) paintFigure(context, viewer, object);
}

/** All annotations of a slide, as a picture that moves with it. */
export function outlinesOf({ viewer, store, selection, rejectedShown }: Editor): OverlayPicture {
  const now = (margin: number) => ({
    selection: selection.peek(),
    rejectedShown: rejectedShown.peek(),
    margin,
  });
  return {
    count: (margin) => objectsInView(viewer, store.objects.peek().values(), now(margin)).length,
    paint: (context, margin) => paintObjects(context, viewer, store.objects.peek().values(), now(margin)),
  };
}

/** How long or large a measurement is: beside a line's end, and over an area. */
function paintFigure(context: CanvasRenderingContext2D, viewer: SlideViewer, object: AnnotationObject): void {
  const { left, top, right } = prepare(object).bounds;
  const last = object.mark?.coordinates.at(-1);
  const { x, y } = viewer.toScreen(last ?? [(left + right) / 2, top]);
  paintLabel(context, objectFigure(object, viewer.slide.peek().micronsPerPixel), { x, y: y - 8 });
}

/** Whether an object is large enough on the screen to be told of in words. */
function isSeen(object: AnnotationObject, zoom: number): boolean {
  const { left, top, right, bottom } = prepare(object).bounds;
  return Math.max(right - left, bottom - top) * zoom >= LABELLED;
}

function paintOne(
  context: CanvasRenderingContext2D,
  object: AnnotationObject,
  zoom: number,
  isSelected: boolean,
): void {
  const { bounds } = prepare(object);
  const isRejected = object.review === "rejected";
  const colour = isRejected ? "#6b7280" : colourOfClass(object.classification);
  const size = Math.max(bounds.right - bounds.left, bounds.bottom - bounds.top) * zoom;
  if (object.mark?.type === "MultiPoint") {
    paintPoints(context, object.mark.coordinates, { colour, zoom, isSelected, isRejected });
    return;
  }
  if (size < DOT && !isSelected) {
    const side = DOT / zoom;
    context.fillStyle = colour;
    context.fillRect(
      (bounds.left + bounds.right - side) / 2,
      (bounds.top + bounds.bottom - side) / 2,
      side,
      side,
    );
    return;
  }
  const path = pathAt(object, zoom);
  if (object.mark === undefined) {
    context.globalAlpha = isSelected ? 0.22 : isRejected ? 0 : 0.1;
    context.fillStyle = colour;
    context.fill(path, "evenodd");
    context.globalAlpha = 1;
  }
  context.setLineDash(dashOf(object).map((length) => length / zoom));
  if (isSelected) {
    context.strokeStyle = "white";
    context.lineWidth = 5.5 / zoom;
    context.stroke(path);
  }
  context.strokeStyle = colour;
  context.lineWidth = (isSelected ? 3 : 2) / zoom;
  context.stroke(path);
  context.setLineDash([]);
}

/** Points as rings, filled when they are selected, so that the cell in the middle stays in view. */
function paintPoints(
  context: CanvasRenderingContext2D,
  points: readonly Position[],
  look: {
    readonly colour: string;
    readonly zoom: number;
    readonly isSelected: boolean;
    readonly isRejected: boolean;
  },
): void {
  const { colour, zoom, isSelected, isRejected } = look;
  context.beginPath();
  for (const [x, y] of points) {
    context.moveTo(x + POINT / zoom, y);
    context.arc(x, y, POINT / zoom, 0, 2 * Math.PI);
  }
  context.globalAlpha = isSelected ? 0.5 : 0;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  context.setLineDash(isRejected ? [2 / zoom, 2 / zoom] : []);
  for (const [width, stroke] of [
    [4.5, "white"],
    [2.5, colour],
  ] as const) {
    context.lineWidth = width / zoom;
    context.strokeStyle = stroke;
    context.stroke();
  }
  context.setLineDash([]);
}

function dashOf({ review }: AnnotationObject): readonly number[] {
  return { accepted: [], unreviewed: [8, 5], rejected: [2, 5] }[review];
}
