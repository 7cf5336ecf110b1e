import type { Position } from "../../../contract/index.js";
import { areaOfRing, simplifyLine } from "../../../geometry/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { withoutCrossings } from "../geometry/combine.js";
import { colourOfClass } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { paintDot, strokeTwice, traceLine } from "./path-painting.js";
import { GRAB_RADIUS, type PointerTool, screenDistance } from "./tool.js";

/** A drag of fewer CSS pixels is a click. */
const CLICK = 5;
/** How far, in CSS pixels, a simplified drawn line may lie from the drawn one. */
const TOLERANCE = 0.75;

/**
 * Draws outlines: dragging draws freehand and closes the outline at the end; clicks set one vertex after another until
 * the first is clicked again, or Enter.
 */
export class DrawTool implements PointerTool {
  readonly name = "draw";
  readonly holdsPointer = true;
  readonly keepsPressed = false;
  readonly #editor: Editor;
  readonly #repaint: () => void;
  /** Vertices set by clicks. */
  #vertices: Position[] = [];
  /** What is being drawn freehand. */
  #way: Position[] = [];
  #pressedAt: Pointed | null = null;
  #pointer: Position | null = null;

  constructor(editor: Editor, repaint: () => void) {
    this.#editor = editor;
    this.#repaint = repaint;
  }

  readonly shortcuts = [
    this.#shortcut("Enter", "Close the outline", () => this.#finish(this.#vertices)),
    this.#shortcut("Backspace", "Take back the last vertex", () => {
      this.#vertices = this.#vertices.slice(0, -1);
      this.#repaint();
    }),
  ];

  get hasBegun(): boolean {
    return this.#vertices.length > 0 || this.#pressedAt !== null;
  }

  press(at: Pointed): void {
    this.#pressedAt = at;
    this.#way = [at.position];
  }

  drag(at: Pointed): void {
    const [last] = this.#way.slice(-1);
    if (this.#pressedAt === null || last === undefined) return;
    if (screenDistance(this.#editor.viewer.toScreen(last), at.screen) >= 1.5) this.#way.push(at.position);
    this.#pointer = at.position;
    this.#repaint();
  }

  release(at: Pointed): void {
    const pressed = this.#pressedAt;
    const way = this.#way;
    this.#pressedAt = null;
    this.#way = [];
    if (pressed === null) return;
    if (way.length > 2 && lengthOnScreen(this.#editor.viewer, way) > CLICK * 3) {
      // Freehand goes on from vertices that were clicked before.
      this.#finish([
        ...this.#vertices,
        ...simplifyLine(way, TOLERANCE / this.#editor.viewer.view.value.zoom),
      ]);
      return;
    }
    const [first] = this.#vertices;
    const closes =
      first !== undefined &&
      this.#vertices.length > 2 &&
      screenDistance(this.#editor.viewer.toScreen(first), at.screen) < GRAB_RADIUS;
    if (closes) this.#finish(this.#vertices);
    else this.#vertices.push(pressed.position);
    this.#repaint();
  }

  hover(at: Pointed | null): void {
    this.#pointer = at?.position ?? null;
    if (this.#vertices.length > 0) this.#repaint();
  }

  cancel(): boolean {
    const had = this.hasBegun;
    this.#vertices = [];
    this.#way = [];
    this.#pressedAt = null;
    this.#repaint();
    return had;
  }

  paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const line = [...this.#vertices, ...this.#way];
    if (line.length === 0) return;
    const colour = colourOfClass(this.#editor.classification.value);
    const isFreehand = this.#way.length > 2;
    context.beginPath();
    traceLine(
      context,
      viewer,
      isFreehand || this.#pointer === null ? line : [...line, this.#pointer],
      isFreehand,
    );
    strokeTwice(context, colour, 2);
    for (const vertex of this.#vertices) paintDot(context, viewer.toScreen(vertex), 5, colour);
  }

  #finish(ring: readonly Position[]): void {
    this.#vertices = [];
    const area = ring.length < 3 ? null : withoutCrossings(areaOfRing(ring));
    if (area === null) this.#editor.viewer.announce("The outline encloses nothing");
    else this.#editor.add(area, "drawn", "Draw");
    this.#repaint();
  }

  #shortcut(key: string, title: string, run: () => void) {
    return { key, title, group: "Drawing", scope: "slide" as const, run };
  }
}

function lengthOnScreen(viewer: SlideViewer, way: readonly Position[]): number {
  const points = way.map((position) => viewer.toScreen(position));
  return points.slice(1).reduce((sum, point, index) => {
    const before = points[index];
    return before === undefined ? sum : sum + screenDistance(before, point);
  }, 0);
}
