import { Button, Dialog } from "../../interface/index.js";
import type { ToolsState } from "./tools-state.js";

/** What others saved meanwhile, what of one's own is not saved, and the choice. */
export function ConflictDialog({ state: { editor, conflictShown } }: { readonly state: ToolsState }) {
  const save = editor.store.saveState.value;
  if (save.state !== "conflict" || !conflictShown.value) return null;
  const choose = (choice: "reapply" | "discard") => {
    conflictShown.value = false;
    editor.store.resolve(choice);
  };
  return (
    <Dialog
      title="Saved elsewhere meanwhile"
      onClose={() => {
        conflictShown.value = false;
      }}
    >
      <p>
        Another tab, or somebody else, has changed the annotations of this slide. Nothing of either is lost
        yet.
      </p>
      <h3>Saved there</h3>
      <Titles titles={save.conflict.since} />
      <h3>Yours, not saved</h3>
      <Titles titles={save.own} />
      <p class="dialog-actions">
        <Button kind="main" onClick={() => choose("reapply")}>
          Reload and apply mine again
        </Button>
        <Button onClick={() => choose("discard")}>Keep theirs, drop mine</Button>
      </p>
    </Dialog>
  );
}

function Titles({ titles }: { readonly titles: readonly string[] }) {
  return (
    <ul class="titles">
      {titles.map((title, index) => (
        <li key={`${index} ${title}`}>{title}</li>
      ))}
    </ul>
  );
}
