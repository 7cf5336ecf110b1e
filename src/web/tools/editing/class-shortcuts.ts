import { effect, untracked } from "@preact/signals";
import type { Shortcut } from "../../interface/shortcuts.js";
import { classesByKey } from "../store/known-classes.js";
import type { Editor } from "./editor.js";

/** The key that shows pixels one to one while no class is asked for. */
const TAKEN = 1;

/**
 * Number keys that give the selected annotations their class, or else what is drawn next. They are registered anew with
 * tool and selection: while something is selected or drawn they come before other keys.
 * @returns ends it
 */
export function listenToClassKeys(editor: Editor): () => void {
  return effect(() => {
    const isAsked = editor.selection.value.size > 0 || editor.tool.value !== "select";
    const keys = [...classesByKey()]
      .filter(([key]) => isAsked || key !== TAKEN)
      .map(
        ([key, name]): Shortcut => ({
          key: `${key}`,
          title: `Class ${name}, of what is selected, or drawn next`,
          group: "Classes",
          run: () => {
            editor.classify(name);
            editor.viewer.announce(`Class ${name}`);
          },
        }),
      );
    return untracked(() => editor.viewer.shortcuts.register(...keys));
  });
}
