import type { Area, Position } from "../../../contract/index.js";
import { areaOfRing, lengthOf } from "../../../geometry/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { areaFigure, lengthFigure } from "../geometry/figures.js";
import { ellipseRing, rectangleRing, squareCorner } from "../geometry/shapes.js";
import { colourOfClass } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { paintLabel, strokeTwice, traceArea } from "./path-painting.js";
import type { PointerTool } from "./tool.js";

/** A drag of fewer CSS pixels is no box. */
const CLICK = 5;
const RINGS = { rectangle: rectangleRing, ellipse: ellipseRing } as const;

/** Draws rectangles and ellipses from one corner to the opposite one; with Shift squares and circles. */
export class BoxTool implements PointerTool {
  readonly holdsPointer = true;
  readonly keepsPressed = true;
  readonly shortcuts = [];
  readonly name: keyof typeof RINGS;
  readonly #editor: Editor;
  readonly #repaint: () => void;
  #from: Position | null = null;
  #to: Position | null = null;

  constructor(name: keyof typeof RINGS, editor: Editor, repaint: () => void) {
    this.name = name;
    this.#editor = editor;
    this.#repaint = repaint;
  }

  get hasBegun(): boolean {
    return this.#from !== null;
  }

  press(at: Pointed): void {
    this.#from = at.position;
    this.#to = at.position;
    if (at.isKeyboard) this.#editor.viewer.announce("First corner");
  }

  drag(at: Pointed): void {
    if (this.#from === null) return;
    const { micronsPerPixel } = this.#editor.viewer.slide.peek();
    this.#to = at.isExtended
      ? squareCorner(this.#from, at.position, micronsPerPixel ?? { x: 1, y: 1 })
      : at.position;
    if (at.isKeyboard) this.#editor.viewer.announce(this.#figure() ?? "");
    this.#repaint();
  }

  release(at: Pointed): void {
    this.drag(at);
    const area = this.#area();
    this.#from = null;
    if (area === null) this.#editor.viewer.announce("Drag from one corner to the opposite one");
    else this.#editor.add(area, "drawn", "Draw");
    this.#repaint();
  }

  hover(): void {
    // Nothing follows the pointer before it is pressed.
  }

  cancel(): boolean {
    const had = this.hasBegun;
    this.#from = null;
    this.#repaint();
    return had;
  }

  paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const [area, figure] = [this.#area(), this.#figure()];
    if (area === null || figure === null || this.#to === null) return;
    traceArea(context, viewer, area);
    strokeTwice(context, colourOfClass(this.#editor.classification.value), 2);
    const { x, y } = viewer.toScreen(this.#to);
    paintLabel(context, figure, { x, y: y - 14 });
  }

  /** What is drawn so far; null while it is no larger than a click. */
  #area(): Area | null {
    if (this.#from === null || this.#to === null) return null;
    const { zoom } = this.#editor.viewer.view.value;
    const diagonal = lengthOf([this.#from, this.#to], { x: zoom, y: zoom });
    const [across, down] = [this.#to[0] - this.#from[0], this.#to[1] - this.#from[1]];
    if (diagonal < CLICK || across === 0 || down === 0) return null;
    return areaOfRing(RINGS[this.name](this.#from, this.#to));
  }

  /** Width, height and area. */
  #figure(): string | null {
    const area = this.#area();
    if (area === null || this.#from === null || this.#to === null) return null;
    const { micronsPerPixel } = this.#editor.viewer.slide.peek();
    const corner: Position = [this.#to[0], this.#from[1]];
    const width = lengthFigure([this.#from, corner], micronsPerPixel);
    const height = lengthFigure([corner, this.#to], micronsPerPixel);
    return `${width} × ${height}, ${areaFigure(area, micronsPerPixel)}`;
  }
}
