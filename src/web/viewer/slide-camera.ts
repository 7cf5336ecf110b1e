import { type ReadonlySignal, type Signal, signal } from "@preact/signals";
import OpenSeadragon from "openseadragon";
import type { Box } from "../../contract/index.js";
import type { ViewState } from "./handle.js";
import { type AffineMatrix, slideToScreen, type ViewportSize, viewOf } from "./view-geometry.js";

/** CSS pixels per level-0 pixel at which zooming in ends. */
export const LARGEST_ZOOM = 20;

/** Whether the user asked for less movement. */
export function prefersReducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Where an OpenSeadragon viewer looks, in level-0 pixels: moves it and follows its movement. */
export class SlideCamera {
  readonly #seadragon: OpenSeadragon.Viewer;
  readonly #element: HTMLElement;
  readonly #slide: ViewportSize;
  readonly #view: Signal<ViewState>;
  readonly #settledView: Signal<ViewState>;
  readonly #onMove: () => void;

  /**
   * @param slide size in level-0 pixels
   * @param start null: the whole slide
   * @param onMove called after every change of the view
   */
  constructor(
    seadragon: OpenSeadragon.Viewer,
    element: HTMLElement,
    slide: ViewportSize,
    start: ViewState | null,
    onMove: () => void,
  ) {
    const first = start ?? { centre: [slide.width / 2, slide.height / 2], zoom: 1, rotation: 0 };
    this.#seadragon = seadragon;
    this.#element = element;
    this.#slide = slide;
    this.#view = signal(first);
    this.#settledView = signal(first);
    this.#onMove = onMove;
    seadragon.addHandler("open", () => this.set(start ?? this.#whole(0), true));
    seadragon.addHandler("update-viewport", () => this.#follow());
    seadragon.addHandler("animation-finish", () => this.#settle());
  }

  /** Changes with every frame of a movement. */
  get view(): ReadonlySignal<ViewState> {
    return this.#view;
  }

  /** The view when movement last ended. */
  get settledView(): ReadonlySignal<ViewState> {
    return this.#settledView;
  }

  /** From level-0 pixels to CSS pixels of the viewer. */
  matrix(): AffineMatrix {
    return slideToScreen(this.#view.value, this.#size());
  }

  set(wanted: ViewState, immediately = prefersReducedMotion()): void {
    this.#aim(wanted, immediately);
    if (immediately) this.#settle();
  }

  /** Shows a view at once, as one of a movement whose end is told when it comes. */
  follow(wanted: ViewState): void {
    this.#aim(wanted, true);
    this.#follow();
  }

  #aim(wanted: ViewState, immediately: boolean): void {
    const { viewport } = this.#seadragon;
    const { width } = this.#slide;
    const [x, y] = wanted.centre;
    viewport.setRotation(wanted.rotation, immediately);
    viewport.zoomTo((wanted.zoom * width) / this.#element.clientWidth, undefined, immediately);
    viewport.panTo(new OpenSeadragon.Point(x / width, y / width), immediately);
  }

  /** Shows the whole slide. */
  fit(): void {
    this.set(this.#whole(this.#view.value.rotation));
  }

  /** Shows a box with some room around it. */
  flyTo(box: Omit<Box, "space">): void {
    this.set(viewOf(box, this.#size(), this.#view.value.rotation, LARGEST_ZOOM / 4));
  }

  /** Multiplies the zoom, about the middle. */
  zoomBy(factor: number): void {
    this.#seadragon.viewport.zoomBy(factor, undefined, prefersReducedMotion()).applyConstraints();
  }

  /** Moves by parts of the viewer's size. */
  panBy(horizontal: number, vertical: number): void {
    const { zoom, rotation } = this.#view.value;
    const { width } = this.#slide;
    const delta = new OpenSeadragon.Point(
      (horizontal * this.#element.clientWidth) / zoom / width,
      (vertical * this.#element.clientHeight) / zoom / width,
    ).rotate(-rotation);
    this.#seadragon.viewport.panBy(delta, prefersReducedMotion()).applyConstraints();
  }

  turnBy(degrees: number): void {
    const { viewport } = this.#seadragon;
    viewport.setRotation(viewport.getRotation() + degrees, prefersReducedMotion());
  }

  #size(): ViewportSize {
    return { width: this.#element.clientWidth, height: this.#element.clientHeight };
  }

  #whole(rotation: number): ViewState {
    return viewOf({ x: 0, y: 0, ...this.#slide }, this.#size(), rotation, 1, 1.04);
  }

  #follow(): void {
    this.#view.value = this.#read();
    this.#onMove();
  }

  #settle(): void {
    this.#follow();
    this.#settledView.value = this.#view.value;
  }

  #read(): ViewState {
    const { viewport } = this.#seadragon;
    const { width } = this.#slide;
    const centre = viewport.getCenter(true);
    const rotation = ((viewport.getRotation(true) % 360) + 360) % 360;
    const zoom = (viewport.getZoom(true) * this.#element.clientWidth) / width;
    return { centre: [centre.x * width, centre.y * width], zoom, rotation };
  }
}
