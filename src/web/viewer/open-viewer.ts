import { type ReadonlySignal, signal } from "@preact/signals";
import OpenSeadragon from "openseadragon";
import type { Position, SlideDetail } from "../../contract/index.js";
import { paths } from "../api/index.js";
import type { ShortcutRegistry } from "../interface/shortcuts.js";
import type { LayerSetting } from "../routing/hash-link.js";
import type { PixelChange } from "./changed-tiles.js";
import { GridTileSource } from "./grid-tile-source.js";
import type { ScreenPoint, SlideViewer, ViewState } from "./handle.js";
import { LayerStack } from "./layer-stack.js";
import { OverlaySurface } from "./overlay-surface.js";
import { PixelDrawer } from "./pixel-drawer.js";
import { LARGEST_ZOOM, prefersReducedMotion, SlideCamera } from "./slide-camera.js";
import { toScreen, toSlide } from "./view-geometry.js";

/** The viewer as the page itself sees it. */
export interface OpenViewer extends SlideViewer {
  /** Movement ended: the view is worth keeping in a link. */
  readonly settledView: ReadonlySignal<ViewState>;
  /** Tiles that could not be had since the slide was opened. */
  readonly failedTiles: ReadonlySignal<number>;
  setView(view: ViewState, immediately?: boolean): void;
  /** Shows one view of a movement at once; its end settles. */
  followView(view: ViewState): void;
  /** Shows the whole slide. */
  fit(): void;
  /** Multiplies the zoom, about the middle. */
  zoomBy(factor: number): void;
  /** Moves by parts of the viewer's size. */
  panBy(horizontal: number, vertical: number): void;
  turnBy(degrees: number): void;
  showLayers(settings: readonly LayerSetting[]): void;
  /** Changes pixels of the slide, not of its layers, before they are shown; null shows them as they are. */
  changePixels(change: PixelChange | null): void;
  /** Paints what lies over the slide on another canvas, in CSS pixels. */
  paintOverlays(context: CanvasRenderingContext2D): void;
  /** The same slide with other layers, datasets or counts. */
  updateSlide(slide: SlideDetail): void;
  dispose(): void;
}

/** What {@link openViewer} needs. */
export interface OpenViewerOptions {
  /** Empty element that the viewer fills. */
  readonly element: HTMLElement;
  /** Empty element for the small picture of the whole slide; null for none. */
  readonly navigator: HTMLElement | null;
  readonly slide: SlideDetail;
  /** Null: the whole slide. */
  readonly view: ViewState | null;
  readonly shortcuts: ShortcutRegistry;
  announce(message: string): void;
}

/** Opens a slide in an element. The slide has to be one that could be opened. */
export function openViewer(options: OpenViewerOptions): OpenViewer {
  const { element, slide, shortcuts, announce } = options;
  const { width, height } = slide.size ?? { width: 1, height: 1 };
  const seadragon = createSeadragon(options);
  const camera = new SlideCamera(seadragon, element, { width, height }, options.view, () => followView());
  const slideSignal = signal(slide);
  const layers = new LayerStack(seadragon, slide);
  const { loading, failedTiles, checkLoading } = watchTiles(seadragon, layers);
  let takePointer: (() => void) | null = null;

  const viewer: OpenViewer = {
    openSeadragon: seadragon,
    element,
    slide: slideSignal,
    view: camera.view,
    settledView: camera.settledView,
    loading,
    failedTiles,
    shortcuts,
    announce,
    toScreen: (position: Position) => toScreen(camera.matrix(), position),
    toSlide: (point: ScreenPoint) => toSlide(camera.matrix(), point),
    positionOf({ clientX, clientY }) {
      const { left, top } = element.getBoundingClientRect();
      return toSlide(camera.matrix(), { space: "screen", x: clientX - left, y: clientY - top });
    },
    addGroup: (name) => surface.addGroup(name),
    addPainter: (painter) => surface.addPainter(painter),
    addPicture: (picture) => surface.addPicture(picture),
    flyTo: (box) => camera.flyTo(box),
    holdPointer(onTaken) {
      takePointer?.();
      takePointer = onTaken;
      return () => {
        if (takePointer === onTaken) takePointer = null;
      };
    },
    setView: (view, immediately) => camera.set(view, immediately),
    followView: (view) => camera.follow(view),
    fit: () => camera.fit(),
    zoomBy: (factor) => camera.zoomBy(factor),
    panBy: (horizontal, vertical) => camera.panBy(horizontal, vertical),
    turnBy: (degrees) => camera.turnBy(degrees),
    showLayers(settings) {
      layers.show(settings);
      checkLoading();
    },
    changePixels(change) {
      for (const one of options.navigator === null ? [seadragon] : [seadragon, seadragon.navigator]) {
        if (!(one.drawer instanceof PixelDrawer)) continue;
        one.drawer.changed.set(change);
        one.forceRedraw();
      }
    },
    paintOverlays: (context) => surface.paintOnto(context),
    updateSlide(changed) {
      slideSignal.value = changed;
      layers.update(changed);
      checkLoading();
    },
    dispose() {
      observer.disconnect();
      surface.dispose();
      seadragon.destroy();
      element.replaceChildren();
      options.navigator?.replaceChildren();
    },
  };

  const surface = new OverlaySurface(viewer, element);
  const followView = () => surface.follow(camera.matrix());
  guardPointer(seadragon, () => takePointer !== null);
  const observer = new ResizeObserver(followView);
  observer.observe(element);
  return viewer;
}

