import type { AnnotationObject, Mark, Position } from "../../../contract/index.js";
import { editLimits } from "../../../contract/index.js";
import { shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { shapeOf } from "../geometry/shapes.js";
import { nearestVertex, withVertexMoved, withVertexRemoved } from "../geometry/vertices.js";
import { colourOfClass } from "./classes.js";
import type { Pointed } from "./editor.js";
import { paintDot } from "./path-painting.js";
import { GRAB_RADIUS, PointerTool, screenDistance } from "./tool.js";

/** A drag of fewer CSS pixels is a click. */
const CLICK = 5;

/** What a press has begun. */
interface Gesture {
  readonly at: Pointed;
  /** The point that is dragged; null for none. */
  readonly vertex: number | null;
}

/**
 * Sets points, as for counting cells: each click adds one to the selected set, or begins a new set. Dragging moves a
 * point; Alt or the right button takes one away.
 */
export class PointTool extends PointerTool {
  override readonly name = "points";
  #gesture: Gesture | null = null;
  #moved: Position | null = null;

  override readonly shortcuts = shortcutGroup("Points", "slide", [
    ["Backspace", "Take the last point away", () => this.removeLast()],
    ["Enter", "Begin another set of points", () => this.beginSet()],
  ]);

  override get hasBegun(): boolean {
    return this.#gesture !== null;
  }

  override press(at: Pointed): void {
    const set = this.set();
    const within = GRAB_RADIUS / this.viewer.view.value.zoom;
    const place = set === null ? null : nearestVertex(shapeOf(set), at.position, within);
    this.#gesture = { at, vertex: place?.vertex ?? null };
  }

  override drag(at: Pointed): void {
    const { vertex, at: pressed } = this.#gesture ?? { vertex: null, at };
    if (vertex === null || screenDistance(pressed.screen, at.screen) < CLICK) return;
    this.#moved = this.editor.onSlide(at.position);
    this.repaint();
  }

  override release(at: Pointed): void {
    const [gesture, moved, set] = [this.#gesture, this.#moved, this.set()];
    this.#gesture = null;
    this.#moved = null;
    if (gesture === null) return;
    const { vertex } = gesture;
    const place = vertex === null ? null : { polygon: 0, ring: 0, vertex };
    if (set !== null && place !== null && moved !== null) {
      this.editor.reshape(set, withVertexMoved(shapeOf(set), place, moved), "Move a point of");
    } else if (at.isOpposite) {
      if (set !== null && place !== null) this.#remove(set, place.vertex);
    } else if (vertex === null && screenDistance(gesture.at.screen, at.screen) < GRAB_RADIUS) {
      this.#add(this.editor.onSlide(gesture.at.position));
    }
    this.repaint();
  }

  protected override forget(): void {
    this.#gesture = null;
    this.#moved = null;
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    if (this.#moved === null) return;
    const colour = colourOfClass(this.set()?.classification ?? null);
    paintDot(context, viewer.toScreen(this.#moved), 6, colour);
  }

  /** The set that clicks add to: what is selected, if that is points. */
  set(): (AnnotationObject & { readonly mark: Mark }) | null {
    const object = this.editor.selected.value;
    const mark = object?.mark;
    return object === null || mark?.type !== "MultiPoint" ? null : { ...object, mark };
  }

  beginSet(): void {
    this.editor.select([]);
    this.viewer.announce("The next click begins another set of points");
  }

  removeLast(): void {
    const set = this.set();
    if (set !== null) this.#remove(set, set.mark.coordinates.length - 1);
  }

  #add(position: Position): void {
    const set = this.set();
    if (set === null) {
      this.editor.add({ type: "MultiPoint", coordinates: [position] }, "drawn", "Set a point of");
      return;
    }
    const coordinates = [...set.mark.coordinates, position];
    if (coordinates.length > editLimits.positions) {
      this.viewer.announce(`A set holds ${editLimits.positions} points; begin another`);
      return;
    }
    this.editor.reshape(set, { type: "MultiPoint", coordinates }, "Set a point of");
    this.#tell(coordinates.length);
  }

  #remove(set: AnnotationObject & { readonly mark: Mark }, vertex: number): void {
    const left = withVertexRemoved(shapeOf(set), { polygon: 0, ring: 0, vertex });
    this.editor.reshape(set, left, "Take a point away of");
    this.#tell(set.mark.coordinates.length - 1);
  }

  #tell(count: number): void {
    this.viewer.announce(count === 1 ? "1 point" : `${count} points`);
  }
}
