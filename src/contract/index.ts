/**
 * What the page, the server and the command line have in common: settings with their limits, defaults and labels, and
 * what the page and the server say to each other, as schemas that both hold the other's words against. Schemas are of
 * `zod/mini`, since they are part of the page. Paths begin with `/api`; identifiers are opaque; every position is in level-0 pixels unless its
 * type says otherwise.
 *
 * Pictures, beside those named at the types:
 * - `GET /api/slides/:slide/thumbnail?size=` (JPEG; longer side, 16 to 2048, default 256)
 * - `GET /api/slides/:slide/tiles/:level/:column/:row` (JPEG, PNG or WebP: the stored tile where it can be passed on
 *   unchanged; its right and lower border may then reach beyond the level)
 * - `GET /api/slides/:slide/associated/:name` (JPEG; one of `associatedImages`)
 * - `GET /api/slides/:slide/layers/:layer/tiles/:level/:column/:row` (8-bit grey PNG, cut at the layer's border)
 * - `GET /api/runs/:run/report` (the run's HTML report; for an `<iframe sandbox>`)
 *
 * A request with side effects needs no token of its own: Host, Origin and Sec-Fetch-Site are checked. Every answer
 * but 2xx and 304 has a {@link ProblemBody}; 503 (`busy`) tells in `Retry-After` when to ask again.
 */
export * from "./annotations.js";
export * from "./datasets.js";
export * from "./found-objects.js";
export { type Area, areaSchema, type Box, boxSchema, type Position } from "./geometry.js";
export * from "./jobs.js";
export * from "./problem.js";
export * from "./prompt-arrays.js";
export * from "./receiving.js";
export * from "./segmentation.js";
export * from "./settings.js";
export {
  camStage,
  classifierStage,
  confidenceFolder,
  type DecoderStage,
  decoderStages,
  evaluationStage,
  initialMaskFolder,
  isDecoderStage,
  roundOf,
  roundStage,
  type Stage,
  stageNames,
  stageOrder,
  stageTitle,
  tableStages,
  untrainedStage,
} from "./stage.js";
export * from "./teaching.js";
export * from "./thresholds.js";
export { whole, wholeBetween } from "./values.js";
export * from "./workspace.js";
