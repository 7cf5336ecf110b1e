import { useId, useState } from "preact/hooks";
import { Button, Icon, Select, saveFile, showProblem, ToolButton } from "../interface/index.js";
import { classesOf, knownClasses, type Saying } from "../tools/index.js";
import { csvOf } from "./object-csv.js";
import { ObjectGrid } from "./object-grid.js";
import { countText, type ObjectTable } from "./object-table.js";
import { anything, noFilter, type RowFilter, rowStates, stateTexts } from "./row-order.js";

interface ObjectDockProps {
  readonly table: ObjectTable;
  /** Name of the slide, for the file of the table. */
  readonly slide: string;
  onClose(): void;
}

/** The object table, below the slide. */
export function ObjectDock({ table, slide, onClose }: ObjectDockProps) {
  return (
    <section class="object-dock" aria-label="Object table">
      <FilterBar table={table} slide={slide} onClose={onClose} />
      <BatchBar table={table} />
      <ObjectGrid table={table} />
    </section>
  );
}

function FilterBar({ table, slide, onClose }: ObjectDockProps) {
  const { filter, shown, rows, resolution } = table;
  const change = (changed: Partial<RowFilter>) => {
    filter.value = { ...filter.value, ...changed };
  };
  const { text, state, least, most } = filter.value;
  const unit = resolution === null ? "px²" : "µm²";
  const isAll = shown.value.length === rows.value.length;
  return (
    <fieldset class="object-bar">
      <legend class="visually-hidden">Filter of the objects</legend>
      <input
        type="search"
        placeholder="Search"
        aria-label="Search objects"
        value={text}
        onInput={({ currentTarget }) => change({ text: currentTarget.value })}
      />
      <ClassFilter table={table} change={change} />
      <Select
        aria-label="Review state"
        value={state === anything ? "" : state}
        choices={[["", "any review"], ...rowStates.map((name) => [name, stateTexts[name]] as const)]}
        onChoose={(chosen) => change({ state: chosen === "" ? anything : chosen })}
      />
      <AreaLimit
        title={`Least area in ${unit}`}
        placeholder={`≥ ${unit}`}
        value={least}
        onLimit={(value) => change({ least: value })}
      />
      <AreaLimit
        title={`Largest area in ${unit}`}
        placeholder={`≤ ${unit}`}
        value={most}
        onLimit={(value) => change({ most: value })}
      />
      {filter.value === noFilter ? null : (
        <Button
          onClick={() => {
            filter.value = noFilter;
          }}
        >
          All
        </Button>
      )}
      <span class="object-count" role="status">
        {isAll
          ? countText(rows.value.length)
          : `${shown.value.length.toLocaleString("en")} of ${countText(rows.value.length)}`}
      </span>
      <Button
        disabled={shown.value.length === 0}
        onClick={() => void saveCsv(table, slide).catch(showProblem)}
      >
        Save as CSV
      </Button>
      <ToolButton icon="close" title="Close the object table" shortcut="O" onClick={onClose} />
    </fieldset>
  );
}

function ClassFilter({
  table: { filter, rows },
  change,
}: {
  readonly table: ObjectTable;
  change(changed: Partial<RowFilter>): void;
}) {
  const { classification } = filter.value;
  const used = new Set(rows.value.map(({ object }) => object.classification));
  const named = [...used].flatMap((name) => (name === null ? [] : [name])).sort();
  return (
    <Select
      aria-label="Class of the objects"
      value={classification === anything ? "any" : classification === null ? "none" : `=${classification}`}
      choices={[
        ["any", "any class"],
        ...named.map((name) => [`=${name}`, name] as const),
        ...(used.has(null) ? [["none", "no class"] as const] : []),
      ]}
      onChoose={(value) =>
        change({ classification: value === "any" ? anything : value === "none" ? null : value.slice(1) })
      }
    />
  );
}

interface AreaLimitProps {
  readonly title: string;
  readonly placeholder: string;
  readonly value: number | null;
  onLimit(value: number | null): void;
}

function AreaLimit({ title, placeholder, value, onLimit }: AreaLimitProps) {
  return (
    <input
      type="number"
      class="area-limit"
      min="0"
      step="any"
      aria-label={title}
      title={title}
      placeholder={placeholder}
      value={value ?? ""}
      onInput={({ currentTarget }) => {
        const { valueAsNumber } = currentTarget;
        onLimit(Number.isFinite(valueAsNumber) && valueAsNumber >= 0 ? valueAsNumber : null);
      }}
    />
  );
}

/** What is done to all that is selected or, with nothing selected, to all that the filter shows. */
function BatchBar({ table }: { readonly table: ObjectTable }) {
  const { selected, shown } = table;
  const classes = useId();
  const [name, setName] = useState("");
  const { scope } = table;
  const judge = (verb: string, saying: Saying) => table.judge(verb, saying, scope);
  const isSelected = selected.value.length > 0;
  const hidden = isSelected ? scope.filter(({ object }) => !table.places.value.has(object.id)).length : 0;
  const what = isSelected
    ? `${scope.length.toLocaleString("en")} selected`
    : `All ${countText(scope.length)} shown`;
  const objects = scope.map(({ object }) => object);
  const none = scope.length === 0;
  return (
    <fieldset class="object-bar batch-bar">
      <legend class="visually-hidden">Batch review</legend>
      <span class="batch-scope">
        {what}
        {hidden > 0 ? ` (${hidden.toLocaleString("en")} of them not shown)` : ""}:
      </span>
      <Button disabled={none} onClick={() => judge("Accept", { review: "accepted" })}>
        <Icon name="check" /> Accept
      </Button>
      <Button disabled={none} onClick={() => judge("Reject", { review: "rejected" })}>
        <Icon name="close" /> Reject
      </Button>
      <input
        type="text"
        list={classes}
        maxLength={200}
        placeholder="No class"
        aria-label="Class for the batch"
        value={name}
        onInput={({ currentTarget }) => setName(currentTarget.value)}
      />
      <datalist id={classes}>
        {classesOf(objects, knownClasses.value).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <Button
        disabled={none}
        onClick={() => {
          const classification = name.trim() === "" ? null : name.trim();
          judge(`Set class ${classification ?? "none"} of`, { classification });
        }}
      >
        Set class
      </Button>
      <Button disabled={shown.value.length === 0} onClick={() => table.selectShown()}>
        Select all shown
      </Button>
      {isSelected ? <Button onClick={() => table.clear()}>Select none</Button> : null}
    </fieldset>
  );
}

async function saveCsv({ shown, resolution }: ObjectTable, slide: string): Promise<void> {
  const text = await csvOf(shown.value, resolution);
  // Spreadsheets take UTF-8 for something else without the mark.
  const table = new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" });
  saveFile(table, `${slide.replace(/\.[^.]*$/, "")}-objects.csv`);
}
