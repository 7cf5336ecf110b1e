export { CONTENT_SECURITY_POLICY, renderReport } from "./render-report.js";
export type {
  ClassificationTable,
  CurveChart,
  CurvePoint,
  CurveSeries,
  DatasetSummary,
  Gallery,
  GalleryEntry,
  GalleryPanel,
  ReportData,
  RunIdentity,
  ScoreDistribution,
  SelectionRow,
  SplitCounts,
  StageMetric,
  StageRow,
  StageTable,
  WeightIdentity,
} from "./report-data.js";
export { assembleReport, type ReportContext, writeRunReport } from "./run-report.js";
