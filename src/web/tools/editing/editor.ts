import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import * as z from "zod/mini";
import type { AnnotationObject, AnnotationOrigin, Position } from "../../../contract/index.js";
import { lengthOf } from "../../../geometry/index.js";
import { keptSignal, showMessage } from "../../interface/index.js";
import type { ScreenPoint, SlideViewer } from "../../viewer/handle.js";
import { onSlide } from "../geometry/combine.js";
import { objectFigure } from "../geometry/figures.js";
import {
  boundsOfShape,
  clamped,
  type DrawnShape,
  membersOf,
  shapeOf,
  withShape,
} from "../geometry/shapes.js";
import { isTangle, MOST_CROSSINGS } from "../geometry/tangle.js";
import type { NextStep } from "../store/next-steps.js";
import type { SlideAnnotations } from "../store/slide-annotations.js";
import { titleOf } from "./classes.js";
import { judgements, type Saying } from "./judgements.js";

/** What the pointer does. */
export type ToolName =
  | "select"
  | "segment"
  | "draw"
  | "rectangle"
  | "ellipse"
  | "polyline"
  | "points"
  | "brush"
  | "erase"
  | "vertices"
  | "measure"
  | "teach";

/** Level-0 pixels that are shown around what is smaller. */
const LEAST_SHOWN = 60;

/** Smallest and largest brush, in CSS pixels across. */
export const BRUSH_SIZES = { least: 4, most: 300 } as const;

/** Where the pointer, or the keyboard's cursor, is and what is held with it. */
export interface Pointed {
  readonly position: Position;
  readonly screen: ScreenPoint;
  /** The right button, or Alt: takes away instead of adding. */
  readonly isOpposite: boolean;
  /** With Shift: adds to what is selected. */
  readonly isExtended: boolean;
  /** By the keyboard's cursor. */
  readonly isKeyboard: boolean;
}

/** What is done to the annotations of one slide, and with what. */
export class Editor {
  readonly viewer: SlideViewer;
  readonly store: SlideAnnotations;
  readonly tool: Signal<ToolName> = signal("select");
  readonly selection: Signal<ReadonlySet<string>> = signal(new Set());
  /** Class of what is drawn next; null for none. */
  readonly classification: Signal<string | null>;
  /** In CSS pixels across. */
  readonly brushSize = keptSignal(
    "brush",
    z.number().check(z.gte(BRUSH_SIZES.least), z.lte(BRUSH_SIZES.most)),
    40,
  );
  /** The vertex that the keyboard moves, by its number among all of the object. */
  readonly vertex = signal(0);
  /** What the measuring tool draws. */
  readonly measured = keptSignal("measured", z.enum(["line", "area"]), "line");
  /** How long or large what is being drawn is; null while nothing is, or where nobody measures it. */
  readonly readout: Signal<string | null> = signal(null);
  /** Whether rejected objects are shown. */
  readonly rejectedShown = keptSignal("rejected", z.boolean(), true);

  /** The one selected object, or null when none or several are. */
  readonly selected: ReadonlySignal<AnnotationObject | null>;
  readonly selectedObjects: ReadonlySignal<readonly AnnotationObject[]>;

  constructor(viewer: SlideViewer, store: SlideAnnotations) {
    this.viewer = viewer;
    const kept = `class.${viewer.slide.peek().id}`;
    this.classification = keptSignal(kept, z.nullable(z.string()), "Tumor");
    this.store = store;
    this.selectedObjects = computed(() =>
      [...this.selection.value].flatMap((id) => {
        const object = store.objects.value.get(id);
        return object === undefined ? [] : [object];
      }),
    );
    this.selected = computed(() => {
      const [first, ...others] = this.selectedObjects.value;
      return others.length > 0 ? null : (first ?? null);
    });
  }

  /** Adds an object of a class, by default the chosen one, as far as it lies on the slide, and selects it. */
  add(
    drawn: DrawnShape,
    origin: AnnotationOrigin,
    verb: string,
    classification = this.classification.value,
  ): void {
    const shape = this.#onSlide(drawn);
    if (shape === null) {
      this.viewer.announce("That is not on the slide");
      return;
    }
    const object: AnnotationObject = {
      id: newObjectId(),
      name: "",
      classification,
      review: "accepted",
      origin,
      ...membersOf(shape),
    };
    this.store.edit(`${verb} ${titleOf(object)}`, [{ type: "add", object }]);
    this.select([object.id]);
    this.viewer.announce(`${titleOf(object)} added, ${this.figureOf(object)}`);
  }

