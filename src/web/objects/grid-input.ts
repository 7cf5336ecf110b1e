import { listen } from "../interface/index.js";
import type { ObjectTable, Selecting } from "./object-table.js";

/**
 * Gives clicks and keys of the grid to the table. A click selects a row and shows it on the slide, with Ctrl it adds or
 * takes away, with Shift it selects up to there; the box of a row, for fingers, does what Ctrl does.
 * @param rowsOfPage how many rows are seen at once
 * @returns ends it
 */
export function listenToGrid(grid: HTMLElement, table: ObjectTable, rowsOfPage: () => number): () => void {
  const onClick = (event: MouseEvent) => {
    const target = event.target instanceof Element ? event.target : null;
    const id = target?.closest<HTMLElement>("[data-object]")?.dataset.object;
    if (id === undefined) return;
    const isBox = target?.closest("input") !== null;
    const isToggle = isBox || event.ctrlKey || event.metaKey;
    table.choose(id, event.shiftKey ? "range" : isToggle ? "toggle" : "only");
    grid.focus({ preventScroll: true });
  };
  const onPress = (event: MouseEvent) => {
    // Shift would select the text between two rows.
    if (event.shiftKey) event.preventDefault();
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.target !== grid) return;
    const run = actionOf(event, table, rowsOfPage());
    if (run === undefined) return;
    event.preventDefault();
    run();
  };
  return listen(grid, { click: onClick, mousedown: onPress, keydown: onKey });
}

function actionOf(event: KeyboardEvent, table: ObjectTable, page: number): (() => void) | undefined {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.altKey) return undefined;
  if (event.ctrlKey || event.metaKey) return key === "a" ? () => table.selectShown() : undefined;
  const how: Selecting = event.shiftKey ? "range" : "only";
  const step = (by: number) => () => table.step(by, how);
  const { length } = table.shown.value;
  const actions: Readonly<Record<string, () => void>> = {
    ArrowDown: step(1),
    ArrowUp: step(-1),
    PageDown: step(page),
    PageUp: step(-page),
    Home: step(-length),
    End: step(length),
    Enter: step(0),
    " ": () => {
      const { value: current } = table.current;
      if (current !== null) table.choose(current, event.shiftKey ? "range" : "toggle");
    },
    Escape: () => table.clear(),
    a: () => table.judge("Accept", { review: "accepted" }, table.selected.value),
    x: () => table.judge("Reject", { review: "rejected" }, table.selected.value),
  };
  return actions[key];
}
