import { type Pending, titleOf } from "./pending.js";

/** What undo, or redo, would do. */
export interface NextStep {
  /** False when there is nothing, for certain. */
  readonly isPossible: boolean;
  /** The edit it is about, in the user's words; null where only the server knows. */
  readonly title: string | null;
}

/** Titles that are known, the next at the end, and whether the server may have more below them. */
interface Steps {
  readonly known: (string | null)[];
  hasMore: boolean;
}

/**
 * What undo and redo would do once everything that waits is saved. The server tells the next step of each alone, so
 * that what lies below is known only as far as the page has put it there.
 */
export function nextSteps(
  saved: { readonly undo: string | null; readonly redo: string | null },
  waiting: readonly Pending[],
): { readonly undo: NextStep; readonly redo: NextStep } {
  const [undo, redo] = [stepsFrom(saved.undo), stepsFrom(saved.redo)];
  for (const pending of waiting) {
    if (pending.type === "undo") move(undo, redo);
    else if (pending.type === "redo") move(redo, undo);
    else {
      undo.known.push(titleOf(pending));
      redo.known.length = 0;
      redo.hasMore = false;
    }
  }
  return { undo: nextOf(undo), redo: nextOf(redo) };
}

function stepsFrom(title: string | null): Steps {
  return title === null ? { known: [], hasMore: false } : { known: [title], hasMore: true };
}

function move(from: Steps, to: Steps): void {
  const { isPossible, title } = nextOf(from);
  if (!isPossible) return;
  from.known.pop();
  to.known.push(title);
}

function nextOf({ known, hasMore }: Steps): NextStep {
  const next = known.at(-1);
  return { isPossible: next !== undefined || hasMore, title: next ?? null };
}
