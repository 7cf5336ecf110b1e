import { effect, type ReadonlySignal, untracked } from "@preact/signals";
import { listen } from "../interface/index.js";
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
  there.openSeadragon.addHandler("animation-finish", () => {
    if (!pressed) leader = "here";
  });
  const follow = (follower: OpenViewer, wanted: ViewState) => {
    untracked(() => {
      if (!sameView(follower.view.value, wanted)) follower.followView(wanted);
    });
  };
  const options = { capture: true, passive: true };
  const ends = [
    listen(here.element, { pointerdown: takes("here"), wheel: takes("here") }, options),
    listen(there.element, { pointerdown: press, wheel: takes("there"), keydown: takes("there") }, options),
    listen(window, { pointerup: release, pointercancel: release }, options),
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
  };
}
