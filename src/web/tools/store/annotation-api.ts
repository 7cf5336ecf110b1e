import type {
  AnnotationConflict,
  AnnotationImport,
  AnnotationSave,
  AnnotationState,
  AnnotationStep,
  EditChange,
  OutlinesRequest,
  Problem,
} from "../../../contract/index.js";

/** How a save ended: saved, or somebody else had saved before. */
export type SaveAnswer = { readonly saved: AnnotationSave } | { readonly conflict: AnnotationConflict };

/** What annotations are brought in from: a file, what a run has found, or a map at a threshold. */
export type ImportSource = Blob | "results" | OutlinesRequest;

/** The server, as the store uses it: every change is made on a revision, by somebody. */
export interface AnnotationApi {
  load(): Promise<AnnotationState>;
  edit(on: AnnotationStep, title: string, changes: readonly EditChange[]): Promise<SaveAnswer>;
  step(direction: "undo" | "redo", on: AnnotationStep): Promise<SaveAnswer>;
  importFrom(
    on: AnnotationStep,
    from: ImportSource,
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
