import { effect, type ReadonlySignal, untracked } from "@preact/signals";
import { type OpenViewer, sameView, type ViewState } from "../viewer/index.js";

interface LinkedViewers {
  readonly here: OpenViewer;
  readonly there: OpenViewer;
  /** Whether the two move together. */
  readonly linked: ReadonlySignal<boolean>;
  toThere(view: ViewState): ViewState;
  toHere(view: ViewState): ViewState;
}

/**
 * Moves two viewers together: the one that somebody touched last leads, the other follows in the same frame. What the page
 * itself does, such as going to a focus, moves the first.
 * @returns ends it
 */
export function linkViews({ here, there, linked, toThere, toHere }: LinkedViewers): () => void {
  let leader: "here" | "there" = "here";
  let pressed = false;
  const takes = (side: "here" | "there") => () => {
    leader = side;
  };
  const press = () => {
    leader = "there";
    pressed = true;
  };
  const release = () => {
    pressed = false;
  };
  const listeners = [
    ...(["pointerdown", "wheel"] as const).map((event) => [here.element, event, takes("here")] as const),
    [there.element, "pointerdown", press] as const,
    ...(["wheel", "keydown"] as const).map((event) => [there.element, event, takes("there")] as const),
  ];
  for (const [element, event, listener] of listeners) {
    element.addEventListener(event, listener, { capture: true, passive: true });
  }
  for (const event of ["pointerup", "pointercancel"] as const)
    addEventListener(event, release, { capture: true });
  there.openSeadragon.addHandler("animation-finish", () => {
    if (!pressed) leader = "here";
  });
  const follow = (follower: OpenViewer, wanted: ViewState) => {
    untracked(() => {
      if (!sameView(follower.view.value, wanted)) follower.followView(wanted);
    });
  };
  const ends = [
    effect(() => {
      const [view, together] = [here.view.value, linked.value];
      if (together && leader === "here") follow(there, toThere(view));
    }),
    effect(() => {
      const [view, together] = [there.view.value, linked.value];
      if (together && leader === "there") follow(here, toHere(view));
    }),
  ];
  return () => {
    for (const end of ends) end();
    for (const [element, event, listener] of listeners) {
      element.removeEventListener(event, listener, { capture: true });
    }
    for (const event of ["pointerup", "pointercancel"] as const) {
      removeEventListener(event, release, { capture: true });
    }
  };
}
