import type { AnnotationObject } from "../../../contract/index.js";
import { areaOfRing, boundsOf } from "../../../geometry/index.js";
import { shortcutGroup } from "../../interface/shortcuts.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { rectangleRing } from "../geometry/shapes.js";
import type { ClickSession } from "../segment/click-session.js";
import type { Segmentation } from "../segment/segmentation.js";
import { colourOfClass, titleOf } from "./classes.js";
import type { Editor, Pointed } from "./editor.js";
import { paintDot, strokeTwice, traceArea } from "./path-painting.js";
import { GRAB_RADIUS, PointerTool, screenDistance } from "./tool.js";

/** A drag of fewer CSS pixels is a click. */
const CLICK = 6;
const FOREGROUND = "#009e73";
const BACKGROUND = "#d55e00";
/** Heading of its keys in the help sheet. */
const GROUP = "Segment with a click";

/** What the pointer does since it was pressed. */
type Gesture =
  | { readonly type: "pressed"; readonly at: Pointed }
  | { readonly type: "box"; readonly from: Pointed }
  | { readonly type: "point"; readonly index: number };

/**
 * Segments what is clicked: a click is a point inside (with Alt or the right button: outside), dragging draws a box,
 * dragging a point moves it. The mask follows; Enter keeps it as an annotation.
 */
export class ClickTool extends PointerTool {
  override readonly name = "segment";
  readonly #session: ClickSession;
  /** Sets the patch's size for a first click. */
  readonly #prepare: () => void;
  #gesture: Gesture | null = null;
  /** Where the keyboard began a box. */
  #corner: Pointed | null = null;
  #hovered: Pointed | null = null;
  /** Id of the annotation whose outline the mask is to replace; null for a new annotation. */
  #sharpened: string | null = null;

  constructor(
    editor: Editor,
    { session, prepare }: Pick<Segmentation, "session" | "prepare">,
    repaint: () => void,
  ) {
    super(editor, repaint);
    this.#session = session;
    this.#prepare = prepare;
  }

