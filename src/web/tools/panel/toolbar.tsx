import { type IconName, ToolButton } from "../../interface/index.js";
import type { ToolName } from "../editing/editor.js";
import { SaveMark } from "./save-mark.js";
import type { ToolsState } from "./tools-state.js";

/** The tools in the order of the toolbar. */
export const TOOLS: readonly {
  readonly name: ToolName;
  readonly title: string;
  readonly icon: IconName;
  readonly key: string;
}[] = [
  { name: "select", title: "Move and select", icon: "select", key: "v" },
  { name: "segment", title: "Segment with a click", icon: "wand", key: "s" },
  { name: "draw", title: "Draw", icon: "pencil", key: "d" },
  { name: "rectangle", title: "Rectangle", icon: "box", key: "q" },
  { name: "ellipse", title: "Ellipse", icon: "ellipse", key: "Shift+q" },
  { name: "polyline", title: "Polyline", icon: "polyline", key: "u" },
  { name: "points", title: "Points", icon: "points", key: "p" },
  { name: "brush", title: "Brush", icon: "brush", key: "b" },
  { name: "erase", title: "Erase", icon: "eraser", key: "e" },
  { name: "vertices", title: "Edit vertices", icon: "vertices", key: "m" },
  { name: "measure", title: "Measure", icon: "ruler", key: "l" },
  { name: "teach", title: "Teach with squares", icon: "grid", key: "t" },
];

/** Tools, undo and redo, and whether everything is saved. */
export function Toolbar({ state }: { readonly state: ToolsState }) {
  const { editor } = state;
  const { undoStep, redoStep } = editor.store;
  const [undo, redo] = [undoStep.value, redoStep.value];
  return (
    <>
      <span class="toolbar-group annotation-tools">
        {TOOLS.map(({ name, title, icon, key }) => (
          <ToolButton
            key={name}
            icon={icon}
            title={title}
            shortcut={key.replace(/.$/, (letter) => letter.toUpperCase())}
            pressed={editor.tool.value === name}
            onClick={() => {
              editor.tool.value = name;
            }}
          />
        ))}
      </span>
      <span class="toolbar-group">
        <ToolButton
          icon="undo"
          title={undo.title === null ? "Undo" : `Undo: ${undo.title}`}
          shortcut="Ctrl+Z"
          disabled={!undo.isPossible}
          onClick={() => editor.undo()}
        />
        <ToolButton
          icon="redo"
          title={redo.title === null ? "Redo" : `Redo: ${redo.title}`}
          shortcut="Ctrl+Shift+Z"
          disabled={!redo.isPossible}
          onClick={() => editor.redo()}
        />
        <SaveMark state={state} />
      </span>
    </>
  );
}
