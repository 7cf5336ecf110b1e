import { batch, computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import { type EditChange, editLimits, type FoundObjects } from "../../contract/index.js";
import type { PixelSize } from "../../geometry/index.js";
import { titleOf } from "../tools/editing/classes.js";
import type { Editor } from "../tools/editing/editor.js";
import { judgements, type Saying } from "../tools/editing/judgements.js";
import { boundsOfShape, shapeOf } from "../tools/geometry/shapes.js";
import type { SlideViewer } from "../viewer/handle.js";
import { type ObjectRow, rowsOf } from "./object-row.js";
import {
  filtered,
  noFilter,
  ordered,
  type RowFilter,
  type RowOrder,
  stateOf,
  stateTexts,
} from "./row-order.js";

/** Share of a request that changes may take: their author's name comes to each. */
const REQUEST_SHARE = 0.9;

/** What the table needs of an open slide. */
export interface TableEditor extends Pick<Editor, "select"> {
  readonly viewer: Pick<SlideViewer, "announce" | "flyTo"> & {
    readonly slide: ReadonlySignal<{ readonly micronsPerPixel: PixelSize | null }>;
  };
  readonly store: Pick<Editor["store"], "objects" | "edit">;
  readonly selection: ReadonlySignal<ReadonlySet<string>>;
}

/** What a choice of a row does to those that are selected. */
export type Selecting = "only" | "toggle" | "range";

/** The annotations of a slide and what a run has found on it, as a table. */
export class ObjectTable {
  readonly #editor: TableEditor;
  readonly #refuse: (why: string) => void;
  readonly #found: ReadonlySignal<FoundObjects["found"]>;
  /** Selected rows that are not brought in; annotations are selected in the editor. */
  readonly #selectedFound = signal<ReadonlySet<string>>(new Set());
  /** Where a range begins. */
  #anchor: string | null = null;

  readonly filter: Signal<RowFilter> = signal(noFilter);
  readonly order: Signal<RowOrder> = signal({ column: "area", isDescending: true });
  /** The row that the keyboard is at. */
  readonly current: Signal<string | null> = signal(null);
  readonly rows: ReadonlySignal<readonly ObjectRow[]>;
  /** What the filter lets through, in order. */
  readonly shown: ReadonlySignal<readonly ObjectRow[]>;
  /** Place of each shown row, by id. */
  readonly places: ReadonlySignal<ReadonlyMap<string, number>>;
  readonly selection: ReadonlySignal<ReadonlySet<string>>;
  readonly selected: ReadonlySignal<readonly ObjectRow[]>;

  /** @param refuse tells why something is not done */
  constructor(
    editor: TableEditor,
    found: ReadonlySignal<FoundObjects["found"]>,
    refuse: (why: string) => void,
  ) {
    this.#refuse = refuse;
    this.#editor = editor;
    this.#found = found;
    this.rows = computed(() => rowsOf(editor.store.objects.value, found.value));
    this.shown = computed(() => {
      const passed = filtered(this.rows.value, this.filter.value, this.resolution);
      return ordered(passed, this.order.value, this.resolution);
    });
    this.places = computed(() => new Map(this.shown.value.map(({ object }, place) => [object.id, place])));
    this.selection = computed(() => {
      const there = editor.store.objects.value;
      const others = [...this.#selectedFound.value].filter((id) => !there.has(id));
      return new Set([...editor.selection.value, ...others]);
    });
    this.selected = computed(() =>
      this.rows.value.filter(({ object }) => this.selection.value.has(object.id)),
    );
  }

  get resolution(): PixelSize | null {
    return this.#editor.viewer.slide.value.micronsPerPixel;
  }

  /** Orders by a column; by the same again the other way round. Figures begin with the largest. */
  orderBy(column: RowOrder["column"]): void {
    const before = this.order.value;
    const isFigure = column === "area" || column === "diameter" || column === "probability";
    const isDescending = before.column === column ? !before.isDescending : isFigure;
    this.order.value = { column, isDescending };
    this.#editor.viewer.announce(`Ordered by ${column}, ${isDescending ? "descending" : "ascending"}`);
  }

  /** Chooses a row as a pointer or the keyboard does; the only one chosen comes into view on the slide. */
  choose(id: string, how: Selecting): void {
    const row = this.#shownRow(id);
    if (row === undefined) return;
    this.current.value = id;
    if (how === "range") {
      this.#select(this.#range(this.#anchor ?? id, id));
      this.#tellCount();
      return;
    }
    this.#anchor = id;
    if (how === "toggle") {
      const next = new Set(this.selection.value);
      if (!next.delete(id)) next.add(id);
      this.#select(next);
      this.#tellCount();
      return;
    }
    this.#select([id]);
    const bounds = boundsOfShape(shapeOf(row.object));
    if (bounds === null) return;
    const { left, top, right, bottom } = bounds;
    this.#editor.viewer.flyTo({ x: left, y: top, width: right - left, height: bottom - top });
    this.#editor.viewer.announce(`${titleOf(row.object)}, ${stateTexts[stateOf(row)]}`);
  }

  /** Goes on from the current row, at most to the ends; with `range` what lies between is selected too. */
  step(by: number, how: Exclude<Selecting, "toggle">): void {
    const { value: shown } = this.shown;
    const at = this.places.value.get(this.current.value ?? "");
    const to = at === undefined ? (by > 0 ? 0 : shown.length - 1) : at + by;
    const row = shown[Math.max(0, Math.min(shown.length - 1, to))];
    if (row !== undefined) this.choose(row.object.id, how);
  }

  selectShown(): void {
    this.#select(this.shown.value.map(({ object }) => object.id));
    this.#tellCount();
  }

  clear(): void {
    this.#select([]);
  }

  /** Something was selected on the slide: its row becomes the current one. */
  follow(id: string): void {
    this.#anchor = id;
    this.current.value = id;
  }

  /** What a batch is done to: what is selected, else all that is shown. */
  get scope(): readonly ObjectRow[] {
    return this.selected.value.length > 0 ? this.selected.value : this.shown.value;
  }

  /**
   * Says something of rows as one edit, which one undo takes back; what is not brought in is with that.
   * What is too much for one edit is refused, and told.
   */
  judge(verb: string, saying: Saying, rows: readonly ObjectRow[]): void {
    const kept = rows.filter(({ isKept }) => isKept).map(({ object }) => object);
    const others = rows.filter(({ isKept }) => !isKept);
    const changes: EditChange[] = [
      ...judgements(kept, saying),
      ...others.map(
        ({ object }): EditChange => ({
          type: "add",
          object: {
            ...object,
            review: saying.review ?? object.review,
            classification:
              saying.classification === undefined ? object.classification : saying.classification,
          },
        }),
      ),
    ];
    const tooMuch = refusalOf(changes);
    if (tooMuch !== null) {
      this.#refuse(tooMuch);
      return;
    }
    const what = countText(rows.length);
    if (changes.length === 0) {
      this.#editor.viewer.announce(`Nothing to change in ${what}`);
      return;
    }
    const before = this.selection.value;
    batch(() => {
      this.#editor.store.edit(`${verb} ${what}`, changes);
      // What was brought in is now an annotation, and stays selected.
      this.#select(before);
    });
    this.#editor.viewer.announce(`${verb} ${what}: done as one step, which Undo takes back`);
  }

  #shownRow(id: string): ObjectRow | undefined {
    return this.shown.value[this.places.value.get(id) ?? -1];
  }

  #range(from: string, to: string): string[] {
    const places = this.places.value;
    const last = places.get(to) ?? 0;
    const first = places.get(from) ?? last;
    return this.shown.value
      .slice(Math.min(first, last), Math.max(first, last) + 1)
      .map(({ object }) => object.id);
  }

  #select(ids: Iterable<string>): void {
    const there = this.#editor.store.objects.value;
    const all = [...ids];
    const others = new Set(this.#found.value.map(({ object }) => object.id));
    batch(() => {
      this.#editor.select(all.filter((id) => there.has(id)));
      this.#selectedFound.value = new Set(all.filter((id) => !there.has(id) && others.has(id)));
    });
  }

  /** Selects a row that is not brought in, or none such; annotations stay selected as they are. */
  selectFound(id: string | null): void {
    this.#selectedFound.value = new Set(id === null ? [] : [id]);
    if (id !== null) this.follow(id);
  }

  #tellCount(): void {
    this.#editor.viewer.announce(`${this.selection.value.size.toLocaleString("en")} selected`);
  }
}

export function countText(count: number): string {
  return count === 1 ? "1 object" : `${count.toLocaleString("en")} objects`;
}

/** Why the server would refuse changes; null when it takes them. */
function refusalOf(changes: readonly EditChange[]): string | null {
  const advice = "Narrow the filter and do it in several steps.";
  if (changes.length > editLimits.changes) {
    return `${countText(changes.length)} are too many for one step: ${countText(editLimits.changes)} at most. ${advice}`;
  }
  const bytes = new TextEncoder().encode(JSON.stringify(changes)).length;
  const most = editLimits.bytes * REQUEST_SHARE;
  if (bytes <= most) return null;
  const mebibytes = (value: number) => `${Math.round(value / 2 ** 20)} MiB`;
  return `The outlines of ${countText(changes.length)} are too much for one step: ${mebibytes(bytes)} of ${mebibytes(most)}. ${advice}`;
}
