import { useId } from "preact/hooks";
import * as z from "zod/mini";
import { Button, Dialog, showProblem, useKept } from "../interface/index.js";
import { addByPath } from "./send-files.js";

interface PathDialogProps {
  /** What the folders are called in which paths begin. */
  readonly folders: readonly string[];
  onClose(): void;
}

/** Asks for the path of something that lies on the server: it is added there, and nothing is copied. */
export function PathDialog({ folders, onClose }: PathDialogProps) {
  const [path, setPath] = useKept("added-path", z.string(), "");
  const hint = useId();
  const [first = ""] = folders;
  return (
    <Dialog title="Add by path" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          addByPath(path.trim()).catch(showProblem);
          onClose();
        }}
      >
        <label class="field">
          <span>File or folder on the server</span>
          <input
            type="text"
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            maxLength={4096}
            placeholder={`${first}/…`}
            value={path}
            aria-describedby={hint}
            onInput={({ currentTarget }) => setPath(currentTarget.value)}
          />
          <span id={hint} class="hint">
            Slides, annotation files, results, datasets, runs, or folders of them, below {folders.join(", ")}.
            They stay where they are; nothing is copied.
          </span>
        </label>
        <p class="dialog-actions">
          <Button kind="main" type="submit" disabled={path.trim() === ""}>
            Add
          </Button>
        </p>
      </form>
    </Dialog>
  );
}
