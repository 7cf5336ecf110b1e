import { effect, type Signal } from "@preact/signals";
import { keptSignal } from "../interface/index.js";
import type { OpenViewer } from "../viewer/index.js";
import { isPlain, type Look, lookSchema, plainLook } from "./look.js";
import { pixelChange } from "./look-pixels.js";

/** How an open slide is shown. */
export interface OpenLooking {
  readonly look: Signal<Look>;
  dispose(): void;
}

/** Shows the slide as its look says, which this tab keeps over a reload; a moved slider waits for the next frame. */
export function openLooking(viewer: Pick<OpenViewer, "changePixels" | "slide">): OpenLooking {
  const look = keptSignal(`look/${viewer.slide.peek().id}`, lookSchema, plainLook);
  let frame: number | null = null;
  const end = effect(() => {
    void look.value;
    frame ??= requestAnimationFrame(() => {
      frame = null;
      const { value } = look;
      viewer.changePixels(isPlain(value) ? null : pixelChange(value));
    });
  });
  return {
    look,
    dispose() {
      end();
      if (frame !== null) cancelAnimationFrame(frame);
    },
  };
}