/** Whether tiles are on their way, which is to be checked when layers were changed, and how many could not be had. */
function watchTiles(
  seadragon: OpenSeadragon.Viewer,
  layers: LayerStack,
): Pick<OpenViewer, "loading" | "failedTiles"> & { checkLoading(): void } {
  const loading = signal(true);
  const failedTiles = signal(0);
  const { world } = seadragon;
  const checkLoading = () => {
    const isEmpty = world.getItemCount() === 0;
    loading.value = isEmpty || layers.isWaiting || !everythingLoaded(seadragon);
  };
  seadragon.addHandler("tile-load-failed", () => {
    failedTiles.value += 1;
  });
  world.addHandler("add-item", ({ item }: { readonly item?: OpenSeadragon.TiledImage }) => {
    item?.addHandler("fully-loaded-change", checkLoading);
    checkLoading();
  });
  world.addHandler("remove-item", checkLoading);
  seadragon.addHandler("animation-finish", checkLoading);
  return { loading, failedTiles, checkLoading };
}

function everythingLoaded({ world }: OpenSeadragon.Viewer): boolean {
  return Array.from({ length: world.getItemCount() }, (_, index) => world.getItemAt(index)).every(
    (item) =>
      // OpenSeadragon loads nothing of what is invisible, or of what lies outside the view.
      item.getFullyLoaded() || item.getDrawArea() === false,
  );
}

/** While held, dragging and double clicks belong to a tool; wheel and pinch stay with the slide. */
function guardPointer(seadragon: OpenSeadragon.Viewer, isHeld: () => boolean): void {
  const guard = (event: { preventDefaultAction?: boolean }) => {
    if (isHeld()) event.preventDefaultAction = true;
  };
  seadragon.addHandler("canvas-drag", guard);
  seadragon.addHandler("canvas-drag-end", guard);
  seadragon.addHandler("canvas-double-click", guard);
}

/**
 * OpenSeadragon adds an inline style sheet unless it finds its own; the page's Content-Security-Policy refuses such
 * sheets. An element of that name which means nothing to a browser stands in for it, its rule is in `styles/slide.css`.
 */
function keepInlineStyleAway(): void {
  const name = "data-openseadragon-mobile-css";
  if (document.querySelector(`style[${name}]`) !== null) return;
  const placeholder = document.createElementNS("urn:ep-sam", "style");
  placeholder.setAttribute(name, "true");
  document.head.append(placeholder);
}

function createSeadragon({ element, navigator, slide }: OpenViewerOptions): OpenSeadragon.Viewer {
  const calm = prefersReducedMotion();
  keepInlineStyleAway();
  const viewer = new OpenSeadragon.Viewer({
    element,
    tileSources: new GridTileSource(slide.levels, (level, column, row) =>
      paths.tile(slide.id, level, column, row),
    ),
    // Every browser has a canvas, its pixels can be placed exactly, and it needs none of the few WebGL contexts.
    drawer: PixelDrawer,
    showNavigationControl: false,
    ...(navigator === null
      ? { showNavigator: false }
      : {
          showNavigator: true,
          navigatorElement: navigator,
          navigatorAutoFade: false,
          navigatorRotate: true,
        }),
    animationTime: calm ? 0 : 0.6,
    springStiffness: 9,
    immediateRender: calm,
    blendTime: 0,
    maxZoomPixelRatio: LARGEST_ZOOM,
    minZoomImageRatio: 0.6,
    visibilityRatio: 0.35,
    constrainDuringPan: false,
    imageSmoothingEnabled: true,
    preserveImageSizeOnResize: true,
    imageLoaderLimit: 8,
    tileRetryMax: 2,
    tileRetryDelay: 800,
    gestureSettingsMouse: { clickToZoom: false, dblClickToZoom: true },
    gestureSettingsTouch: { pinchRotate: false },
  });
  viewer.canvas.setAttribute("role", "application");
  viewer.canvas.setAttribute("aria-roledescription", "slide viewer");
  viewer.canvas.setAttribute(
    "aria-label",
    `${slide.name}. Arrow keys move, plus and minus zoom, ? lists all keys.`,
  );
  // The page's own shortcuts take the place of OpenSeadragon's.
  viewer.addHandler("canvas-key", (event) => {
    event.preventDefaultAction = true;
  });
  return viewer;
}
