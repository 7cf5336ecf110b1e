import type { OverlayPainter, Painted, SlideViewer } from "./handle.js";
import { MovingPicture, type OverlayPicture } from "./moving-picture.js";
import type { AffineMatrix } from "./view-geometry.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * What is drawn over a slide: pictures that move with it, above them a canvas in screen pixels, and above that SVG groups
 * in level-0 pixels.
 */
export class OverlaySurface {
  readonly #host = document.createElement("div");
  readonly #pictures = new Map<MovingPicture, OverlayPicture>();
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
    this.#host.className = "overlay";
    this.#host.setAttribute("aria-hidden", "true");
    this.#svg.append(this.#root);
    this.#host.append(this.#canvas, this.#svg);
    host.append(this.#host);
  }

  addGroup(name: string): SVGGElement {
    const group = document.createElementNS(SVG, "g");
    group.setAttribute("data-group", name);
    this.#root.append(group);
    return group;
  }

  addPicture(picture: OverlayPicture): Painted {
    const moving = new MovingPicture(picture, this.#viewer, this.#canvas);
    this.#pictures.set(moving, picture);
    return {
      repaint: () => moving.repaint(),
      remove: () => {
        this.#pictures.delete(moving);
        moving.dispose();
      },
    };
  }

  addPainter(painter: OverlayPainter): Painted {
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
    for (const picture of this.#pictures.keys()) picture.follow();
    this.#paint();
  }

  /** Paints everything on a canvas that takes CSS pixels. */
  paintOnto(context: CanvasRenderingContext2D): void {
    for (const picture of this.#pictures.values()) {
      context.save();
      picture.paint(context, 0);
      context.restore();
    }
    this.#paintAbove(context);
  }

  #paintAbove(context: CanvasRenderingContext2D): void {
    for (const painter of this.#painters) {
      context.save();
      painter(context, this.#viewer);
      context.restore();
    }
  }

  dispose(): void {
    if (this.#frame !== null) cancelAnimationFrame(this.#frame);
    for (const picture of this.#pictures.keys()) picture.dispose();
    this.#host.remove();
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
    this.#paintAbove(context);
  }
}
