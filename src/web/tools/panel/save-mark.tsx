import { Icon } from "../../interface/index.js";
import type { ToolsState } from "./tools-state.js";

/** Whether what is seen is saved, in a word. */
export function SaveMark({ state: { editor, conflictShown } }: { readonly state: ToolsState }) {
  const save = editor.store.saveState.value;
  if (save.state === "conflict") {
    return (
      <button
        type="button"
        class="save-mark trouble"
        onClick={() => {
          conflictShown.value = true;
        }}
      >
        <Icon name="warning" /> Conflict …
      </button>
    );
  }
  if (save.state === "failed") {
    return (
      <button
        type="button"
        class="save-mark trouble"
        title={save.problem.what}
        onClick={() => editor.store.retry()}
      >
        <Icon name="warning" /> {editor.store.hasUnsaved ? "Not saved: try again" : "Try again"}
      </button>
    );
  }
  const word = { loading: "Loading …", saving: "Saving …", saved: "Saved" }[save.state];
  return (
    <span class="save-mark" role="status" data-state={save.state}>
      {word}
    </span>
  );
}
