import type {
  AnnotationChange,
  AnnotationConflict,
  AnnotationImport,
  AnnotationSave,
  AnnotationState,
  AnnotationStep,
  Problem,
} from "../../../contract/index.js";

/** How a save ended: saved, or somebody else had saved before. */
export type SaveAnswer = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

/** The server, as the store uses it: every change is made on a revision, by somebody. */
export interface AnnotationApi {
  load(): Promise<AnnotationState>;
  edit(on: AnnotationStep, title: string, changes: readonly AnnotationChange[]): Promise<SaveAnswer>;
  step(direction: "undo" | "redo", on: AnnotationStep): Promise<SaveAnswer>;
  importFrom(
    on: AnnotationStep,
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
