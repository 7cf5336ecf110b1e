import type { Shortcut } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import type { Editor, Pointed, ToolName } from "./editor.js";

/** What a tool does with the pointer; one is active at a time. */
export abstract class PointerTool {
  abstract readonly name: ToolName;
  /** Whether dragging and clicking belong to the tool and not to the slide. */
  readonly holdsPointer: boolean = true;
  /** Whether the space bar presses and, at the next time, releases; else it does both at once. */
  readonly keepsPressed: boolean = false;
  /** Keys while the tool is active. */
  readonly shortcuts: readonly Shortcut[] = [];
  protected readonly editor: Editor;
  readonly #repaint: () => void;

  constructor(editor: Editor, repaint: () => void) {
    this.editor = editor;
    this.#repaint = repaint;
  }

  protected get viewer(): SlideViewer {
    return this.editor.viewer;
  }

  /** Whether something is under way that would be lost with the page. */
  get hasBegun(): boolean {
    return false;
  }

  press?(at: Pointed): void;
  drag?(at: Pointed): void;
  release?(at: Pointed): void;
  /** The pointer moves without being pressed; null when it leaves. */
  hover?(at: Pointed | null): void;
  /** Paints what is under way, in CSS pixels over the slide. */
  paint?(context: CanvasRenderingContext2D, viewer: SlideViewer): void;
  protected forget?(): void;

  /** What was begun is not meant: a second finger, Escape. True when there was something to give up. */
  cancel(): boolean {
    const had = this.hasBegun;
    this.forget?.();
    this.repaint();
    return had;
  }

  protected repaint(): void {
    this.#repaint();
  }
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
