export { bilinearMatrix } from "./bilinear-matrix.js";
export { isBmp } from "./bmp.js";
export {
  greyToRgb,
  toGrey,
} from "./colour.js";
export { cutArea, type Rectangle } from "./cut-area.js";
export { decodeRgb, readInputFile, readRgbImage } from "./decode.js";
export { encodeJpeg, encodeMaskPng, encodePng, writeMaskPng, writePng } from "./encode.js";
export {
  applyDihedral,
  DIHEDRAL_VARIANTS,
  dihedralPoint,
  inverseDihedral,
  invertDihedral,
} from "./geometry.js";
export { decodeMask, type ReadMaskOptions, readMask } from "./mask.js";
export { closeMask, dilateMask, medianFilter, openMask } from "./morphology.js";
export { blendImages, blendMask, type Colour, colourMap, drawPoints, outlineMask } from "./overlay.js";
export { reflected, reflectPadded } from "./padding.js";
export { percentile, percentileOfSorted } from "./percentile.js";
export { type ResampleBox, type ResampleFilter, resizeRgb } from "./resample.js";
export { resizeFloatMap, resizeMask } from "./resize.js";
export { resizeGreyBilinear } from "./resize-8bit.js";
export { histogram, hsvSaturation, maskAbove, otsuThreshold, otsuThresholdOfCounts } from "./threshold.js";
export type { FloatMap, GreyImage, Mask, RgbImage } from "./types.js";
