import type { AnnotationChange, AnnotationObject } from "../../../server/contract/index.js";

/** Objects by id, in the order they are drawn. */
export type ObjectMap = ReadonlyMap<string, AnnotationObject>;

/** Objects after changes. Updates of what is not there and removals of what is gone change nothing. */
export function applyChanges(objects: ObjectMap, changes: readonly AnnotationChange[]): ObjectMap {
  const next = new Map(objects);
  for (const change of changes) {
    if (change.type === "remove") next.delete(change.id);
    else if (change.type === "add" || next.has(change.object.id)) next.set(change.object.id, change.object);
  }
  return next;
}

/**
 * What is left of changes when others have changed the objects meanwhile: what is already there becomes an update,
 * what is gone is not changed again. One's own last word counts.
 */
export function fittingChanges(objects: ObjectMap, changes: readonly AnnotationChange[]): AnnotationChange[] {
  return changes.flatMap((change): AnnotationChange[] => {
    if (change.type === "remove") return objects.has(change.id) ? [change] : [];
    const isThere = objects.has(change.object.id);
    if (change.type === "add") return [isThere ? { type: "update", object: change.object } : change];
    return isThere ? [change] : [{ type: "add", object: change.object }];
  });
}
