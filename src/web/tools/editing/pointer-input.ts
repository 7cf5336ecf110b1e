import { effect, signal, untracked } from "@preact/signals";
import type { Position } from "../../../contract/index.js";
import { listen } from "../../interface/index.js";
import { type Shortcut, shortcutGroup } from "../../interface/shortcuts.js";
import type { ScreenPoint, SlideViewer } from "../../viewer/handle.js";
import type { Editor, Pointed, ToolName } from "./editor.js";
import type { PointerTool } from "./tool.js";

/** Steps of the keyboard's cursor in CSS pixels. */
const STEP = 12;
const LARGE_STEP = 60;
/** The cursor keeps this share of the viewer's size away from its border: then the slide moves. */
const MARGIN = 0.06;

type Modifiers = { readonly altKey?: boolean; readonly shiftKey?: boolean };

/** Gives the pointer, or a cursor that the keyboard moves, to the active tool. */
export class PointerInput {
  readonly #editor: Editor;
  readonly #viewer: SlideViewer;
  readonly #tools: ReadonlyMap<ToolName, PointerTool>;
  readonly #repaint: () => void;
  /** The keyboard's cursor on the slide; null while the pointer is used. */
  readonly #cursor = signal<Position | null>(null);
  readonly #ends: (() => void)[] = [];
  #isPressed = false;
  #isKeyPressed = false;

  /** Marks points as outside, for fingers, which have no right button. */
  readonly opposite = signal(false);

  constructor(editor: Editor, tools: readonly PointerTool[], repaint: () => void) {
    this.#editor = editor;
    this.#viewer = editor.viewer;
    this.#tools = new Map(tools.map((tool) => [tool.name, tool]));
    this.#repaint = repaint;
    this.#listen();
    this.#ends.push(
      effect(() => {
        const name = editor.tool.value;
        return untracked(() => this.#activate(name));
      }),
    );
  }

  get tool(): PointerTool | undefined {
    return this.#tools.get(this.#editor.tool.value);
  }

