export { type JudgedAreas, judgeAreas } from "./areas.js";
export { asapXmlPieces, formatAsapXml } from "./asap-write.js";
export { contentUuid, type FeatureOptions, formatGeoJson, geoJsonPieces } from "./geojson-write.js";
export { KnownRegion } from "./known-region.js";
export { geoJsonOrigin, movedBy, placeOnSlide, type SlidePlane } from "./on-slide.js";
export { parseAnnotations, type ReadAnnotationsOptions, readAnnotations } from "./read.js";
export { type RasterGrid, TumourRegion } from "./region.js";
export {
  type AnnotationRole,
  defaultGroupRules,
  GroupRoles,
  type GroupRules,
  groupKey,
  isMeasurement,
  ROLES,
  UNREVIEWED_GROUP,
} from "./roles.js";
export { areaOf, requireExtent, shapesOf, vertexCount } from "./saved/area.js";
export {
  type ChosenClasses,
  type ClassMeanings,
  readChosenClasses,
  writeChosenClasses,
} from "./saved/class-meanings.js";
export { type CorrectionFiles, correctionSet, writeCorrectionFiles } from "./saved/corrections.js";
export {
  emptyHistory,
  type HistoryState,
  saveBetween,
  stateOf,
  titlesSince,
  withEdit,
  withRedo,
  withUndo,
} from "./saved/history.js";
export { AnnotationJournal } from "./saved/journal.js";
export { type JournalRecord, type JournalSlide, parseJournal } from "./saved/journal-lines.js";
export { annotationLimits } from "./saved/limits.js";
export { annotationFolder, journalPath, listJournals } from "./saved/places.js";
export type { SplineRule } from "./spline.js";
export { writeSquareFiles } from "./square-files.js";
export {
  type Annotation,
  type AnnotationFormat,
  type AnnotationGroup,
  type AnnotationSet,
  type CoordinateOrigin,
  ORIGIN_KEY,
} from "./types.js";
