import type { Signal } from "@preact/signals";
import type { ClickTool } from "../editing/click-tool.js";
import type { Editor } from "../editing/editor.js";
import type { PointTool } from "../editing/point-tool.js";
import type { PointerInput } from "../editing/pointer-input.js";
import type { Segmentation } from "../segment/segmentation.js";
import type { TeachSession } from "../teach/teach-session.js";
import type { TeachTool } from "../teach/teach-tool.js";

/** What the toolbar, the strip over the slide and the panel work with. */
export interface ToolsState {
  readonly editor: Editor;
  readonly input: PointerInput;
  readonly segmentation: Segmentation;
  readonly clickTool: ClickTool;
  readonly pointTool: PointTool;
  readonly teaching: { readonly session: TeachSession; readonly tool: TeachTool };
  /** Whether the dialog about a conflict is open. */
  readonly conflictShown: Signal<boolean>;
  /** Whether the list of classes is open. */
  readonly classesShown: Signal<boolean>;
  /** Chooses a file and brings its annotations in. */
  importFile(file: Blob): void;
  /** Brings in the outlines that a run has found. */
  importResults(): void;
}
