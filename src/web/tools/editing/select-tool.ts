import type { AnnotationObject, Position } from "../../../contract/index.js";
import { areaContains, areaSize } from "../../../geometry/index.js";
import { boundsOfShape, shapeOf } from "../geometry/shapes.js";
import { nearestEdge, nearestVertex } from "../geometry/vertices.js";
import { titleOf } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { GRAB_RADIUS, type PointerTool } from "./tool.js";

/** The object under a position: of those that hold it, or whose outline, line or points are near, the smallest. */
export function objectAt(
  objects: Iterable<AnnotationObject>,
  position: Position,
  within: number,
): AnnotationObject | null {
  let [found, least]: [AnnotationObject | null, number] = [null, Infinity];
  const [x, y] = position;
  for (const object of objects) {
    const shape = shapeOf(object);
    const bounds = boundsOfShape(shape);
    if (bounds === null || x < bounds.left - within || x > bounds.right + within) continue;
    if (y < bounds.top - within || y > bounds.bottom + within) continue;
    const isHit =
      areaContains(object.area, position) ||
      nearestEdge(shape, position, within) !== null ||
      nearestVertex(shape, position, within) !== null;
    const size = isHit ? areaSize(object.area) : Infinity;
    if (size < least) [found, least] = [object, size];
  }
  return found;
}

/** Selects the object under a click; dragging moves the slide. */
export class SelectTool implements PointerTool {
  readonly name = "select";
  readonly holdsPointer = false;
  readonly keepsPressed = false;
  readonly hasBegun = false;
  readonly shortcuts = [];
  readonly #editor: Editor;

  constructor(editor: Editor) {
    this.#editor = editor;
  }

  press(): void {
    // A press may become a movement of the slide: clicks come as releases.
  }

  drag(): void {
    // Moves the slide.
  }

  release(at: Pointed): void {
    const { store, viewer, rejectedShown } = this.#editor;
    const objects = [...store.objects.value.values()].filter(
      ({ review }) => rejectedShown.value || review !== "rejected",
    );
    const found = objectAt(objects, at.position, GRAB_RADIUS / 2 / viewer.view.value.zoom);
    if (found === null) {
      if (!at.isExtended) this.#editor.select([]);
      return;
    }
    if (at.isExtended) this.#editor.toggle(found.id);
    else this.#editor.select([found.id]);
    viewer.announce(`${titleOf(found)}, ${found.review}`);
  }

  hover(): void {
    // Nothing follows the pointer.
  }

  cancel(): boolean {
    // What is selected stays for the next tool.
    return false;
  }

  paint(): void {
    // What is selected is painted with the objects.
  }
}