  /** Gives an object another shape; nothing left of it removes it. Whoever edits an object has looked at it. */
  reshape(object: AnnotationObject, drawn: DrawnShape | null, verb: string): void {
    tellTangles([object]);
    const shape = drawn === null ? null : this.#onSlide(drawn);
    const title = `${verb} ${titleOf(object)}`;
    if (shape === null) this.store.edit(title, [{ type: "remove", id: object.id }]);
    else {
      const review = object.review === "rejected" ? "rejected" : "accepted";
      this.store.edit(title, [{ type: "update", object: { ...withShape(object, shape), review } }]);
    }
  }

  /** Takes back the last step, and says which. */
  undo(): void {
    this.#announceStep("Undone", this.store.undoStep.value);
    this.store.undo();
  }

  redo(): void {
    this.#announceStep("Redone", this.store.redoStep.value);
    this.store.redo();
  }

  /** How long or large an object is, in words. */
  figureOf(object: AnnotationObject): string {
    return objectFigure(object, this.viewer.slide.peek().micronsPerPixel);
  }

  select(ids: Iterable<string>): void {
    this.selection.value = new Set(ids);
    this.vertex.value = 0;
  }

  toggle(id: string): void {
    const next = new Set(this.selection.value);
    if (!next.delete(id)) next.add(id);
    this.select(next);
  }

  /** Selects the object after (or before) the selected one and brings it into view. */
  step(direction: 1 | -1): void {
    const ids = [...this.store.objects.value.keys()];
    const [current = ""] = this.selection.value;
    const at = ids.indexOf(current);
    const next = ids.at(at < 0 ? (direction > 0 ? 0 : -1) : (at + direction) % ids.length);
    if (next !== undefined) this.show(next);
  }

  /** Selects an object and brings it into view. */
  show(id: string): void {
    const object = this.store.objects.value.get(id);
    const bounds = object === undefined ? null : boundsOfShape(shapeOf(object));
    if (object === undefined || bounds === null) return;
    this.select([id]);
    const { left, top, right, bottom } = bounds;
    // A point alone, or a level line, has no size to be shown by.
    const room = Math.max(0, LEAST_SHOWN - Math.max(right - left, bottom - top)) / 2;
    this.viewer.flyTo({
      x: left - room,
      y: top - room,
      width: right - left + 2 * room,
      height: bottom - top + 2 * room,
    });
    this.viewer.announce(`${titleOf(object)}, ${object.review}`);
  }

  /** Says of the selected objects what somebody thinks of them. */
  review(review: "accepted" | "rejected"): void {
    this.#judge(review === "accepted" ? "Accept" : "Reject", { review });
  }

  /** Gives objects, by default the selected ones, a class, and what is drawn next. */
  classify(classification: string | null, objects = this.selectedObjects.value): void {
    this.classification.value = classification;
    const called = classification ?? "no class";
    this.#judge(`Set class ${called} of`, { classification }, objects);
  }

  remove(): void {
    const objects = this.selectedObjects.value;
    const title = `Delete ${describe(objects)}`;
    this.store.edit(
      title,
      objects.map(({ id }) => ({ type: "remove", id })),
    );
    if (objects.length > 0) this.viewer.announce(`${describe(objects)} deleted`);
    this.select([]);
  }

  /** A position on the slide: the nearest where it is beside it. */
  onSlide(position: Position): Position {
    const { size } = this.viewer.slide.peek();
    return size === null ? position : clamped(position, size);
  }

  #onSlide(shape: DrawnShape): DrawnShape | null {
    const { size } = this.viewer.slide.value;
    if (size === null) return shape;
    if (shape.type === "MultiPolygon") return onSlide(shape, size);
    const there = { ...shape, coordinates: shape.coordinates.map((position) => clamped(position, size)) };
    return there.type === "LineString" && lengthOf(there.coordinates, { x: 1, y: 1 }) === 0 ? null : there;
  }

  #announceStep(done: string, { isPossible, title }: NextStep): void {
    if (isPossible) this.viewer.announce(title === null ? done : `${done}: ${title}`);
    else this.viewer.announce(`Nothing to be ${done.toLowerCase()}`);
  }

  #judge(verb: string, saying: Saying, objects = this.selectedObjects.value): void {
    this.store.edit(`${verb} ${describe(objects)}`, judgements(objects, saying));
  }
}

/** Says of objects that are changed which of them are edited as something simpler than what was there. */
export function tellTangles(objects: readonly AnnotationObject[]): void {
  for (const object of objects.filter(({ area }) => isTangle(area))) {
    const what = `The outline of ${titleOf(object)} crosses itself in more than ${MOST_CROSSINGS} places`;
    showMessage(`${what}; it was changed to what it winds around. Undo brings it back.`);
  }
}

function describe(objects: readonly AnnotationObject[]): string {
  const [first] = objects;
  return objects.length === 1 && first !== undefined ? titleOf(first) : `${objects.length} annotations`;
}

/**
 * A new object's UUID (version 4, RFC 9562). `crypto.randomUUID` is absent where the page came over plain HTTP from
 * another machine.
 */
export function newObjectId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ].join("-");
}
