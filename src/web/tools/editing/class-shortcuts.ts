import { computed, effect, untracked } from "@preact/signals";
import { MEASUREMENT_CLASS } from "../../../contract/index.js";
import type { Shortcut } from "../../interface/shortcuts.js";
import { classesByKey } from "../store/known-classes.js";
import type { Editor, ToolName } from "./editor.js";

/** The key that shows pixels one to one while no class is asked for. */
const TAKEN = 1;

/** Tools that draw what has the chosen class. */
const CLASS_TOOLS: ReadonlySet<ToolName> = new Set([
  "segment",
  "draw",
  "rectangle",
  "ellipse",
  "polyline",
  "points",
  "brush",
]);

/**
 * Number keys that give the selected annotations their class, or else what is drawn next. They are registered anew with
 * tool and selection: while something is selected or drawn they come before other keys. Measurements keep their class: what
 * was just measured is selected, and would be tumour by a slip of a key.
 * @returns ends it
 */
export function listenToClassKeys(editor: Editor): () => void {
  const named = computed(() =>
    editor.selectedObjects.value.filter(({ classification }) => classification !== MEASUREMENT_CLASS),
  );
  const isAsked = computed(() => named.value.length > 0 || CLASS_TOOLS.has(editor.tool.value));
  return effect(() => {
    const keys = [...classesByKey()]
      .filter(([key]) => isAsked.value || key !== TAKEN)
      .map(
        ([key, name]): Shortcut => ({
          key: `${key}`,
          title: `Class ${name}, of what is selected, or drawn next`,
          group: "Classes",
          run: () => {
            editor.classify(name, named.peek());
            editor.viewer.announce(`Class ${name}`);
          },
        }),
      );
    return untracked(() => editor.viewer.shortcuts.register(...keys));
  });
}
