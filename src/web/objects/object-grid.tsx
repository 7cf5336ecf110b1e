import { useComputed, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useId, useRef } from "preact/hooks";
import { listen, rowWindow } from "../interface/index.js";
import { listenToGrid } from "./grid-input.js";
import { GridRow } from "./grid-row.js";
import type { ObjectTable } from "./object-table.js";
import { type ColumnName, columnNames } from "./row-order.js";
import { BEYOND, ROW_HEIGHT, scrollTo } from "./row-window.js";

const TITLES: Readonly<Record<ColumnName, string>> = {
  title: "Object",
  class: "Class",
  area: "Area",
  diameter: "Diameter",
  probability: "Probability",
  state: "Review",
  author: "Author",
  origin: "Origin",
};

/** ARIA in HTML lets a table whose rows are selected be a grid. */
const GRID = { role: "grid", tabIndex: 0, "aria-multiselectable": true } as const;

/** The rows: as many as fit are drawn, however many there are. */
export function ObjectGrid({ table }: { readonly table: ObjectTable }) {
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const grid = useRef<HTMLTableElement>(null);
  const view = useSignal({ top: 0, height: 0 });
  const rows = useComputed(() => {
    const seen = { ...view.value, rowHeight: ROW_HEIGHT, beyond: BEYOND };
    const { first, end } = rowWindow(table.shown.value.length, seen);
    return { first, drawn: table.shown.value.slice(first, end) };
  });
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return undefined;
    const measure = () => {
      view.value = { top: element.scrollTop, height: bodyHeight(element) };
    };
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    const end = listen(element, { scroll: measure }, { passive: true });
    return () => {
      observer.disconnect();
      end();
    };
  }, [view]);
  useEffect(() => {
    const rowsOfPage = () => Math.floor(bodyHeight(scroller.current) / ROW_HEIGHT);
    return grid.current === null ? undefined : listenToGrid(grid.current, table, rowsOfPage);
  }, [table]);
  useSignalEffect(() => {
    void table.order.value;
    // An edit, which changes the places, does not bring back what was scrolled away.
    const { current } = table;
    const place = table.places.peek().get(current.value ?? "");
    const element = scroller.current;
    if (place === undefined || element === null) return;
    element.scrollTop = scrollTo(place, element.scrollTop, bodyHeight(element));
  });
  const { length } = table.shown.value;
  const { first, drawn } = rows.value;
  const current = table.current.value;
  const isDrawn = drawn.some(({ object }) => object.id === current);
  return (
    <div class="object-scroller" ref={scroller}>
      <div style={{ height: `${(length + 1) * ROW_HEIGHT}px` }}>
        <table
          ref={grid}
          class="object-grid"
          {...GRID}
          aria-label="Objects"
          aria-rowcount={length + 1}
          style={{ marginTop: `${first * ROW_HEIGHT}px` }}
          {...(isDrawn ? { "aria-activedescendant": `${id}-${current}` } : {})}
        >
          <Head table={table} />
          <tbody>
            {drawn.map((row, index) => (
              <GridRow
                key={row.object.id}
                id={`${id}-${row.object.id}`}
                row={row}
                resolution={table.resolution}
                number={first + index + 2}
                isSelected={table.selection.value.has(row.object.id)}
                isCurrent={row.object.id === current}
              />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

/** Height of what shows rows: the head stays above them. */
function bodyHeight(scroller: HTMLElement | null): number {
  return Math.max(0, (scroller?.clientHeight ?? 0) - ROW_HEIGHT);
}

function Head({ table }: { readonly table: ObjectTable }) {
  const { column: by, isDescending } = table.order.value;
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columnNames.map((name) => (
          <th
            key={name}
            scope="col"
            class={`cell-${name}`}
            aria-sort={by !== name ? "none" : isDescending ? "descending" : "ascending"}
          >
            <button type="button" onClick={() => table.orderBy(name)}>
              {TITLES[name]}
              <span aria-hidden="true">{by !== name ? "" : isDescending ? " ▾" : " ▴"}</span>
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}
