import type { AnnotationObject } from "../../../contract/index.js";
import { type Shortcut, shortcutGroup } from "../../interface/shortcuts.js";
import { TOOLS } from "../panel/toolbar.js";
import type { ToolsState } from "../panel/tools-state.js";
import type { ToolName } from "./editor.js";

/** Tools whose clicks mean one thing or the opposite. */
const OPPOSITE_TOOLS: ReadonlySet<ToolName> = new Set(["segment", "teach", "points", "vertices"]);

/** Keys that work whichever tool is active; a tool's own keys come before them. */
export function editorShortcuts(state: ToolsState): Shortcut[] {
  const { editor, input, classesShown } = state;
  const { tool } = editor;
  const choose = (name: ToolName, title: string) => () => {
    tool.value = name;
    editor.viewer.announce(title);
  };
  const showClasses = () => {
    classesShown.value = true;
  };
  const reject = () => {
    if (OPPOSITE_TOOLS.has(tool.value)) input.opposite.value = !input.opposite.value;
    else editor.review("rejected");
  };
  const giveUp = () => {
    if (input.tool?.cancel() === true) return;
    if (tool.value === "select") editor.select([]);
    else tool.value = "select";
  };
  return shortcutGroup("Annotations", "page", [
    ...TOOLS.map(({ name, title, key }) => [key, title, choose(name, title)] as const),
    ["Mod+z", "Undo", () => editor.undo()],
    ["Mod+Shift+z", "Redo", () => editor.redo()],
    ["Mod+y", "Redo", () => editor.redo()],
    [".", "Next annotation", () => editor.step(1)],
    [",", "Annotation before", () => editor.step(-1)],
    ["Shift+c", "Classes: names, colours, keys", showClasses],
    ["a", "Accept the selected annotations", () => editor.review("accepted")],
    [
      "x",
      "Reject the selected annotations; while segmenting, teaching, setting points or editing vertices: what clicks mean",
      reject,
    ],
    ["Shift+s", "Sharpen the outline of the selected annotation with SAM", () => sharpenSelected(state)],
    ["Delete", "Delete the selected annotations", () => editor.remove()],
    ["Escape", "Give up what was begun; put the tool away; select nothing", giveUp],
  ]);
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
