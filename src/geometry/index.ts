export {
  areaContains,
  areaOfRing,
  areaSize,
  boundsOf,
  closedRing,
  openRing,
  polygonsOf,
  positionsOf,
  ringFrom,
} from "./area.js";
export { BoundarySweep, type TracedComponent } from "./boundary-sweep.js";
export { type ClickedRegion, clickedRegion } from "./clicked-region.js";
export { clippedRing } from "./clip.js";
export { areaOfLogits, type LogitMap, squareLogits } from "./contours.js";
export { crossingsOf, withoutCrossings } from "./crossings.js";
export { maximumDiameter } from "./feret.js";
export { lengthOf, type PixelSize, perimeterOf } from "./lengths.js";
export {
  boundsOverlap,
  boxOfRing,
  distinctRing,
  enclosesArea,
  type Level0Box,
  type Level0Line,
  type Level0Polygon,
  type Level0Ring,
  movedRing,
  pixelsAround,
  polygonArea,
  ringContains,
  ringOf,
  signedArea,
} from "./ring.js";
export { simplifyLine, simplifyRing, squaredDistance } from "./simplify-line.js";
export { simplifyRings } from "./simplify-rings.js";
