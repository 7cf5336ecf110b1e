/**
 * How tools (segmenting with a click, editing annotations) plug into the page.
 *
 * The page calls `attachTools(viewer)` once for each slide that it opens, and `dispose()` before the slide closes. The
 * viewer (`../viewer/handle.ts`) converts coordinates, gives SVG groups and canvas painters over the slide, hands the
 * pointer to one tool at a time, and registers keyboard shortcuts, which then stand in the help sheet.
 *
 * What comes back is drawn by the page: `Toolbar` in the row of buttons above the slide (use `ToolButton` of
 * `../interface/index.ts`), `Panel` as the tab "Annotations" beside it (on a phone: a sheet). Both are Preact
 * components that read signals of the tools' own state. Errors of the server go to `showProblem` of the interface,
 * requests through `../api/index.ts`; changes made elsewhere arrive with `onServerEvent("annotations", …)`.
 */
export { type AttachedTools, attachTools, importText } from "./attach-tools.js";
export { classesOf, colourOfClass, titleOf } from "./editing/classes.js";
export type { Editor } from "./editing/editor.js";
export { judgements, type Saying } from "./editing/judgements.js";
export { paintObjects } from "./editing/object-painter.js";
export { objectAt } from "./editing/select-tool.js";
export { GRAB_RADIUS } from "./editing/tool.js";
export { knownClasses } from "./store/known-classes.js";
