import type { Area, Position } from "../../../contract/index.js";
import { areaOfRing, lengthOf } from "../../../geometry/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { areaFigure, lengthFigure } from "../geometry/figures.js";
import { ellipseRing, rectangleRing, squareCorner } from "../geometry/shapes.js";
import { colourOfClass } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { paintLabel, strokeTwice, traceArea } from "./path-painting.js";
import { PointerTool } from "./tool.js";

/** A drag of fewer CSS pixels is no box. */
const CLICK = 5;
const RINGS = { rectangle: rectangleRing, ellipse: ellipseRing } as const;

/** Draws rectangles and ellipses from one corner to the opposite one; with Shift squares and circles. */
export class BoxTool extends PointerTool {
  override readonly keepsPressed = true;
  override readonly name: keyof typeof RINGS;
  #from: Position | null = null;
  #to: Position | null = null;

  constructor(name: keyof typeof RINGS, editor: Editor, repaint: () => void) {
    super(editor, repaint);
    this.name = name;
  }

  override get hasBegun(): boolean {
    return this.#from !== null;
  }

  override press(at: Pointed): void {
    this.#from = at.position;
    this.#to = at.position;
    if (at.isKeyboard) this.viewer.announce("First corner");
  }

  override drag(at: Pointed): void {
    if (this.#from === null) return;
    const { micronsPerPixel } = this.viewer.slide.peek();
    this.#to = at.isExtended
      ? squareCorner(this.#from, at.position, micronsPerPixel ?? { x: 1, y: 1 })
      : at.position;
    if (at.isKeyboard) this.viewer.announce(this.#figure() ?? "");
    this.repaint();
  }

  override release(at: Pointed): void {
    this.drag(at);
    const area = this.#area();
    this.#from = null;
    if (area === null) this.viewer.announce("Drag from one corner to the opposite one");
    else this.editor.add(area, "drawn", "Draw");
    this.repaint();
  }

  protected override forget(): void {
    this.#from = null;
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const [area, figure] = [this.#area(), this.#figure()];
    if (area === null || figure === null || this.#to === null) return;
    traceArea(context, viewer, area);
    strokeTwice(context, colourOfClass(this.editor.classification.value), 2);
    const { x, y } = viewer.toScreen(this.#to);
    paintLabel(context, figure, { x, y: y - 14 });
  }

  /** What is drawn so far; null while it is no larger than a click. */
  #area(): Area | null {
    if (this.#from === null || this.#to === null) return null;
    const { zoom } = this.viewer.view.value;
    const diagonal = lengthOf([this.#from, this.#to], { x: zoom, y: zoom });
    const [across, down] = [this.#to[0] - this.#from[0], this.#to[1] - this.#from[1]];
    if (diagonal < CLICK || across === 0 || down === 0) return null;
    return areaOfRing(RINGS[this.name](this.#from, this.#to));
  }

  /** Width, height and area. */
  #figure(): string | null {
    const area = this.#area();
    if (area === null || this.#from === null || this.#to === null) return null;
    const { micronsPerPixel } = this.viewer.slide.peek();
    const corner: Position = [this.#to[0], this.#from[1]];
    const width = lengthFigure([this.#from, corner], micronsPerPixel);
    const height = lengthFigure([corner, this.#to], micronsPerPixel);
    return `${width} × ${height}, ${areaFigure(area, micronsPerPixel)}`;
  }
}
