import type { Shortcut } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import type { Pointed, ToolName } from "./editor.js";

/** What a tool does with the pointer; one is active at a time. */
export interface PointerTool {
  readonly name: ToolName;
  /** Whether dragging and clicking belong to the tool and not to the slide. */
  readonly holdsPointer: boolean;
  /** Whether the space bar presses and, at the next time, releases; else it does both at once. */
  readonly keepsPressed: boolean;
  /** Whether something is under way that would be lost with the page. */
  readonly hasBegun: boolean;
  press(at: Pointed): void;
  drag(at: Pointed): void;
  release(at: Pointed): void;
  /** The pointer moves without being pressed; null when it leaves. */
  hover(at: Pointed | null): void;
  /** What was begun is not meant: a second finger, Escape. True when there was something to give up. */
  cancel(): boolean;
  /** Keys while the tool is active. */
  readonly shortcuts: readonly Shortcut[];
  /** Paints what is under way, in CSS pixels over the slide. */
  paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void;
}

/** CSS pixels within which a vertex or a point is meant; fingers are wide. */
export const GRAB_RADIUS = 12;

/** CSS pixels between two places on the screen. */
export function screenDistance(
  one: { readonly x: number; readonly y: number },
  other: { readonly x: number; readonly y: number },
): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
