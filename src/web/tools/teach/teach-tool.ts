import {
  type AnnotationObject,
  SQUARE_CLASSES,
  type Suggestion,
  teachingLimits,
} from "../../../contract/index.js";
import { boundsOf } from "../../../geometry/index.js";
import { shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { colourOfClass } from "../editing/classes.js";
import { type Editor, newObjectId, type Pointed } from "../editing/editor.js";
import { paintDot, strokeTwice, traceArea } from "../editing/path-painting.js";
import { PointerTool, screenDistance } from "../editing/tool.js";
import {
  areaOfSquare,
  holds,
  type PlacedSquare,
  type SquareKind,
  squareAt,
  squareKindOf,
} from "./squares.js";
import type { TeachSession } from "./teach-session.js";

/** A drag of so many CSS pixels is no click. */
const CLICK = 6;
/** A step of the square's size by the keyboard. */
const SIZE_STEP = 1.25;

/** What squares of each kind are called. */
export const KIND_WORDS = { tumour: "Tumour", other: "Not tumour" } as const;

/**
 * Clicks make squares that are mostly tumour, or with Alt, the right button or after X mostly not. A click on a square
 * takes it away; of the other kind, it changes what it is.
 */
export class TeachTool extends PointerTool {
  override readonly name = "teach";
  readonly #session: TeachSession;
  #pressed: Pointed | null = null;
  #pointer: Pointed | null = null;
  /** Clicks that came before it was known how large a square is. */
  #waiting: readonly { readonly at: Pointed; readonly kind: SquareKind }[] = [];

  constructor(editor: Editor, session: TeachSession, repaint: () => void) {
    super(editor, repaint);
    this.#session = session;
  }

  override readonly shortcuts = shortcutGroup("Teach with squares", "page", [
    [",", "Smaller squares", () => this.resize(1 / SIZE_STEP)],
    [".", "Larger squares", () => this.resize(SIZE_STEP)],
    ["y", "The least sure suggestion is tumour", () => this.answer("tumour")],
    ["n", "The least sure suggestion is not tumour", () => this.answer("other")],
    ["Backspace", "Take the last square away", () => this.removeLast()],
  ]);

  override press(at: Pointed): void {
    this.#pressed = at;
  }

  override release(at: Pointed): void {
    const pressed = this.#pressed;
    this.#pressed = null;
    this.#pointer = at;
    if (pressed === null || screenDistance(pressed.screen, at.screen) > CLICK) return;
    const kind = pressed.isOpposite ? "other" : "tumour";
    const there = this.#squareUnder(at);
    const suggested = this.#session.suggestions.peek().find((suggestion) => holds(suggestion, at.position));
    if (there !== null) this.#change(there, kind);
    else if (suggested !== undefined) this.#add(suggested, kind);
    else this.#addAround(at, kind);
    this.repaint();
  }

  override hover(at: Pointed | null): void {
    this.#pointer = at;
    this.repaint();
  }

  protected override forget(): void {
    this.#pressed = null;
    this.#waiting = [];
  }

  /** Makes squares of the clicks that came too early, now that it is known how large they are. */
  placeWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { at, kind } of waiting) this.#addAround(at, kind);
  }

  /** Says of the least sure suggestion what it is. */
  answer(kind: SquareKind): void {
    const [first] = this.#session.suggestions.peek();
    if (first === undefined) this.viewer.announce("There is no suggestion");
    else this.#add(first, kind);
  }

  removeLast(): void {
    const last = [...this.editor.store.objects.peek().values()].findLast(
      (object) => squareKindOf(object) !== null,
    );
    if (last !== undefined) this.#remove(last);
  }

  resize(factor: number): void {
    const { side } = this.#session;
    const { leastSide, mostSide } = teachingLimits;
    side.value = Math.max(leastSide, Math.min(mostSide, Math.round((side.value * factor) / 4) * 4));
    this.viewer.announce(`Squares of ${side.value} pixels`);
    this.repaint();
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    this.#session.suggestions.peek().forEach((suggestion, index) => {
      traceArea(context, viewer, areaOfSquare(suggestion));
      context.setLineDash([6, 4]);
      strokeTwice(context, "#111827", index === 0 ? 3 : 1.5);
      context.setLineDash([]);
      paintMark(context, viewer, suggestion);
    });
    for (const { at, kind } of this.#waiting) {
      paintDot(context, viewer.toScreen(at.position), 6, colourOfClass(SQUARE_CLASSES[kind]));
    }
    const next = this.#pointer === null ? null : this.#squareAround(this.#pointer);
    if (next === null) return;
    traceArea(context, viewer, areaOfSquare(next));
    strokeTwice(context, colourOfClass(SQUARE_CLASSES[this.#pointer?.isOpposite ? "other" : "tumour"]), 2);
  }

  #squareAround(at: Pointed): PlacedSquare | null {
    const size = this.#session.size.peek();
    const slide = this.viewer.slide.peek().size;
    if (size === null || slide === null) return null;
    const [x, y] = at.position;
    if (x < 0 || y < 0 || x >= slide.width || y >= slide.height) return null;
    return squareAt(at.position, size, slide);
  }

  #addAround(at: Pointed, kind: SquareKind): void {
    const square = this.#squareAround(at);
    if (square !== null) this.#add(square, kind);
    else if (this.#session.size.peek() !== null) this.viewer.announce("That is not on the slide");
    else {
      this.#waiting = [...this.#waiting, { at, kind }];
      this.viewer.announce("The square comes as soon as the slide is ready");
    }
  }

  #add(square: PlacedSquare, kind: SquareKind): void {
    const object: AnnotationObject = {
      id: newObjectId(),
      name: "",
      classification: SQUARE_CLASSES[kind],
      review: "accepted",
      origin: "drawn",
      area: areaOfSquare(square),
    };
    this.editor.store.edit(`Square: ${KIND_WORDS[kind]}`, [{ type: "add", object }]);
    this.#tell(`${KIND_WORDS[kind]} square added`);
  }

  #change(object: AnnotationObject, kind: SquareKind): void {
    if (squareKindOf(object) === kind) {
      this.#remove(object);
      return;
    }
    const changed = { ...object, classification: SQUARE_CLASSES[kind] };
    this.editor.store.edit(`Square: ${KIND_WORDS[kind]}`, [{ type: "update", object: changed }]);
    this.#tell(`Square changed to ${KIND_WORDS[kind].toLowerCase()}`);
  }

  #remove({ id }: AnnotationObject): void {
    this.editor.store.edit("Take a square away", [{ type: "remove", id }]);
    this.#tell("Square taken away");
  }

  #tell(what: string): void {
    const squares = this.#session.squares.peek();
    const tumour = squares.filter((square) => square.tumour === 1).length;
    this.viewer.announce(`${what}: ${tumour} tumour, ${squares.length - tumour} not`);
  }

  #squareUnder({ position: [x, y] }: Pointed): AnnotationObject | null {
    const under = [...this.editor.store.objects.peek().values()].filter((object) => {
      const bounds = squareKindOf(object) === null ? null : boundsOf(object.area);
      return bounds !== null && x >= bounds.left && x < bounds.right && y >= bounds.top && y < bounds.bottom;
    });
    return under.at(-1) ?? null;
  }
}

/** A question mark in the middle: what is asked there. */
function paintMark(context: CanvasRenderingContext2D, viewer: SlideViewer, { x, y, size }: Suggestion): void {
  const at = viewer.toScreen([x + size / 2, y + size / 2]);
  context.font = "bold 16px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 4;
  context.strokeStyle = "white";
  context.strokeText("?", at.x, at.y);
  context.fillStyle = "#111827";
  context.fillText("?", at.x, at.y);
}
