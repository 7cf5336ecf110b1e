import { useEffect, useState } from "preact/hooks";
import { editLimits } from "../../../contract/index.js";
import { readStored, writeStored } from "../../interface/browser-storage.js";
import { titleOf } from "../editing/classes.js";
import type { Editor } from "../editing/editor.js";

/** What somebody has to say about the selected annotation; saved when the field is left. */
export function CommentField({ editor }: { readonly editor: Editor }) {
  const object = editor.selected.value;
  if (object === null) return null;
  return <Comment key={object.id} id={object.id} saved={object.comment ?? ""} editor={editor} />;
}

interface CommentProps {
  readonly id: string;
  readonly saved: string;
  readonly editor: Editor;
}

function Comment({ id, saved, editor }: CommentProps) {
  const kept = `ep-sam.comment.${id}`;
  const [typed, setTyped] = useState<string | null>(() => readStored("sessionStorage", kept));
  // What was being typed when the page was loaded again is there still, until it is saved.
  useEffect(() => writeStored("sessionStorage", kept, typed), [kept, typed]);
  const save = () => {
    const object = editor.store.objects.peek().get(id);
    setTyped(null);
    if (typed === null || object === undefined || typed.trim() === saved.trim()) return;
    const { comment: _, ...bare } = object;
    // What is pasted may hold signs that nobody sees.
    const text = typed.replace(/[^\P{Cc}\n]/gu, " ").trim();
    const changed = text === "" ? bare : { ...bare, comment: text };
    editor.store.edit(`Comment on ${titleOf(object)}`, [{ type: "update", object: changed }]);
    editor.viewer.announce(text === "" ? "Comment removed" : "Comment kept");
  };
  return (
    <label class="field">
      <span>Comment</span>
      <textarea
        rows={3}
        maxLength={editLimits.comment}
        value={typed ?? saved}
        onInput={({ currentTarget }) => setTyped(currentTarget.value)}
        onBlur={save}
      />
    </label>
  );
}
