import { useState } from "preact/hooks";
import type { AnnotationObject, ReviewState } from "../../../contract/index.js";
import { Button, Check, Select } from "../../interface/index.js";
import { colourOfClass, titleOf } from "../editing/classes.js";
import type { ToolsState } from "./tools-state.js";

/** Rows before "Show more". */
const ROWS = 100;
const REVIEWS = { unreviewed: "not reviewed", accepted: "accepted", rejected: "rejected" } as const;
const MARKS = { unreviewed: "?", accepted: "✓", rejected: "✗" } as const;

/** Every annotation; choosing one selects it and brings it into view. */
export function ObjectList({ state: { editor } }: { readonly state: ToolsState }) {
  const [filter, setFilter] = useState<ReviewState | "all">("all");
  const [rows, setRows] = useState(ROWS);
  const objects = [...editor.store.objects.value.values()];
  const shown = filter === "all" ? objects : objects.filter(({ review }) => review === filter);
  return (
    <section class="objects" aria-label="Annotations of this slide">
      <div class="objects-head">
        <h2>{objects.length === 1 ? "1 annotation" : `${objects.length} annotations`}</h2>
        <Select
          aria-label="Which annotations are listed"
          value={filter}
          choices={[
            ["all", "all"],
            ["unreviewed", REVIEWS.unreviewed],
            ["accepted", REVIEWS.accepted],
            ["rejected", REVIEWS.rejected],
          ]}
          onChoose={(review) => setFilter(review)}
        />
      </div>
      <Check
        checked={editor.rejectedShown.value}
        onChange={(shown) => {
          editor.rejectedShown.value = shown;
        }}
      >
        Show rejected ones on the slide
      </Check>
      {objects.length === 0 ? (
        <p class="hint">Nothing yet: segment with a click (S), draw (D), or import.</p>
      ) : null}
      <ul class="object-list">
        {shown.slice(0, rows).map((object) => (
          <Row key={object.id} object={object} state={{ editor }} />
        ))}
      </ul>
      {shown.length > rows ? (
        <Button onClick={() => setRows(rows + 5 * ROWS)}>{`Show more (${shown.length - rows} left)`}</Button>
      ) : null}
    </section>
  );
}

function Row({
  object,
  state: { editor },
}: {
  readonly object: AnnotationObject;
  readonly state: Pick<ToolsState, "editor">;
}) {
  const isSelected = editor.selection.value.has(object.id);
  return (
    <li>
      <button
        type="button"
        class="object-row"
        aria-pressed={isSelected}
        onClick={(event) => {
          if (event.shiftKey || event.ctrlKey || event.metaKey) editor.toggle(object.id);
          else editor.show(object.id);
        }}
      >
        <svg class="swatch" viewBox="0 0 12 12" aria-hidden="true">
          <rect width="12" height="12" rx="3" fill={colourOfClass(object.classification)} />
        </svg>
        <span class="object-title" title={object.comment}>
          {titleOf(object)}
          {object.comment === undefined ? null : <span class="hint"> {object.comment}</span>}
        </span>
        <span class="object-size">{editor.figureOf(object)}</span>
        <span class="object-review" title={REVIEWS[object.review]}>
          {MARKS[object.review]}
          <span class="visually-hidden">{REVIEWS[object.review]}</span>
        </span>
      </button>
    </li>
  );
}
