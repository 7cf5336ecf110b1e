import type { AnnotationChange, AnnotationImport } from "../../../contract/index.js";

/** Something the user did that is not saved yet. */
export type Pending =
  | { readonly type: "edit"; readonly title: string; readonly changes: readonly AnnotationChange[] }
  | { readonly type: "undo" | "redo" }
  | {
      readonly type: "import";
      readonly file: Blob | "results";
      readonly done: (result: AnnotationImport) => void;
    };

/** What was done, in the user's words. */
export function titleOf(pending: Pending): string {
  if (pending.type === "edit") return pending.title;
  return { undo: "Undo", redo: "Redo", import: "Import" }[pending.type];
}
