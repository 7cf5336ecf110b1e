import type { OverlayPainter, SlideViewer } from "./handle.js";
import type { AffineMatrix } from "./view-geometry.js";

const SVG = "http://www.w3.org/2000/svg";

/** What is drawn over a slide: a canvas in screen pixels, and above it SVG groups in level-0 pixels. */
export class OverlaySurface {
  readonly #canvas = document.createElement("canvas");
  readonly #svg = document.createElementNS(SVG, "svg");
  readonly #root = document.createElementNS(SVG, "g");
  readonly #painters = new Set<OverlayPainter>();
  readonly #viewer: SlideViewer;
  #frame: number | null = null;

  constructor(viewer: SlideViewer, host: HTMLElement) {
    this.#viewer = viewer;
    this.#canvas.className = "overlay-canvas";
    this.#svg.setAttribute("class", "overlay-svg");
    for (const element of [this.#canvas, this.#svg]) element.setAttribute("aria-hidden", "true");
    this.#svg.append(this.#root);
    host.append(this.#canvas, this.#svg);
  }

  addGroup(name: string): SVGGElement {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("data-group", name);
    this.#root.append(group);
    return group;
  }

  addPainter(painter: OverlayPainter): { readonly repaint: () => void; readonly remove: () => void } {
    const repaint = () => this.#schedule();
    this.#painters.add(painter);
    repaint();
    return {
      repaint,
      remove: () => {
        this.#painters.delete(painter);
        repaint();
      },
    };
  }

  /** Follows the slide; the canvas is painted at once so that it does not lag behind. */
  follow(matrix: AffineMatrix): void {
    this.#root.setAttribute("transform", `matrix(${matrix.join(" ")})`);
    this.#paint();
  }

  /** Paints everything on a canvas that takes CSS pixels. */
  paintOnto(context: CanvasRenderingContext2D): void {
    for (const painter of this.#painters) {
      context.save();
      painter(context, this.#viewer);
      context.restore();
    }
  }

  dispose(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    this.#canvas.remove();
    this.#svg.remove();
  }

  #schedule(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#paint();
    });
  }

  #paint(): void {
    const { clientWidth, clientHeight } = this.#viewer.element;
    const ratio = devicePixelRatio;
    const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = this.#canvas.getContext("2d");
    if (context === null) return;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, clientWidth, clientHeight);
    this.paintOnto(context);
  }
}
