export {
  exportSlideResults,
  SLIDE_RESULT_FILES,
  type SlideExport,
  type SlideExportOptions,
} from "./export-slide.js";
export { traceFoci } from "./foci.js";
export { annotationsOfFoci, groupOfFoci, writeFociAsapXml, writeFociGeoJson } from "./foci-annotations.js";
export { writePyramidTiff } from "./pyramid-tiff.js";
export { type RasterBand, rasterBands, rasterOf, type TiledRaster, tileGrid } from "./raster.js";
export { type SlideOverlayOptions, writeSlideOverlay } from "./slide-overlay.js";
export {
  RESEARCH_USE,
  readSummaryJson,
  type SlideSummary,
  sizeClassOf,
  summariseFoci,
  writeSummaryCsv,
  writeSummaryJson,
} from "./summary.js";
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
