import { useState } from "preact/hooks";
import { editLimits, MEASUREMENT_CLASS } from "../../../contract/index.js";
import { paths } from "../../api/index.js";
import { Button, Icon, ProblemNote } from "../../interface/index.js";
import { authorName } from "../../interface/preferences.js";
import { sharpenable, sharpenSelected } from "../editing/editor-shortcuts.js";
import { ClassField } from "./class-field.js";
import { CommentField } from "./comment-field.js";
import { ObjectList } from "./object-list.js";
import { SegmenterChoice } from "./segmenter-choice.js";
import type { ToolsState } from "./tools-state.js";

export function AnnotationPanel({ state }: { readonly state: ToolsState }) {
  return (
    <div class="panel annotation-panel">
      <NotSaved state={state} />
      <ClassField state={state} />
      <CommentField editor={state.editor} />
      <Selection state={state} />
      <SegmenterChoice segmentation={state.segmentation} />
      <ObjectList state={state} />
      <Author />
      <Exchange state={state} />
    </div>
  );
}

/** Why something is not saved, what, and what can be done about it. */
function NotSaved({ state: { editor } }: { readonly state: ToolsState }) {
  const { store } = editor;
  const save = store.saveState.value;
  if (save.state !== "failed") return null;
  const [first] = store.unsaved;
  return (
    <section class="not-saved" aria-label="Not saved">
      <ProblemNote problem={save.problem} quiet />
      <ul class="titles">
        {store.unsaved.map((title, index) => (
          <li key={`${index} ${title}`}>{title}</li>
        ))}
      </ul>
      <p class="button-row">
        <Button onClick={() => store.retry()}>Try again</Button>
        {first === undefined ? null : (
          <Button kind="danger" onClick={() => store.drop()}>
            Drop “{first}”
          </Button>
        )}
      </p>
    </section>
  );
}

function Selection({ state }: { readonly state: ToolsState }) {
  const { editor } = state;
  const none = editor.selectedObjects.value.length === 0;
  return (
    <fieldset class="button-row">
      <legend class="visually-hidden">Selected annotations</legend>
      <Button disabled={none} onClick={() => editor.review("accepted")}>
        <Icon name="check" /> Accept
      </Button>
      <Button disabled={none} onClick={() => editor.review("rejected")}>
        <Icon name="close" /> Reject
      </Button>
      <Button disabled={sharpenable(state) === null} onClick={() => sharpenSelected(state)}>
        Sharpen
      </Button>
      <Button kind="danger" disabled={none} onClick={() => editor.remove()}>
        <Icon name="trash" /> Delete
      </Button>
    </fieldset>
  );
}

/** Asked once: this browser remembers it. */
function Author() {
  return (
    <label class="field">
      <span>Your name, kept with each of your changes</span>
      <input
        type="text"
        maxLength={editLimits.text}
        autocomplete="name"
        placeholder="Nobody"
        value={authorName.value}
        onInput={({ currentTarget }) => {
          authorName.value = currentTarget.value;
        }}
      />
    </label>
  );
}

/** Files in and out. */
function Exchange({ state }: { readonly state: ToolsState }) {
  const { id, segmented } = state.editor.viewer.slide.value;
  const [key, renew] = useState(0);
  return (
    <section class="exchange" aria-label="Import and export">
      <h2>Import and export</h2>
      <label class="field">
        <span>QuPath GeoJSON, ASAP XML, Camelyon16 JSON</span>
        <input
          key={key}
          type="file"
          accept=".geojson,.json,.xml"
          onChange={({ currentTarget }) => {
            const [file] = currentTarget.files ?? [];
            if (file !== undefined) state.importFile(file);
            // The same file can be chosen again.
            renew(key + 1);
          }}
        />
      </label>
      <div class="button-row">
        {segmented ? <Button onClick={() => state.importResults()}>Bring in the results</Button> : null}
        <a class="button" href={paths.exportedAnnotations(id, "geojson")} download>
          Export GeoJSON
        </a>
        <a class="button" href={paths.exportedAnnotations(id, "asap-xml")} download>
          Export ASAP XML
        </a>
      </div>
      <p class="hint">Rejected annotations are left out of exported files.{linesLeftOut(state)}</p>
    </section>
  );
}

/** ASAP knows rulers of two ends and no other lines. */
function linesLeftOut({ editor }: ToolsState): string {
  const lines = [...editor.store.objects.value.values()].filter(
    ({ mark, review, classification }) =>
      mark?.type === "LineString" &&
      review !== "rejected" &&
      (classification !== MEASUREMENT_CLASS || mark.coordinates.length > 2),
  );
  if (lines.length === 0) return "";
  return ` ASAP XML has no lines: ${lines.length === 1 ? "1 is" : `${lines.length} are`} left out of it.`;
}
