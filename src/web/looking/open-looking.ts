import { effect, type Signal, signal } from "@preact/signals";
import type { OpenViewer } from "../viewer/index.js";
import { isPlain, type Look, plainLook } from "./look.js";
import { pixelChange } from "./look-pixels.js";

/** How an open slide is shown. */
export interface OpenLooking {
  readonly look: Signal<Look>;
  dispose(): void;
}

/** Shows the slide as its look says; a moved slider waits for the next frame. */
export function openLooking(viewer: Pick<OpenViewer, "changePixels">): OpenLooking {
  const look = signal(plainLook);
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
