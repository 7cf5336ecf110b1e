import { grouped } from "../../../common/portable.js";
import {
  type AnnotationObject,
  type AnnotationSave,
  type EditChange,
  judged,
} from "../../../contract/index.js";

/** Objects by id, in the order they are drawn. */
export type ObjectMap = ReadonlyMap<string, AnnotationObject>;

/** The object that a change is about. */
export function idOfChange(change: EditChange): string {
  return "object" in change ? change.object.id : change.id;
}

/** Objects after changes. Updates of what is not there and removals of what is gone change nothing. */
export function applyChanges(objects: ObjectMap, changes: readonly EditChange[]): ObjectMap {
  const next = new Map(objects);
  for (const change of changes) {
    if (change.type === "remove") next.delete(change.id);
    else if (change.type === "judge") {
      const before = next.get(change.id);
      if (before !== undefined) next.set(change.id, judged(before, change));
    } else if (change.type === "add" || next.has(change.object.id)) next.set(change.object.id, change.object);
  }
  return next;
}

/**
 * What is left of changes when others have changed the objects meanwhile: what is already there becomes an update,
 * what is gone is not changed again. One's own last word counts.
 */
export function fittingChanges(objects: ObjectMap, changes: readonly EditChange[]): EditChange[] {
  return changes.flatMap((change): EditChange[] => {
    if (change.type === "remove" || change.type === "judge") return objects.has(change.id) ? [change] : [];
    const isThere = objects.has(change.object.id);
    if (change.type === "add") return [isThere ? { type: "update", object: change.object } : change];
    return isThere ? [change] : [{ type: "add", object: change.object }];
  });
}

/** A change whose object says who changed it last, or nobody who has given a name. */
export function signedBy(change: EditChange, author: string | undefined): EditChange {
  if (change.type === "remove") return change;
  if (change.type === "judge") return author === undefined ? change : { ...change, author };
  const { author: _, ...object } = change.object;
  return { type: change.type, object: author === undefined ? object : { ...object, author } };
}

/** Whether objects are as changes make them. */
export function areMade(objects: readonly AnnotationObject[], changes: readonly EditChange[]): boolean {
  const known = new Map(objects.map((object) => [object.id, object]));
  return changes.every((change) => {
    if (change.type === "remove") return !known.has(change.id);
    const object = known.get(idOfChange(change));
    if (object === undefined) return false;
    return isSame(object, change.type === "judge" ? judged(object, change) : change.object);
  });
}

/** In whatever order their members were set. */
export function isSame(one: AnnotationObject, other: AnnotationObject): boolean {
  return textOf(one) === textOf(other);
}

function textOf(object: AnnotationObject): string {
  const members = Object.entries(object).filter(([, value]) => value !== undefined);
  return JSON.stringify(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Objects after a save that was made on just them. Added ones lie where the server has them. */
export function applySave(objects: ObjectMap, { added, updated, removed }: AnnotationSave): ObjectMap {
  if (added.length + updated.length + removed.length === 0) return objects;
  const next = new Map(objects);
  for (const id of removed) next.delete(id);
  for (const object of updated) next.set(object.id, object);
  if (added.every(({ below }) => below === null)) {
    for (const { object } of added) next.set(object.id, object);
    return next;
  }
  return inserted(next, added);
}

function inserted(objects: ObjectMap, added: AnnotationSave["added"]): ObjectMap {
  const under = grouped(added, ({ below }) => below);
  const next = new Map<string, AnnotationObject>();
  const put = (above: string | null) => {
    for (const { object } of under.get(above) ?? []) next.set(object.id, object);
  };
  for (const [id, object] of objects) {
    put(id);
    next.set(id, object);
  }
  put(null);
  return next;
}
