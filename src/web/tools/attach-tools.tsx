import type { ComponentType } from "preact";
import type { SlideViewer } from "../viewer/handle.js";

/** Tools on one open slide. */
export interface AttachedTools {
  /** Buttons above the slide. */
  readonly Toolbar: ComponentType;
  /** The tab "Annotations"; null shows no tab. */
  readonly Panel: ComponentType | null;
  dispose(): void;
}

/** Attaches every tool to an open slide. */
export function attachTools(viewer: SlideViewer): AttachedTools {
  void viewer;
  return { Toolbar: () => null, Panel: null, dispose: () => undefined };
}
