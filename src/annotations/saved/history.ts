import type {
  AddedObject,
  AnnotationChange,
  AnnotationObject,
  AnnotationSave,
  AnnotationState,
} from "../../contract/index.js";
import { vertexCount } from "./area.js";
import { annotationLimits } from "./limits.js";

/** An object and its place among the others: smaller orders lie below. */
export interface PlacedObject {
  readonly object: AnnotationObject;
  readonly order: number;
}

/** A change that knows everything it does, so that it can be repeated and turned around. */
export type PlacedChange =
  | { readonly type: "add"; readonly object: AnnotationObject; readonly order: number }
  | { readonly type: "update"; readonly object: AnnotationObject }
  | { readonly type: "remove"; readonly id: string };

/** An edit, and the changes that take it back, or do it again. */
export interface HistoryStep {
  readonly title: string;
  readonly changes: readonly PlacedChange[];
}

/** Everything about a slide's annotations that outlives the server. */
export interface HistoryState {
  /** Counts saved edits, undo and redo from 0. */
  readonly revision: number;
  readonly objects: readonly PlacedObject[];
  readonly nextOrder: number;
  /** The last at the end. */
  readonly undo: readonly HistoryStep[];
  readonly redo: readonly HistoryStep[];
  /** What was saved last, and by whom as far as that was said, the last at the end. */
  readonly titles: readonly string[];
}

export const emptyHistory: HistoryState = {
  revision: 0,
  objects: [],
  nextOrder: 0,
  undo: [],
  redo: [],
  titles: [],
};

/** What the page is told of a slide's annotations. */
export function stateOf(history: HistoryState): AnnotationState {
  return { ...headOf(history), objects: history.objects.map(({ object }) => object) };
}

/** What the page is told of a save: how the state after it differs from the one before. */
export function saveBetween(before: HistoryState, after: HistoryState): AnnotationSave {
  const known = new Map(before.objects.map(({ object }) => [object.id, object]));
  const added: AddedObject[] = [];
  const updated: AnnotationObject[] = [];
  let below: string | null = null;
  for (const { object } of [...after.objects].reverse()) {
    const old = known.get(object.id);
    if (old === undefined) {
      added.push({ object, below });
      continue;
    }
    // What stays is the same value: see `apply`.
    if (old !== object) updated.push(object);
    below = object.id;
    known.delete(object.id);
  }
  const { revision, undo, redo } = headOf(after);
  const changes = { added: added.reverse(), updated: updated.reverse(), removed: [...known.keys()] };
  return { since: before.revision, revision, ...changes, undo, redo };
}

function headOf({ revision, undo, redo }: HistoryState): Omit<AnnotationState, "objects"> {
  return { revision, undo: undo.at(-1)?.title ?? null, redo: redo.at(-1)?.title ?? null };
}

/** What was saved after a revision, in the users' words; the earliest may have been forgotten. */
export function titlesSince({ revision, titles }: HistoryState, earlier: number): string[] {
  const count = revision - earlier;
  if (count <= 0) return [];
  if (count <= titles.length) return titles.slice(titles.length - count);
  return [`${count - titles.length} earlier edits`, ...titles];
}

/**
 * The history after an edit. Its changes must fit (see `checkEdit`): no id twice, added ones new, the others there.
 * What was undone before can no longer be redone.
 */
export function withEdit(
  history: HistoryState,
  title: string,
  changes: readonly AnnotationChange[],
  author?: string | undefined,
): HistoryState {
  let { nextOrder } = history;
  const placed = changes.map((change): PlacedChange => {
    if (change.type !== "add") return change;
    nextOrder += 1;
    return { ...change, order: nextOrder - 1 };
  });
  const { objects, inverse } = apply(history.objects, placed);
  const undo = limited([...history.undo, { title, changes: inverse }]);
  return { ...advanced(history, title, author), objects, nextOrder, undo, redo: [] };
}

/** The history after the last edit was taken back; null when there is none. */
export function withUndo(history: HistoryState, author?: string | undefined): HistoryState | null {
  const step = history.undo.at(-1);
  if (step === undefined) return null;
  const { objects, inverse } = apply(history.objects, step.changes);
  const redo = [...history.redo, { title: step.title, changes: inverse }];
  return {
    ...advanced(history, `Undo: ${step.title}`, author),
    objects,
    undo: history.undo.slice(0, -1),
    redo,
  };
}

/** The history after what was undone last was done again; null when there is nothing. */
export function withRedo(history: HistoryState, author?: string | undefined): HistoryState | null {
  const step = history.redo.at(-1);
  if (step === undefined) return null;
  const { objects, inverse } = apply(history.objects, step.changes);
  const undo = limited([...history.undo, { title: step.title, changes: inverse }]);
  return {
    ...advanced(history, `Redo: ${step.title}`, author),
    objects,
    undo,
    redo: history.redo.slice(0, -1),
  };
}

function advanced(history: HistoryState, title: string, author: string | undefined): HistoryState {
  const told = author === undefined ? title : `${title} (${author})`;
  const titles = [...history.titles, told].slice(-annotationLimits.titles);
  return { ...history, revision: history.revision + 1, titles };
}

function apply(
  before: readonly PlacedObject[],
  changes: readonly PlacedChange[],
): { objects: readonly PlacedObject[]; inverse: PlacedChange[] } {
  const byId = new Map(before.map((placed) => [placed.object.id, placed]));
  const inverse: PlacedChange[] = [];
  for (const change of changes) {
    if (change.type === "add") {
      const { object, order } = change;
      inverse.push({ type: "remove", id: object.id });
      byId.set(object.id, { object, order });
      continue;
    }
    const id = change.type === "update" ? change.object.id : change.id;
    const old = byId.get(id);
    if (old === undefined) throw new RangeError(`a change of ${id}, which is not there`);
    if (change.type === "update") {
      inverse.push({ type: "update", object: old.object });
      byId.set(id, { object: change.object, order: old.order });
    } else {
      inverse.push({ type: "add", ...old });
      byId.delete(id);
    }
  }
  const objects = [...byId.values()].sort((one, other) => one.order - other.order);
  return { objects, inverse: inverse.reverse() };
}

/** The last steps that fit, at least one; depends on the steps alone, so that reading a journal gives the same. */
function limited(steps: readonly HistoryStep[]): readonly HistoryStep[] {
  let vertices = 0;
  let first = steps.length;
  while (first > 0 && steps.length - first < annotationLimits.undoSteps) {
    vertices += stepVertices(steps[first - 1]);
    if (vertices > annotationLimits.undoVertices && first < steps.length) break;
    first -= 1;
  }
  return steps.slice(first);
}

function stepVertices(step: HistoryStep | undefined): number {
  return (step?.changes ?? []).reduce(
    (sum, change) => sum + ("object" in change ? vertexCount(change.object) : 0),
    0,
  );
}