  override readonly shortcuts = [
    ...shortcutGroup(GROUP, "slide", [
      ["Enter", "Keep the mask", () => this.accept()],
      ["Backspace", "Take back the last point", () => this.#session.removeLast()],
    ]),
    ...shortcutGroup(GROUP, "page", [
      ["w", "Look at twice as much, for a mask that ends where the square does", () => this.#session.widen()],
    ]),
    ...shortcutGroup(GROUP, "slide", [
      ["c", "Begin or end a box at the cursor", () => this.#corners()],
      ["Alt+ArrowLeft", "Move the last point left", () => this.#nudge(-4, 0)],
      ["Alt+ArrowRight", "Move the last point right", () => this.#nudge(4, 0)],
      ["Alt+ArrowUp", "Move the last point up", () => this.#nudge(0, -4)],
      ["Alt+ArrowDown", "Move the last point down", () => this.#nudge(0, 4)],
    ]),
  ];

  override get hasBegun(): boolean {
    return !this.#session.isEmpty.value;
  }

  override press(at: Pointed): void {
    const { viewer } = this.editor;
    if (this.#session.isEmpty.value) {
      this.#prepare();
      this.#sharpened = null;
    }
    const index = this.#session.prompt.value.points.findLastIndex(
      ({ position }) => screenDistance(viewer.toScreen(position), at.screen) <= GRAB_RADIUS,
    );
    this.#gesture = index >= 0 && !at.isKeyboard ? { type: "point", index } : { type: "pressed", at };
  }

  override drag(at: Pointed): void {
    const gesture = this.#gesture;
    if (gesture?.type === "point") this.#session.movePoint(gesture.index, at.position);
    else if (gesture?.type === "box") this.#session.setBox([gesture.from.position, at.position]);
    else if (gesture?.type === "pressed" && screenDistance(gesture.at.screen, at.screen) > CLICK) {
      this.#gesture = { type: "box", from: gesture.at };
      this.#session.setBox([gesture.at.position, at.position]);
    }
    this.repaint();
  }

  override release(at: Pointed): void {
    if (this.#gesture?.type === "pressed") {
      this.#session.addPoint({ position: this.#gesture.at.position, label: at.isOpposite ? 0 : 1 });
    }
    this.#gesture = null;
    this.repaint();
  }

  override hover(at: Pointed | null): void {
    this.#hovered = at;
    if (this.#corner !== null && at !== null) this.#session.setBox([this.#corner.position, at.position]);
  }

  protected override forget(): void {
    this.#gesture = null;
    this.#corner = null;
    this.#sharpened = null;
    this.#session.clear();
  }

  /**
   * Asks for the outline of what an annotation outlines, in its bounds; clicks can say more. Keeping the mask replaces the
   * annotation's outline, and nothing else of it.
   */
  sharpen({ id, area, ...object }: AnnotationObject): void {
    const bounds = boundsOf(area);
    if (bounds === null) return;
    const { left, top, right, bottom } = bounds;
    this.cancel();
    this.editor.tool.value = this.name;
    this.#prepare();
    this.#sharpened = id;
    this.#session.setBox([
      [left, top],
      [right, bottom],
    ]);
    this.viewer.announce(
      `The outline of ${titleOf(object)} is looked for. Enter keeps it, Escape leaves it as it was`,
    );
  }

  /** Makes an annotation of the mask, or the outline of the one that was to be sharpened; the patch stays for the next. */
  accept(): void {
    const mask = this.#session.mask.value;
    if (mask === null) return;
    if (mask.area.coordinates.length === 0) {
      this.viewer.announce("The mask is empty");
      return;
    }
    const sharpened = this.editor.store.objects.value.get(this.#sharpened ?? "");
    this.#corner = null;
    this.#sharpened = null;
    this.#session.clear();
    if (sharpened === undefined) {
      this.editor.add(mask.area, "segmented", "Segment");
      return;
    }
    this.editor.reshape(sharpened, mask.area, "Sharpen");
    this.viewer.announce(`${titleOf(sharpened)} has a new outline`);
  }

  override paint(context: CanvasRenderingContext2D, viewer: SlideViewer): void {
    const { prompt, mask, patchBox } = this.#session;
    const { points, box } = prompt.value;
    if (patchBox !== null && (points.length > 0 || box !== null)) {
      const { x, y, width, height } = patchBox;
      traceArea(context, viewer, areaOfRing(rectangleRing([x, y], [x + width, y + height])));
      context.setLineDash([3, 6]);
      strokeTwice(context, "#4b5563", 1);
      context.setLineDash([]);
    }
    if (mask.value !== null) {
      const colour = colourOfClass(this.editor.classification.value);
      traceArea(context, viewer, mask.value.area);
      context.globalAlpha = 0.3;
      context.fillStyle = colour;
      context.fill("evenodd");
      context.globalAlpha = 1;
      strokeTwice(context, colour, 2);
    }
    if (box !== null) {
      traceArea(context, viewer, areaOfRing(rectangleRing(...box)));
      strokeTwice(context, FOREGROUND, 1.5);
    }
    for (const { position, label } of points) {
      const at = viewer.toScreen(position);
      paintDot(context, at, 7, label === 1 ? FOREGROUND : BACKGROUND);
      // A plus and a minus: colour alone does not tell them apart.
      context.beginPath();
      context.moveTo(at.x - 4, at.y);
      context.lineTo(at.x + 4, at.y);
      if (label === 1) {
        context.moveTo(at.x, at.y - 4);
        context.lineTo(at.x, at.y + 4);
      }
      context.stroke();
    }
  }

  #corners(): void {
    const at = this.#hovered;
    if (at === null) return;
    if (this.#corner === null) {
      this.#corner = at;
      this.viewer.announce("Box begun");
    } else {
      this.#session.setBox([this.#corner.position, at.position]);
      this.#corner = null;
      this.viewer.announce("Box drawn");
    }
  }

  #nudge(x: number, y: number): void {
    const { points } = this.#session.prompt.value;
    const last = points.at(-1);
    if (last === undefined) return;
    const { viewer } = this.editor;
    const from = viewer.toScreen(last.position);
    const to = viewer.toSlide({ space: "screen", x: from.x + x, y: from.y + y });
    this.#session.movePoint(points.length - 1, to);
  }
}
