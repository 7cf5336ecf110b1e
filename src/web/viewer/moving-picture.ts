import type { SlideViewer } from "./handle.js";
import { type AffineMatrix, inverse, product, slideToScreen } from "./view-geometry.js";

/** Much that lies over a slide and seldom changes, such as thousands of outlines. */
export interface OverlayPicture {
  /** How many things there are in the view and so many CSS pixels around it. */
  count(margin: number): number;
  /** Paints them in CSS pixels of the present view. */
  paint(context: CanvasRenderingContext2D, margin: number): void;
}

/** So few things are painted with every frame of a movement. */
const FEW = 200;
/** More are painted so many CSS pixels beyond the view, and moved with the slide until they are no longer enough. */
const MARGIN = 192;
/** Milliseconds after a movement at which they are painted anew, where they are then. */
const REST = 150;
/** While the slide moves further, zooms or turns, painting may take one part in so many of the time. */
const SHARE = 4;

/**
 * A picture over the slide on a canvas of its own. Where it has much to paint, moving the slide moves the canvas: painting
 * 5,000 outlines took 100 ms a frame.
 */
export class MovingPicture {
  readonly #canvas = document.createElement("canvas");
  readonly #picture: OverlayPicture;
  readonly #viewer: Pick<SlideViewer, "element" | "view">;
  #painted: { readonly matrix: AffineMatrix; readonly size: string; readonly margin: number } | null = null;
  /** When it was painted, and how long that took until the page went on. */
  #at = 0;
  #cost = 0;
  #frame: number | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param above the element that it lies below */
  constructor(picture: OverlayPicture, viewer: Pick<SlideViewer, "element" | "view">, above: Element) {
    this.#picture = picture;
    this.#viewer = viewer;
    this.#canvas.className = "overlay-picture";
    above.before(this.#canvas);
    this.repaint();
  }

  /** What is painted has changed. */
  repaint(): void {
    this.#frame ??= requestAnimationFrame(() => this.#paint());
  }

  /** The slide has moved. */
  follow(): void {
    const painted = this.#painted;
    if (painted === null || painted.margin === 0 || painted.size !== this.#size()) {
      this.#paint();
      return;
    }
    const movement = product(this.#matrix(), inverse(painted.matrix));
    const [a, b, c, d, e, f] = movement;
    const isShift = Math.abs(a - 1) + Math.abs(b) + Math.abs(c) + Math.abs(d - 1) < 1e-9;
    // Beyond the margin nothing is painted for a moment: whoever drags fast sees the slide move, not stand.
    const isEnough =
      (isShift && Math.max(Math.abs(e), Math.abs(f)) <= painted.margin) ||
      performance.now() - this.#at < SHARE * this.#cost;
    if (isEnough) this.#move(movement, isShift);
    else this.#paint();
  }

  dispose(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    clearTimeout(this.#timer);
    this.#canvas.remove();
  }

  #matrix(): AffineMatrix {
    const { clientWidth: width, clientHeight: height } = this.#viewer.element;
    return slideToScreen(this.#viewer.view.peek(), { width, height });
  }

  /** What the canvas was made for. */
  #size(): string {
    const { clientWidth, clientHeight } = this.#viewer.element;
    return [clientWidth, clientHeight, devicePixelRatio].join();
  }

  /** Moves what is painted, by whole pixels of the screen where it keeps its size, and paints it anew when that ends. */
  #move([a, b, c, d, e, f]: AffineMatrix, isShift: boolean): void {
    const whole = (length: number) => Math.round(length * devicePixelRatio) / devicePixelRatio;
    const shift = isShift ? [1, 0, 0, 1, whole(e), whole(f)] : [a, b, c, d, e, f];
    this.#canvas.style.transform = `matrix(${shift.join()})`;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#paint(), REST);
  }

  #paint(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#frame = null;
    clearTimeout(this.#timer);
    const started = performance.now();
    const ratio = devicePixelRatio;
    const count = this.#picture.count(MARGIN);
    // Its border lies between pixels of the screen.
    const margin = count <= FEW ? 0 : Math.round(MARGIN * ratio) / ratio;
    this.#painted = { matrix: this.#matrix(), size: this.#size(), margin };
    const context = this.#prepare(count === 0 ? null : margin);
    if (context === null) return;
    context.save();
    context.translate(margin, margin);
    this.#picture.paint(context, margin);
    context.restore();
    this.#at = performance.now();
    this.#cost = this.#at - started;
    if (margin === 0) return;
    // Browsers rasterise what was painted with the next frame.
    requestAnimationFrame(() =>
      setTimeout(() => {
        this.#at = performance.now();
        this.#cost = this.#at - started;
      }),
    );
  }

  /** An empty canvas of the view with a margin; null has nothing painted, and frees its memory. */
  #prepare(margin: number | null): CanvasRenderingContext2D | null {
    const { clientWidth, clientHeight } = this.#viewer.element;
    const ratio = devicePixelRatio;
    const along = (length: number) =>
      margin === null ? 0 : Math.round(length * ratio) + 2 * Math.round(margin * ratio);
    const [width, height] = [along(clientWidth), along(clientHeight)];
    const canvas = this.#canvas;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    if (margin === null) return null;
    const { style } = canvas;
    [style.left, style.top] = [`${-margin}px`, `${-margin}px`];
    [style.width, style.height] = [`${clientWidth + 2 * margin}px`, `${clientHeight + 2 * margin}px`];
    [style.transform, style.transformOrigin] = ["", `${margin}px ${margin}px`];
    const context = canvas.getContext("2d");
    context?.setTransform(1, 0, 0, 1, 0, 0);
    context?.clearRect(0, 0, width, height);
    context?.setTransform(ratio, 0, 0, ratio, 0, 0);
    return context;
  }
}
