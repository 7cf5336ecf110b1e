export { formatAsapXml } from "./asap-write.js";
export { contentUuid, type FeatureOptions, formatGeoJson } from "./geojson-write.js";
export {
  boxOfRing,
  type Level0Box,
  polygonArea,
  ringContains,
  ringOf,
  signedArea,
} from "./geometry.js";
export { KnownRegion, type UnmarkedRule } from "./known-region.js";
export { parseAnnotations, type ReadAnnotationsOptions, readAnnotations } from "./read.js";
export { type RasterGrid, TumourRegion } from "./region.js";
export {
  type AnnotationRole,
  defaultGroupRules,
  GroupRoles,
  type GroupRules,
  UNREVIEWED_GROUP,
} from "./roles.js";
export type { SplineRule } from "./spline.js";
export type {
  Annotation,
  AnnotationFormat,
  AnnotationGroup,
  AnnotationSet,
  Level0Polygon,
  Level0Ring,
} from "./types.js";
