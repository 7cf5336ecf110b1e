import type { AnnotationObject, Position } from "../../../contract/index.js";
import { areaContains, areaSize } from "../../../geometry/index.js";
import { boundsOfShape, shapeOf } from "../geometry/shapes.js";
import { nearestEdge, nearestVertex } from "../geometry/vertices.js";
import { titleOf } from "./classes.js";
import type { Pointed } from "./editor.js";
import { GRAB_RADIUS, PointerTool } from "./tool.js";

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

/** Selects the object under a click; dragging moves the slide. What is selected stays for the next tool. */
export class SelectTool extends PointerTool {
  override readonly name = "select";
  override readonly holdsPointer = false;

  override release(at: Pointed): void {
    const { store, viewer, rejectedShown } = this.editor;
    const objects = [...store.objects.value.values()].filter(
      ({ review }) => rejectedShown.value || review !== "rejected",
    );
    const found = objectAt(objects, at.position, GRAB_RADIUS / 2 / viewer.view.value.zoom);
    if (found === null) {
      if (!at.isExtended) this.editor.select([]);
      return;
    }
    if (at.isExtended) this.editor.toggle(found.id);
    else this.editor.select([found.id]);
    viewer.announce(`${titleOf(found)}, ${found.review}`);
  }
}
