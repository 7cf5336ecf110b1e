import { signal } from "@preact/signals";
import { visibleText } from "../../common/portable.js";
import type { Problem } from "../../contract/index.js";
import { isAbort, problemOf } from "../api/index.js";
import { ToolButton } from "./button.js";
import { ProblemNote } from "./problem-note.js";

interface Notice {
  readonly key: number;
  readonly content: { readonly problem: Problem } | { readonly message: string };
}

const MESSAGE_TIME = 5_000;
const notices = signal<readonly Notice[]>([]);
const spoken = signal("");
let nextKey = 0;

function add(content: Notice["content"]): number {
  nextKey += 1;
  // The same trouble twice is one notice.
  const same = (notice: Notice) => JSON.stringify(notice.content) === JSON.stringify(content);
  // Whoever shows a notice does not depend on those that are shown.
  notices.value = [...notices.peek().filter((notice) => !same(notice)), { key: nextKey, content }].slice(-4);
  return nextKey;
}

function dismiss(key: number): void {
  notices.value = notices.peek().filter((notice) => notice.key !== key);
}

/**
 * Shows what went wrong until it is closed; a request that was ended on purpose is no trouble.
 * @returns closes it, once it is over
 */
export function showProblem(thrown: unknown): () => void {
  if (isAbort(thrown)) return () => undefined;
  const key = add({ problem: problemOf(thrown) });
  return () => dismiss(key);
}

/** Shows a short message for a while. */
export function showMessage(message: string): void {
  const key = add({ message });
  setTimeout(() => dismiss(key), MESSAGE_TIME);
  announce(message);
}

/** Says something to screen readers alone. */
export function announce(message: string): void {
  const text = visibleText(message);
  // The same text twice would not be said again.
  spoken.value = spoken.peek() === text ? `${text}\u00a0` : text;
}

/** Open modal dialogs, the topmost last: nothing outside it can be reached or is read. */
const modals = signal<readonly string[]>([]);

/** Notices stand in a modal dialog as long as it is the topmost one. @returns ends that */
export function noticesIn(modal: string): () => void {
  modals.value = [...modals.peek(), modal];
  return () => {
    modals.value = modals.peek().filter((one) => one !== modal);
  };
}

/** Where notices stand: once on the page, and in each modal dialog, of which they are shown in the topmost alone. */
export function Notices({ modal }: { readonly modal?: string }) {
  const isHere = modals.value.at(-1) === modal;
  return (
    <>
      <div class="visually-hidden" role="status" aria-live="polite">
        {isHere ? spoken.value : ""}
      </div>
      <section class="notices" aria-label="Notices">
        {(isHere ? notices.value : []).map(({ key, content }) => (
          <div class="notice" key={key}>
            {"problem" in content ? <ProblemNote problem={content.problem} /> : <p>{content.message}</p>}
            <ToolButton icon="close" title="Close this notice" onClick={() => dismiss(key)} />
          </div>
        ))}
      </section>
    </>
  );
}
