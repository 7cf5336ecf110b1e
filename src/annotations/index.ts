export { formatAsapXml } from "./asap-write.js";
export { contentUuid, type FeatureOptions, formatGeoJson } from "./geojson-write.js";
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
} from "./types.js";
