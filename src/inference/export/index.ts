export { traceFoci } from "./foci.js";
export { writePyramidTiff } from "./pyramid-tiff.js";
export { rasterOf, type TiledRaster } from "./raster.js";
export type {
  FociAnnotationOptions,
  Focus,
  FocusSizeClass,
  PyramidReduction,
  PyramidTiffOptions,
  PyramidTiffResult,
  SlideExportInput,
  TraceFociOptions,
} from "./types.js";
