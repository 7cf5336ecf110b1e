import {
  type AnnotationChange,
  type AnnotationObject,
  type Area,
  MEASUREMENT_CLASS,
  type Position,
} from "../../../contract/index.js";
import { boundsOf, boundsOverlap } from "../../../geometry/index.js";
import { shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { differenceOf, unionOf } from "../geometry/combine.js";
import { strokeArea } from "../geometry/stroke.js";
import { colourOfClass, titleOf } from "./classes.js";
import { BRUSH_SIZES, type Editor, type Pointed, tellTangles } from "./editor.js";
import { traceLine } from "./path-painting.js";
import { PointerTool, screenDistance } from "./tool.js";

/** A step of the brush's size by the keyboard. */
const SIZE_STEP = 1.25;

/** What erasing leaves of less than this share of the brush is a crumb that nobody sees. */
const CRUMB = 0.05;

/**
 * A round brush of so many pixels on the screen. Adding enlarges the selected object, or makes a new one; erasing cuts
 * the selected objects, or whatever it meets when none is. Alt or the right button do the opposite.
 */
export class BrushTool extends PointerTool {
  override readonly name: "brush" | "erase";
  override readonly keepsPressed = true;
  #way: Position[] = [];
  #isErasing = false;
  #pointer: Pointed | null = null;

  constructor(name: "brush" | "erase", editor: Editor, repaint: () => void) {
    super(editor, repaint);
    this.name = name;
  }

  override readonly shortcuts = shortcutGroup("Drawing", "page", [
    [",", "A smaller brush", () => this.#resize(1 / SIZE_STEP)],
    [".", "A larger brush", () => this.#resize(SIZE_STEP)],
  ]);

  override get hasBegun(): boolean {
    return this.#way.length > 0;
  }

  override press(at: Pointed): void {
    this.#isErasing = (this.name === "erase") !== at.isOpposite;
    this.#way = [at.position];
    this.#pointer = at;
    this.repaint();
  }

  override drag(at: Pointed): void {
    const last = this.#way.at(-1);
    this.#pointer = at;
    if (last === undefined) return;
    if (screenDistance(this.viewer.toScreen(last), at.screen) >= 2) this.#way.push(at.position);
    this.repaint();
  }

  override release(at: Pointed): void {
    const way = this.#way;
    this.#way = [];
    this.#pointer = at;
    if (way.length === 0) return;
    const radius = this.editor.brushSize.value / 2 / this.viewer.view.value.zoom;
    const stroke = strokeArea(way, radius);
    if (this.#isErasing) this.#erase(stroke, CRUMB * Math.PI * radius * radius);
    else this.#add(stroke);
    this.repaint();
  }

  override hover(at: Pointed | null): void {
    this.#pointer = at;
    this.repaint();
  }

  protected override forget(): void {
    this.#way = [];
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const size = this.editor.brushSize.value;
    const colour = this.#isErasing && this.#way.length > 0 ? "#111827" : this.#colour();
    if (this.#way.length > 0) {
      context.beginPath();
      const [first] = this.#way;
      // A line of one position would not be painted.
      traceLine(context, viewer, this.#way.length === 1 && first ? [first, first] : this.#way, false);
      Object.assign(context, { lineCap: "round", lineJoin: "round", lineWidth: size, strokeStyle: colour });
      context.globalAlpha = 0.35;
      context.stroke();
      context.globalAlpha = 1;
    }
    if (this.#pointer === null) return;
    const { x, y } = viewer.toScreen(this.#pointer.position);
    for (const [width, ring] of [
      [3, "white"],
      [1.5, this.name === "erase" ? "#111827" : colour],
    ] as const) {
      context.beginPath();
      context.arc(x, y, size / 2, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = ring;
      context.stroke();
    }
  }

  #add(stroke: Area): void {
    const target = this.editor.selected.value;
    if (target === null || isApart(target)) this.editor.add(stroke, "drawn", "Brush");
    else this.editor.reshape(target, unionOf(target.area, stroke), "Brush");
  }

  #erase(stroke: Area, crumb: number): void {
    const { store, selectedObjects } = this.editor;
    const chosen = selectedObjects.value;
    const candidates =
      chosen.length > 0
        ? chosen
        : [...store.objects.value.values()].filter((object) => isShown(object) && !isApart(object));
    const changes: AnnotationChange[] = [];
    const cut: AnnotationObject[] = [];
    for (const object of candidates.filter((candidate) => meets(candidate, stroke))) {
      const area = differenceOf(object.area, stroke, crumb);
      if (area === object.area) continue;
      cut.push(object);
      changes.push(
        area === null
          ? { type: "remove", id: object.id }
          : { type: "update", object: { ...object, area, review: "accepted" } },
      );
    }
    const [first] = cut;
    const what = cut.length === 1 && first !== undefined ? titleOf(first) : `${cut.length} annotations`;
    tellTangles(cut);
    store.edit(`Erase from ${what}`, changes);
  }

  #colour(): string {
    const target = this.editor.selected.value;
    return colourOfClass(
      target === null || isApart(target) ? this.editor.classification.value : target.classification,
    );
  }

  #resize(factor: number): void {
    const { brushSize } = this.editor;
    const next = Math.round(brushSize.value * factor);
    brushSize.value = Math.max(BRUSH_SIZES.least, Math.min(BRUSH_SIZES.most, next));
    this.viewer.announce(`Brush of ${brushSize.value} pixels`);
    this.repaint();
  }
}

/** Whether the brush leaves an object alone: what has no area, and measurements. */
export function isApart({ classification, mark }: AnnotationObject): boolean {
  return mark !== undefined || classification === MEASUREMENT_CLASS;
}

function isShown({ review }: AnnotationObject): boolean {
  return review !== "rejected";
}

function meets(object: AnnotationObject, stroke: Area): boolean {
  const [own, reach] = [boundsOf(object.area), boundsOf(stroke)];
  return own !== null && reach !== null && boundsOverlap(own, reach);
}