  dispose(): void {
    for (const end of this.#ends) end();
  }

  /** The cross that the keyboard moves. */
  paint(context: CanvasRenderingContext2D): void {
    const position = this.#cursor.peek();
    if (position === null) return;
    const { x, y } = this.#viewer.toScreen(position);
    for (const [width, colour] of [
      [4, "white"],
      [1.5, "#111827"],
    ] as const) {
      context.beginPath();
      for (const [fromX, fromY, toX, toY] of [
        [-14, 0, -4, 0],
        [4, 0, 14, 0],
        [0, -14, 0, -4],
        [0, 4, 0, 14],
      ] as const) {
        context.moveTo(x + fromX, y + fromY);
        context.lineTo(x + toX, y + toY);
      }
      context.lineWidth = width;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  /** Runs while a tool is active: takes the pointer from the slide and registers the tool's keys. */
  #activate(name: ToolName): () => void {
    const tool = this.#tools.get(name);
    const ends: (() => void)[] = [];
    if (tool?.holdsPointer === true) {
      const release = this.#viewer.holdPointer(() => {
        this.#editor.tool.value = "select";
      });
      this.#viewer.element.classList.add("tool-active");
      ends.push(release, () => this.#viewer.element.classList.remove("tool-active"));
      ends.push(this.#viewer.shortcuts.register(...this.#cursorShortcuts(tool)));
    }
    ends.push(this.#viewer.shortcuts.register(...(tool?.shortcuts ?? [])));
    return () => {
      tool?.hover?.(null);
      tool?.cancel();
      this.#isPressed = false;
      this.#isKeyPressed = false;
      this.#cursor.value = null;
      this.opposite.value = false;
      for (const end of ends) end();
      this.#repaint();
    };
  }

  #listen(): void {
    const { openSeadragon, element } = this.#viewer;
    const on = openSeadragon.addHandler.bind(openSeadragon);
    on("canvas-press", ({ position, originalEvent }) =>
      this.#press(position, modifiersOf(originalEvent), false),
    );
    on("canvas-drag", ({ position, originalEvent }) => {
      if (this.#isPressed) this.tool?.drag?.(this.#pointed(position, modifiersOf(originalEvent), false));
    });
    on("canvas-release", ({ position, originalEvent }) =>
      this.#release(position, modifiersOf(originalEvent), false),
    );
    on("canvas-nonprimary-press", (event) => {
      if (event.button === 2) this.#press(event.position, modifiersOf(event.originalEvent), true);
    });
    on("canvas-nonprimary-release", (event) => {
      if (event.button === 2) this.#release(event.position, modifiersOf(event.originalEvent), true);
    });
    // Two fingers zoom: what the first began was not meant.
    on("canvas-pinch", () => {
      if (this.#isPressed) this.tool?.cancel();
      this.#isPressed = false;
    });
    on("canvas-click", (event) => {
      const { tool } = this;
      if (tool === undefined || tool.holdsPointer || !event.quick) return;
      tool.release?.(this.#pointed(event.position, modifiersOf(event.originalEvent), false));
    });
    const onMove = (event: PointerEvent) => {
      if (this.#isPressed || this.tool?.holdsPointer !== true) return;
      this.#cursor.value = null;
      this.tool.hover?.(this.#pointed(this.#local(event), event, false));
    };
    const onLeave = () => this.tool?.hover?.(null);
    // The right button is a tool's; without one the browser's menu comes as ever.
    const onMenu = (event: Event) => {
      if (this.tool?.holdsPointer === true) event.preventDefault();
    };
    this.#ends.push(listen(element, { pointermove: onMove, pointerleave: onLeave, contextmenu: onMenu }));
  }

  #press(at: { readonly x: number; readonly y: number }, modifiers: Modifiers, isRight: boolean): void {
    const { tool } = this;
    if (tool?.holdsPointer !== true) return;
    this.#isPressed = true;
    this.#cursor.value = null;
    tool.press?.(this.#pointed(at, modifiers, isRight));
  }

  #release(at: { readonly x: number; readonly y: number }, modifiers: Modifiers, isRight: boolean): void {
    if (!this.#isPressed) return;
    this.#isPressed = false;
    this.tool?.release?.(this.#pointed(at, modifiers, isRight));
  }

  #pointed(at: { readonly x: number; readonly y: number }, modifiers: Modifiers, isRight: boolean): Pointed {
    const screen: ScreenPoint = { space: "screen", x: at.x, y: at.y };
    return {
      screen,
      position: this.#viewer.toSlide(screen),
      isOpposite: (isRight || modifiers.altKey === true) !== this.opposite.value,
      isExtended: modifiers.shiftKey === true,
      isKeyboard: false,
    };
  }

  #local({ clientX, clientY }: PointerEvent): { readonly x: number; readonly y: number } {
    const { left, top } = this.#viewer.element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  }

  #cursorShortcuts(tool: PointerTool): Shortcut[] {
    const move = (name: string, title: string, x: number, y: number) => {
      const by = (step: number) => () => this.#moveCursor(x * step, y * step);
      return [
        [`Arrow${name}`, `Cursor ${title}`, by(STEP)],
        [`Shift+Arrow${name}`, `Cursor far ${title}`, by(LARGE_STEP)],
      ] as const;
    };
    const click = tool.keepsPressed ? "Press, and release, at the cursor" : "Click at the cursor";
    return shortcutGroup("Cursor of the tools", "slide", [
      ...move("Left", "left", -1, 0),
      ...move("Right", "right", 1, 0),
      ...move("Up", "up", 0, -1),
      ...move("Down", "down", 0, 1),
      ["Space", click, () => this.#clickAtCursor(tool)],
    ]);
  }

  #moveCursor(x: number, y: number): void {
    const { element, toScreen, toSlide } = this.#viewer;
    const [width, height] = [element.clientWidth, element.clientHeight];
    const before = this.#cursor.value;
    const from = before === null ? { x: width / 2, y: height / 2 } : toScreen(before);
    const to: ScreenPoint = { space: "screen", x: from.x + x, y: from.y + y };
    this.#cursor.value = toSlide(to);
    const isInside =
      to.x > width * MARGIN &&
      to.x < width * (1 - MARGIN) &&
      to.y > height * MARGIN &&
      to.y < height * (1 - MARGIN);
    if (!isInside) this.#follow();
    const at = this.#atCursor();
    if (at === null) return;
    if (this.#isKeyPressed) this.tool?.drag?.(at);
    else this.tool?.hover?.(at);
    this.#repaint();
  }

  /** Brings the cursor to the middle. */
  #follow(): void {
    const { openSeadragon, slide } = this.#viewer;
    const position = this.#cursor.value;
    const width = slide.value.size?.width ?? 1;
    if (position === null) return;
    const centre = openSeadragon.viewport.getCenter();
    centre.x = position[0] / width;
    centre.y = position[1] / width;
    openSeadragon.viewport.panTo(centre, true);
  }

  #clickAtCursor(tool: PointerTool): void {
    if (this.#cursor.value === null) this.#moveCursor(0, 0);
    const at = this.#atCursor();
    if (at === null) return;
    if (!this.#isKeyPressed) tool.press?.(at);
    if (this.#isKeyPressed || !tool.keepsPressed) {
      tool.release?.(at);
      this.#isKeyPressed = false;
    } else this.#isKeyPressed = true;
    this.#repaint();
  }

  #atCursor(): Pointed | null {
    const position = this.#cursor.value;
    if (position === null) return null;
    const screen = this.#viewer.toScreen(position);
    return { position, screen, isOpposite: this.opposite.value, isExtended: false, isKeyboard: true };
  }
}

function modifiersOf(event: Event): Modifiers {
  return event instanceof MouseEvent ? event : {};
}
