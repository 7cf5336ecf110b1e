import type { ReadonlySignal } from "@preact/signals";
import type { Viewer } from "openseadragon";
import type { Box, Position, SlideDetail } from "../../contract/index.js";
import type { ShortcutRegistry } from "../interface/shortcuts.js";
import type { OverlayPicture } from "./moving-picture.js";

/** A position in CSS pixels from the left upper corner of the viewer. */
export interface ScreenPoint {
  readonly space: "screen";
  readonly x: number;
  readonly y: number;
}

/** Where the viewer looks: what a link keeps. */
export interface ViewState {
  /** In level-0 pixels. */
  readonly centre: Position;
  /** CSS pixels per level-0 pixel. */
  readonly zoom: number;
  /** Degrees, clockwise, from 0 to 360. */
  readonly rotation: number;
}

/** Repaints, or removes, what was added over the slide. */
export interface Painted {
  readonly repaint: () => void;
  readonly remove: () => void;
}

/** Paints in CSS pixels over the slide; called again whenever the view moves. */
export type OverlayPainter = (context: CanvasRenderingContext2D, viewer: SlideViewer) => void;

/**
 * The viewer of one open slide, as tools see it. It ends with the slide: `dispose` of whatever was attached is called
 * before another slide opens.
 */
export interface SlideViewer {
  /** For pointer events (`canvas-press`, `canvas-drag`, `canvas-click`, …) and whatever is not offered below. */
  readonly openSeadragon: Viewer;
  /** The element that the slide is shown in; it takes the keyboard focus. */
  readonly element: HTMLElement;
  readonly slide: ReadonlySignal<SlideDetail>;
  /** Changes with every frame of a movement. */
  readonly view: ReadonlySignal<ViewState>;
  /** Whether tiles are on their way. */
  readonly loading: ReadonlySignal<boolean>;
  readonly shortcuts: ShortcutRegistry;

  toScreen(position: Position): ScreenPoint;
  toSlide(point: ScreenPoint): Position;
  /** Level-0 position under a mouse, pen or touch event. */
  positionOf(event: { readonly clientX: number; readonly clientY: number }): Position;

  /**
   * A new SVG group over the slide whose coordinates are level-0 pixels; it moves, zooms and turns with the slide.
   * Lines keep their width on the screen with `vector-effect="non-scaling-stroke"`. It lets the pointer through unless
   * its elements have the class `takes-pointer`. Remove it with `group.remove()`.
   */
  addGroup(name: string): SVGGElement;
  /** Paints on a canvas over the slide, below the groups. */
  addPainter(painter: OverlayPainter): Painted;
  /** Paints below that what seldom changes, however much it is. */
  addPicture(picture: OverlayPicture): Painted;

  /** Shows a box with some room around it; without animation where the user prefers reduced motion. */
  flyTo(box: Omit<Box, "space">): void;
  /**
   * While a tool holds the pointer, dragging and clicking do not move the slide (the wheel and two fingers still zoom).
   * Returns the release; only the last holder counts, and `onTaken` tells the earlier one that it lost it.
   */
  holdPointer(onTaken: () => void): () => void;
  /** Says it to screen readers. */
  announce(message: string): void;
}
