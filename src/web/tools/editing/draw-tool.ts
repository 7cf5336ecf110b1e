import { type Area, MEASUREMENT_CLASS, type Position } from "../../../contract/index.js";
import { areaOfRing, lengthOf, simplifyLine } from "../../../geometry/index.js";
import { type Shortcut, shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { withoutCrossings } from "../geometry/combine.js";
import { areaFigure, lengthFigure, perimeterFigure } from "../geometry/figures.js";
import { colourOfClass } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { paintDot, paintLabel, strokeTwice, traceLine } from "./path-painting.js";
import { GRAB_RADIUS, PointerTool, screenDistance } from "./tool.js";

/** A drag of fewer CSS pixels is a click. */
const CLICK = 5;
/** How far, in CSS pixels, a simplified drawn line may lie from the drawn one. */
const TOLERANCE = 0.75;

/** What it draws, with the heading of its keys in the help sheet. */
const GROUPS = { draw: "Drawing", polyline: "Drawing a polyline", measure: "Measuring" } as const;

/**
 * Draws outlines and lines: dragging draws freehand (a measuring line straight) and ends where it ends; clicks set one
 * vertex after another until the first one of an outline, or the last one, is clicked again, or Enter.
 */
export class DrawTool extends PointerTool {
  override readonly name: keyof typeof GROUPS;
  override readonly shortcuts: readonly Shortcut[];
  /** Vertices set by clicks. */
  #vertices: Position[] = [];
  /** What is being drawn by dragging. */
  #way: Position[] = [];
  #pressedAt: Pointed | null = null;
  #pointer: Position | null = null;

  constructor(name: keyof typeof GROUPS, editor: Editor, repaint: () => void) {
    super(editor, repaint);
    this.name = name;
    this.shortcuts = shortcutGroup(GROUPS[name], "slide", [
      ["Enter", name === "draw" ? "Close the outline" : "End it", () => this.#finish(this.#vertices)],
      ["Backspace", "Take back the last vertex", () => this.#removeLast()],
    ]);
  }

  /** Whether it says how long or large what is drawn is. */
  get #isMeasured(): boolean {
    return this.name === "measure";
  }

  /** Whether lines are drawn, or outlines that close. */
  get #isLine(): boolean {
    return this.#isMeasured ? this.editor.measured.value === "line" : this.name === "polyline";
  }

  /** Whether dragging draws a straight line and not the pointer's way. */
  get #isStraight(): boolean {
    return this.#isMeasured && this.#isLine;
  }

  protected override repaint(): void {
    if (this.#isMeasured) this.editor.readout.value = this.#readout();
    super.repaint();
  }

  override get hasBegun(): boolean {
    return this.#vertices.length > 0 || this.#pressedAt !== null;
  }

  override press(at: Pointed): void {
    this.#pressedAt = at;
    this.#way = [this.#placeOf(at)];
  }

  override drag(at: Pointed): void {
    const [last] = this.#way.slice(-1);
    if (this.#pressedAt === null || last === undefined) return;
    const place = this.#placeOf(at);
    if (this.#isStraight) this.#way = [...this.#way.slice(0, 1), place];
    else if (screenDistance(this.viewer.toScreen(last), at.screen) >= 1.5) this.#way.push(place);
    this.#pointer = place;
    this.repaint();
  }

  override release(at: Pointed): void {
    const pressed = this.#pressedAt;
    const way = this.#way;
    this.#pressedAt = null;
    this.#way = [];
    if (pressed === null) return;
    if (way.length > (this.#isStraight ? 1 : 2) && this.#lengthOnScreen(way) > CLICK * 3) {
      // Freehand goes on from vertices that were clicked before.
      this.#finish([...this.#vertices, ...simplifyLine(way, TOLERANCE / this.viewer.view.value.zoom)]);
      return;
    }
    if (this.#isEnd(at)) this.#finish(this.#vertices);
    else {
      this.#vertices.push(this.#placeOf(pressed));
      const readout = this.#isMeasured ? this.#readout() : null;
      if (readout !== null) this.viewer.announce(readout);
    }
    this.repaint();
  }

  override hover(at: Pointed | null): void {
    this.#pointer = at === null ? null : this.#placeOf(at);
    if (this.#vertices.length === 0) return;
    this.repaint();
    // Whoever moves the keyboard's cursor cannot see the readout follow.
    if (at?.isKeyboard === true && this.editor.readout.value !== null) {
      this.viewer.announce(this.editor.readout.value);
    }
  }

  protected override forget(): void {
    this.#vertices = [];
    this.#way = [];
    this.#pressedAt = null;
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const line = this.#line();
    const [first] = line;
    if (first === undefined || (line.length === 1 && this.#vertices.length === 0)) return;
    const isMeasured = this.#isMeasured;
    const colour = colourOfClass(isMeasured ? MEASUREMENT_CLASS : this.editor.classification.value);
    context.beginPath();
    const isClosed = !this.#isLine && (this.#way.length > 2 || (isMeasured && line.length > 2));
    traceLine(context, viewer, line, isClosed);
    strokeTwice(context, colour, 2);
    for (const vertex of this.#vertices) paintDot(context, viewer.toScreen(vertex), 5, colour);
    const readout = isMeasured ? this.#readout() : null;
    if (readout === null) return;
    const { x, y } = viewer.toScreen(line.at(-1) ?? first);
    paintLabel(context, readout, { x, y: y - 14 });
  }

  /** Everything that would be drawn if it ended where the pointer is. */
  #line(): readonly Position[] {
    const line = [...this.#vertices, ...this.#way];
    const isDragged = this.#way.length > 1;
    return isDragged || this.#pointer === null || line.length === 0 ? line : [...line, this.#pointer];
  }

  #readout(): string | null {
    const line = this.#line();
    const { micronsPerPixel } = this.viewer.slide.peek();
    if (line.length < 2) return null;
    if (this.#isLine) return lengthFigure(line, micronsPerPixel);
    const area = areaOfRing(line);
    return `${areaFigure(area, micronsPerPixel)}, around ${perimeterFigure(area, micronsPerPixel)}`;
  }

  /** Whether a click ends what is drawn: on the first vertex of an outline, or on the last one again. */
  #isEnd({ screen }: Pointed): boolean {
    const isLine = this.#isLine;
    if (this.#vertices.length < (isLine ? 2 : 3)) return false;
    const isNear = (vertex: Position | undefined, within: number) =>
      vertex !== undefined && screenDistance(this.viewer.toScreen(vertex), screen) < within;
    return (!isLine && isNear(this.#vertices[0], GRAB_RADIUS)) || isNear(this.#vertices.at(-1), CLICK);
  }

  #removeLast(): void {
    this.#vertices = this.#vertices.slice(0, -1);
    this.repaint();
  }

  #finish(line: readonly Position[]): void {
    this.#vertices = [];
    const verb = this.#isMeasured ? "Measure" : "Draw";
    const classification = this.#isMeasured ? MEASUREMENT_CLASS : this.editor.classification.value;
    if (this.#isLine) {
      const isLong = line.length > 1 && lengthOf(line, { x: 1, y: 1 }) > 0;
      if (!isLong) this.viewer.announce("The line has no length");
      else this.editor.add({ type: "LineString", coordinates: line }, "drawn", verb, classification);
    } else {
      const area: Area | null = line.length < 3 ? null : withoutCrossings(areaOfRing(line));
      if (area === null) this.viewer.announce("The outline encloses nothing");
      else this.editor.add(area, "drawn", verb, classification);
    }
    this.repaint();
  }

  /** Lines end where the slide does; outlines are cut there when they are done. */
  #placeOf({ position }: Pointed): Position {
    return this.#isLine || this.#isMeasured ? this.editor.onSlide(position) : position;
  }

  #lengthOnScreen(way: readonly Position[]): number {
    return lengthOf(way, { x: 1, y: 1 }) * this.viewer.view.value.zoom;
  }
}
