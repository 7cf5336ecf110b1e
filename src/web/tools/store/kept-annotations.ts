import { effect } from "@preact/signals";
import type { Problem, SlideEntry } from "../../../contract/index.js";
import { onConnected, onServerEvent, ServerProblem } from "../../api/index.js";
import { listen, showProblem } from "../../interface/index.js";
import { authorName } from "../../interface/preferences.js";
import { serverApi } from "./server-api.js";
import { SlideAnnotations } from "./slide-annotations.js";

/** The annotations of a slide while it is open, and for as long as something of them is not saved. */
interface Kept {
  readonly store: SlideAnnotations;
  isOpen: boolean;
  /** Lets go of it once it is neither open nor has anything to save. */
  leave(): void;
}

const kept = new Map<string, Kept>();

/** The annotations of a slide that is opened, with what was not saved when it was open before. */
export function openAnnotations(slide: Pick<SlideEntry, "id" | "name">): {
  readonly store: SlideAnnotations;
  close(): void;
} {
  const one = kept.get(slide.id) ?? keep(slide);
  one.isOpen = true;
  return {
    store: one.store,
    close() {
      one.isOpen = false;
      one.leave();
    },
  };
}

/** A name as it was typed, if any. */
function nameOf(text: string): string | undefined {
  return text.trim() === "" ? undefined : text.trim();
}

function keep(slide: Pick<SlideEntry, "id" | "name">): Kept {
  const store = new SlideAnnotations(serverApi(slide.id), () => nameOf(authorName.peek()));
  const ends = [followServer(store, slide.id), tellTrouble(store, slide.name)];
  const one: Kept = {
    store,
    isOpen: true,
    leave() {
      if (store.hasUnsaved || one.isOpen || !kept.delete(slide.id)) return;
      for (const end of ends) end();
    },
  };
  kept.set(slide.id, one);
  // What was still to be saved when the slide was closed is saved now, or dropped.
  ends.push(effect(() => one.leave()));
  void store.load();
  return one;
}

/** Fetches what others saved, also after the connection was lost, and saves then what could not be saved. */
function followServer(store: SlideAnnotations, slide: string): () => void {
  const ends = [
    onServerEvent("annotations", (event) => {
      if (event.slide === slide) store.onRevision(event.revision);
    }),
    onConnected(() => {
      if (store.saveState.peek().state === "failed") store.retry();
      else if (store.saveState.peek().state === "saved") void store.load();
    }),
    listen(window, {
      beforeunload: (event) => {
        if (store.hasUnsaved) event.preventDefault();
      },
    }),
    () => store.dispose(),
  ];
  return () => {
    for (const end of ends) end();
  };
}

/** Shows why something is not saved, once, until it is saved or dropped. */
function tellTrouble(store: SlideAnnotations, slide: string): () => void {
  let [told, close] = ["", (): void => undefined];
  const settle = () => {
    close();
    [told, close] = ["", () => undefined];
  };
  const end = effect(() => {
    const save = store.saveState.value;
    if (save.state === "saved" || save.state === "conflict") settle();
    if (save.state !== "failed") return;
    const problem = notSaved(slide, store.unsaved, save);
    const text = JSON.stringify(problem);
    if (text === told) return;
    close();
    told = text;
    close = showProblem(new ServerProblem(problem, null));
  });
  return () => {
    end();
    settle();
  };
}

/** Why something that was done to a slide is not saved, and what becomes of it. */
function notSaved(
  slide: string,
  [first, ...others]: readonly string[],
  { problem, isPassing }: { readonly problem: Problem; readonly isPassing: boolean },
): Problem {
  if (first === undefined) return problem;
  const { where, what, why, action } = problem;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  return {
    tag: problem.tag,
    where: slide,
    what: `“${first}”${more} could not be saved`,
    why: `${where === null ? "" : `${where}: `}${what}${why === null ? "" : ` (${why})`}`,
    action: [
      action === null ? "" : `${action.replace(/[.;]?$/, ".")} `,
      isPassing
        ? "Nothing is lost: it stays here, and the page tries again by itself."
        : "Nothing is lost: it stays here. Try again, or drop it, under Annotations.",
    ].join(""),
  };
}
