import { useEffect, useRef, useState } from "preact/hooks";
import { Button, listen, ProblemNote, showProblem, ToolButton } from "../interface/index.js";
import { formatRoute, slideRoute } from "../routing/hash-link.js";
import { droppedFiles, fieldFiles, hasFiles } from "./dropped-files.js";
import { PathDialog } from "./path-dialog.js";
import { endSending, type Sending, sendFiles, sendings, takenText } from "./send-files.js";

/** Names in a list before "and more". */
const SHOWN = 8;

/** Takes files that are dropped anywhere on the page, and shows how they get in. */
export function GettingIn() {
  const over = useFileDrops();
  return (
    <>
      {over ? (
        <div class="drop-sign" aria-hidden="true">
          <p>Drop slides, annotation files, results, or folders of them</p>
        </div>
      ) : null}
      {sendings.value.length === 0 ? null : (
        <section class="sendings" aria-label="Files on their way">
          {sendings.value.map((sending) => (
            <SendingCard key={sending.key} sending={sending} />
          ))}
        </section>
      )}
    </>
  );
}

/** @returns whether files are held over the page */
function useFileDrops(): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    // Every element under way tells of itself.
    let depth = 0;
    const enter = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      depth -= 1;
      if (depth <= 0) setOver(false);
    };
    const hold = (event: DragEvent) => {
      if (!hasFiles(event)) return;
      event.preventDefault();
      if (event.dataTransfer !== null) event.dataTransfer.dropEffect = "copy";
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (!hasFiles(event) || event.dataTransfer === null) return;
      event.preventDefault();
      droppedFiles(event.dataTransfer).then(sendFiles).catch(showProblem);
    };
    return listen(window, { dragenter: enter, dragleave: leave, dragover: hold, drop });
  }, []);
  return over;
}

/**
 * Buttons that ask for files, or for a folder; for the keyboard and for fingers. Where the server allows it, what lies
 * there can be named.
 */
export function AddButtons({ folders }: { readonly folders: readonly string[] }) {
  const [naming, setNaming] = useState(false);
  const files = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  useEffect(() => folder.current?.setAttribute("webkitdirectory", ""), []);
  const take = (input: HTMLInputElement) => {
    const chosen = fieldFiles(input.files);
    // The same files can be chosen again.
    input.value = "";
    sendFiles(chosen).catch(showProblem);
  };
  return (
    <div class="add-buttons">
      <Button onClick={() => files.current?.click()}>Add files …</Button>
      <Button onClick={() => folder.current?.click()}>Add a folder …</Button>
      {folders.length === 0 ? null : <Button onClick={() => setNaming(true)}>Add by path …</Button>}
      {naming ? <PathDialog folders={folders} onClose={() => setNaming(false)} /> : null}
      <input
        ref={files}
        class="visually-hidden"
        type="file"
        multiple
        tabIndex={-1}
        aria-label="Files to add"
        onChange={({ currentTarget }) => take(currentTarget)}
      />
      <input
        ref={folder}
        class="visually-hidden"
        type="file"
        tabIndex={-1}
        aria-label="Folder to add"
        onChange={({ currentTarget }) => take(currentTarget)}
      />
    </div>
  );
}

function SendingCard({ sending }: { readonly sending: Sending }) {
  const { key, title, state } = sending;
  const isUnderWay = state === "sending" || state === "checking";
  return (
    <div class="sending">
      <header>
        <strong>{title}</strong>
        {isUnderWay ? (
          <Button onClick={() => endSending(key)}>Cancel</Button>
        ) : (
          <ToolButton icon="close" title="Close" onClick={() => endSending(key)} />
        )}
      </header>
      <SendingState sending={sending} />
    </div>
  );
}

function SendingState({ sending }: { readonly sending: Sending }) {
  switch (sending.state) {
    case "sending":
      return (
        <>
          <progress
            value={sending.sent}
            max={Math.max(1, sending.bytes)}
            aria-label={`Progress of ${sending.title}`}
          />
          <p class="hint">{sending.file}</p>
        </>
      );
    case "checking":
      return (
        <>
          <progress aria-label={`Progress of ${sending.title}`} />
          <p class="hint">Looking what it is …</p>
        </>
      );
    case "failed":
      return <ProblemNote problem={sending.problem} />;
    case "done": {
      const { slides, refused, notes } = sending.taken;
      return (
        <>
          <p>{takenText(sending.taken)}</p>
          {slides.length === 0 ? null : (
            <ul class="taken">
              {slides.slice(0, SHOWN).map(({ id, name }) => (
                <li key={id}>
                  <a href={formatRoute(slideRoute(id))}>{name}</a>
                </li>
              ))}
              {slides.length > SHOWN ? <li>and {slides.length - SHOWN} more</li> : null}
            </ul>
          )}
          {refused.map((problem) => (
            <ProblemNote key={`${problem.where}`} problem={problem} quiet />
          ))}
          {notes.map((note) => (
            <p class="hint" key={note}>
              {note}
            </p>
          ))}
        </>
      );
    }
  }
}
