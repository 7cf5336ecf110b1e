import type { AnnotationImport, AnnotationState, EditChange } from "../../../contract/index.js";
import type { ImportSource } from "./annotation-api.js";
import { fittingChanges, idOfChange, type ObjectMap } from "./apply-changes.js";

/** Something the user did that is not saved yet. */
export type Pending =
  | { readonly type: "edit"; readonly title: string; readonly changes: readonly EditChange[] }
  | { readonly type: "undo" | "redo" }
  | {
      readonly type: "import";
      readonly from: ImportSource;
      readonly done: (result: AnnotationImport) => void;
      readonly refused: (thrown: unknown) => void;
    };

/** What was done, in the user's words. */
export function titleOf(pending: Pending): string {
  if (pending.type === "edit") return pending.title;
  return { undo: "Undo", redo: "Redo", import: "Import" }[pending.type];
}

/** What was done as it fits what is there once what came before it is saved; null when nothing is left of it. */
export function fittingBase(
  pending: Pending,
  { objects, undo, redo }: Pick<AnnotationState, "undo" | "redo"> & { readonly objects: ObjectMap },
): Pending | null {
  if (pending.type === "import") return pending;
  if (pending.type !== "edit") return { undo, redo }[pending.type] === null ? null : pending;
  const changes = fittingChanges(objects, pending.changes);
  return changes.length === 0 ? null : { ...pending, changes };
}

/** Ids of the objects that it would have added. */
export function addedBy(pending: Pending): ReadonlySet<string> {
  const changes = pending.type === "edit" ? pending.changes : [];
  return new Set(changes.flatMap((change) => (change.type === "add" ? [change.object.id] : [])));
}

/** What is left of it without some objects: nothing of undo and redo, which meant another history. */
export function withoutObjects(pending: Pending, gone: ReadonlySet<string>): readonly Pending[] {
  if (pending.type === "import") return [pending];
  if (pending.type !== "edit") return [];
  const changes = pending.changes.filter((change) => !gone.has(idOfChange(change)));
  return changes.length === 0 ? [] : [{ ...pending, changes }];
}
