import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationSave,
  AnnotationState,
  Problem,
} from "../../../contract/index.js";

/** How a save ended: saved, or somebody else had saved before. */
export type SaveAnswer = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

/** The server, as the store uses it. */
export interface AnnotationApi {
  load(): Promise<AnnotationState>;
  edit(revision: number, title: string, changes: readonly AnnotationChange[]): Promise<SaveAnswer>;
  step(direction: "undo" | "redo", revision: number): Promise<SaveAnswer>;
  importFrom(
    revision: number,
    file: Blob | "results",
  ): Promise<AnnotationImport | { readonly conflict: AnnotationConflict }>;
  /** Anything thrown, as it is shown. */
  problemOf(thrown: unknown): Problem;
}

/** Whether what is seen is saved. */
export type SaveState =
  | { readonly state: "loading" | "saved" | "saving" }
  | {
      readonly state: "failed";
      readonly problem: Problem;
      /** Whether it may pass, so that the page tries again by itself. */
      readonly isPassing: boolean;
    }
  | { readonly state: "conflict"; readonly conflict: AnnotationConflict; readonly own: readonly string[] };
