import type { AnnotationObject, Position } from "../../../contract/index.js";
import { shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { shownBounds } from "../../viewer/shown-bounds.js";
import { withoutCrossings } from "../geometry/combine.js";
import { type DrawnShape, shapeOf } from "../geometry/shapes.js";
import {
  nearestEdge,
  nearestVertex,
  type VertexPlace,
  vertexAt,
  verticesOf,
  withVertexAdded,
  withVertexMoved,
  withVertexRemoved,
} from "../geometry/vertices.js";
import { colourOfClass } from "./classes.js";
import type { Pointed } from "./editor.js";
import { paintDot, strokeTwice, traceShape } from "./path-painting.js";
import { objectAt } from "./select-tool.js";
import { GRAB_RADIUS, PointerTool } from "./tool.js";

/** Vertices that are painted at most; more would hide the slide. */
const MOST_HANDLES = 800;

/** A vertex on its way. */
interface Movement {
  readonly object: AnnotationObject;
  readonly place: VertexPlace;
  readonly shape: DrawnShape;
  readonly verb: string;
}

/**
 * Moves the vertices of the selected object. A press on an edge adds one; Alt or the right button take one away. The
 * keyboard goes from vertex to vertex.
 */
export class VertexTool extends PointerTool {
  override readonly name = "vertices";
  #movement: Movement | null = null;

  override readonly shortcuts = shortcutGroup("Vertices", "slide", [
    [".", "Next vertex", () => this.#go(1)],
    [",", "Vertex before", () => this.#go(-1)],
    ["Enter", "Add a vertex after this one", () => this.#addAfter()],
    ["Backspace", "Remove this vertex", () => this.#removeCurrent()],
    ["ArrowLeft", "Move the vertex left", () => this.#nudge(-2, 0)],
    ["ArrowRight", "Move the vertex right", () => this.#nudge(2, 0)],
    ["ArrowUp", "Move the vertex up", () => this.#nudge(0, -2)],
    ["ArrowDown", "Move the vertex down", () => this.#nudge(0, 2)],
    ["Shift+ArrowLeft", "Move the vertex far left", () => this.#nudge(-20, 0)],
    ["Shift+ArrowRight", "Move the vertex far right", () => this.#nudge(20, 0)],
    ["Shift+ArrowUp", "Move the vertex far up", () => this.#nudge(0, -20)],
    ["Shift+ArrowDown", "Move the vertex far down", () => this.#nudge(0, 20)],
  ]);

  override get hasBegun(): boolean {
    return this.#movement !== null;
  }

  override press(at: Pointed): void {
    const { store, viewer, selected } = this.editor;
    const within = GRAB_RADIUS / viewer.view.value.zoom;
    const object = selected.value;
    const own = object === null ? null : shapeOf(object);
    const vertex = own === null ? null : nearestVertex(own, at.position, within);
    const edge = own === null || vertex !== null ? null : nearestEdge(own, at.position, within);
    if (object !== null && own !== null && vertex !== null) {
      if (at.isOpposite) this.#commit(object, withVertexRemoved(own, vertex), "Remove a vertex of");
      else this.#movement = { object, place: vertex, shape: own, verb: "Move a vertex of" };
      this.#setCurrent(object, vertex);
    } else if (object !== null && own !== null && edge !== null && !at.isOpposite) {
      const shape = withVertexAdded(own, edge, at.position);
      this.#movement = { object, place: edge, shape, verb: "Add a vertex to" };
    } else {
      const other = objectAt(store.objects.value.values(), at.position, within / 2);
      this.editor.select(other === null ? [] : [other.id]);
    }
    this.repaint();
  }

  override drag(at: Pointed): void {
    if (this.#movement === null) return;
    const { shape, place } = this.#movement;
    this.#movement = { ...this.#movement, shape: withVertexMoved(shape, place, at.position) };
    this.repaint();
  }

  override release(): void {
    const movement = this.#movement;
    this.#movement = null;
    if (movement === null) return;
    const { object, shape, verb, place } = movement;
    if (shape !== shapeOf(object)) this.#commit(object, shape, verb);
    this.#setCurrent(object, place);
    this.repaint();
  }

  protected override forget(): void {
    this.#movement = null;
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const object = this.#movement?.object ?? this.editor.selected.value;
    if (object === null) return;
    const shape = this.#movement?.shape ?? shapeOf(object);
    const colour = colourOfClass(object.classification);
    if (this.#movement !== null) {
      traceShape(context, viewer, shape);
      strokeTwice(context, colour, 2);
    }
    const { left, top, right, bottom } = shownBounds(viewer);
    const vertices = verticesOf(shape);
    const current = this.editor.vertex.value % Math.max(1, vertices.length);
    const shown = vertices.flatMap(({ position }, index) => {
      const [x, y] = position;
      return x < left || x > right || y < top || y > bottom ? [] : [{ position, index }];
    });
    if (shown.length > MOST_HANDLES) return;
    for (const { position, index } of shown) {
      const isCurrent = index === current;
      paintDot(context, viewer.toScreen(position), isCurrent ? 7 : 4.5, isCurrent ? "#111827" : colour);
    }
  }

  #commit(object: AnnotationObject, shape: DrawnShape | null, verb: string): void {
    const isArea = shape?.type === "MultiPolygon";
    this.editor.reshape(object, isArea ? withoutCrossings(shape) : shape, verb);
  }

  #setCurrent(object: AnnotationObject, { polygon, ring, vertex }: VertexPlace): void {
    this.editor.vertex.value = verticesOf(shapeOf(object)).findIndex(
      ({ place }) => place.polygon === polygon && place.ring === ring && place.vertex === vertex,
    );
  }

  /** The selected object and the vertex that the keyboard is at. */
  #current(): {
    readonly object: AnnotationObject;
    readonly place: VertexPlace;
    readonly position: Position;
  } | null {
    const object = this.editor.selected.value;
    if (object === null) return null;
    const vertices = verticesOf(shapeOf(object));
    const vertex = vertices[this.editor.vertex.value % Math.max(1, vertices.length)];
    return vertex === undefined ? null : { object, ...vertex };
  }

  #go(step: 1 | -1): void {
    const { selected, vertex, viewer } = this.editor;
    if (selected.value === null) return;
    const count = verticesOf(shapeOf(selected.value)).length;
    vertex.value = (vertex.value + step + count) % count;
    viewer.announce(`Vertex ${vertex.value + 1} of ${count}`);
    this.repaint();
  }

  #addAfter(): void {
    const current = this.#current();
    if (current === null) return;
    const { object, place, position } = current;
    const shape = shapeOf(object);
    // Points have no edges to put one on.
    if (shape.type === "MultiPoint") return;
    const [next, before] = [1, -1].map((step) => vertexAt(shape, { ...place, vertex: place.vertex + step }));
    const first = shape.type === "LineString" ? before : vertexAt(shape, { ...place, vertex: 0 });
    const [x, y] = next ?? first ?? position;
    const middle: Position = [(position[0] + x) / 2, (position[1] + y) / 2];
    // After the last vertex of a line nothing comes: the new one goes before it.
    const step = shape.type === "LineString" && next === undefined ? 0 : 1;
    const added = { ...place, vertex: place.vertex + step };
    this.editor.reshape(object, withVertexAdded(shape, added, middle), "Add a vertex to");
    this.editor.vertex.value += step;
  }

  #removeCurrent(): void {
    const current = this.#current();
    if (current === null) return;
    const { object, place } = current;
    this.#commit(object, withVertexRemoved(shapeOf(object), place), "Remove a vertex of");
  }

  #nudge(x: number, y: number): void {
    const current = this.#current();
    if (current === null) return;
    const { object, place, position } = current;
    const from = this.viewer.toScreen(position);
    const to = this.viewer.toSlide({ space: "screen", x: from.x + x, y: from.y + y });
    this.#commit(object, withVertexMoved(shapeOf(object), place, to), "Move a vertex of");
  }
}
