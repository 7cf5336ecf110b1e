export { canvasContext } from "./canvas.js";
export type { PixelChange } from "./changed-tiles.js";
export * from "./colour-maps.js";
export { colourPicture, type GreyPicture } from "./colouring.js";
export type { OverlayPainter, ScreenPoint, SlideViewer, ViewState } from "./handle.js";
export { colouredContext, greyPicture } from "./layer-tile-source.js";
export { type OpenViewer, openViewer } from "./open-viewer.js";
export {
  areaText,
  lengthText,
  magnificationOf,
  magnificationText,
  type ScaleBar,
  scaleBar,
  withSeparators,
} from "./scale-bar.js";
export { shownBounds, toLevel0 } from "./shown-bounds.js";
export { LARGEST_ZOOM, prefersReducedMotion } from "./slide-camera.js";
export { type PlacedTile, tilesWithin } from "./tiles-within.js";
export { sameView, slideToScreen, viewOf } from "./view-geometry.js";
