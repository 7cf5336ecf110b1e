import type { AnnotationObject } from "../../../contract/index.js";
import type { Shortcut } from "../../interface/shortcuts.js";
import { TOOLS } from "../panel/toolbar.js";
import type { ToolsState } from "../panel/tools-state.js";
import type { ToolName } from "./editor.js";

/** Tools whose clicks mean one thing or the opposite. */
const OPPOSITE_TOOLS: ReadonlySet<ToolName> = new Set(["segment", "teach", "points", "vertices"]);

/** Keys that work whichever tool is active; a tool's own keys come before them. */
export function editorShortcuts(state: ToolsState): Shortcut[] {
  const { editor, input, classesShown } = state;
  const { tool } = editor;
  const key = (name: string, title: string, run: () => void): Shortcut => ({
    key: name,
    title,
    group: "Annotations",
    run,
  });
  return [
    ...TOOLS.map(({ name, title, key: letter }) =>
      key(letter, title, () => {
        tool.value = name;
        editor.viewer.announce(title);
      }),
    ),
    key("Mod+z", "Undo", () => editor.undo()),
    key("Mod+Shift+z", "Redo", () => editor.redo()),
    key("Mod+y", "Redo", () => editor.redo()),
    key(".", "Next annotation", () => editor.step(1)),
    key(",", "Annotation before", () => editor.step(-1)),
    key("Shift+c", "Classes: names, colours, keys", () => {
      classesShown.value = true;
    }),
    key("a", "Accept the selected annotations", () => editor.review("accepted")),
    key(
      "x",
      "Reject the selected annotations; while segmenting, teaching, setting points or editing vertices: what clicks mean",
      () => {
        if (OPPOSITE_TOOLS.has(tool.value)) input.opposite.value = !input.opposite.value;
        else editor.review("rejected");
      },
    ),
    key("Shift+s", "Sharpen the outline of the selected annotation with SAM", () => sharpenSelected(state)),
    key("Delete", "Delete the selected annotations", () => editor.remove()),
    key("Escape", "Give up what was begun; put the tool away; select nothing", () => {
      if (input.tool?.cancel() === true) return;
      if (tool.value === "select") editor.select([]);
      else tool.value = "select";
    }),
  ];
}

/** Has SAM look for the outline of the selected annotation, where it has an area and there is a segmenter. */
export function sharpenSelected(state: ToolsState): void {
  const object = sharpenable(state);
  if (object !== null) state.clickTool.sharpen(object);
  else state.editor.viewer.announce("Select one annotation with an area");
}

/** What can be sharpened of what is selected; squares and what else says something of a place have no outline to be found. */
export function sharpenable({ editor, segmentation }: ToolsState): AnnotationObject | null {
  const { value: object } = editor.selected;
  if (object === null || object.mark !== undefined || object.classification?.endsWith("*")) return null;
  return segmentation.segmenter.value === null ? null : object;
}
