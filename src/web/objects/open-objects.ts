import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { type FoundObjects, foundObjectsSchema } from "../../contract/index.js";
import { paths, requestJson } from "../api/index.js";
import { abortable, showMessage } from "../interface/index.js";
import { workspaceRevision } from "../state/workspace.js";
import { type Editor, GRAB_RADIUS, objectAt, paintObjects } from "../tools/index.js";
import type { SlideViewer } from "../viewer/index.js";
import { ObjectTable } from "./object-table.js";

/** The object table of an open slide. */
export interface OpenObjects {
  readonly table: ObjectTable;
  dispose(): void;
}

/**
 * Keeps a slide and its table together: what is selected on one is selected in the other.
 * @param isShown whether the table is seen; what a run has found is fetched, and can be clicked, only then
 */
export function openObjects(
  viewer: SlideViewer,
  editor: Editor,
  isShown: ReadonlySignal<boolean>,
): OpenObjects {
  const found = signal<FoundObjects["found"]>([]);
  const table = new ObjectTable(editor, found, showMessage);
  const painter = viewer.addPainter((context) => {
    if (!isShown.peek()) return;
    const selection = table.selection.peek();
    const there = editor.store.objects.peek();
    const selected = found.peek().map(({ object }) => object);
    const shown = selected.filter(({ id }) => selection.has(id) && !there.has(id));
    paintObjects(context, viewer, shown, { selection, rejectedShown: true });
  });
  const ends = [
    fetchFound(viewer, found, isShown),
    followSelection(editor, table),
    selectFoundByClick(viewer, editor, table, isShown),
    effect(() => {
      void [table.selection.value, isShown.value];
      painter.repaint();
    }),
    () => painter.remove(),
  ];
  return {
    table,
    dispose() {
      for (const end of ends) end();
    },
  };
}

/** Fetches what a run has found, and again when there are other results. */
function fetchFound(
  viewer: SlideViewer,
  found: { value: FoundObjects["found"] },
  isShown: ReadonlySignal<boolean>,
): () => void {
  let revision: number | null = null;
  return abortable(() => {
    const now = workspaceRevision.value;
    if (!isShown.value || revision === now) return null;
    return async (signal) => {
      const path = paths.foundObjects(viewer.slide.peek().id);
      found.value = (await requestJson(foundObjectsSchema, path, { signal })).found;
      revision = now;
    };
  });
}

/** What is selected on the slide is the table's current row. */
function followSelection(editor: Editor, table: ObjectTable): () => void {
  return effect(() => {
    const [id, ...others] = editor.selection.value;
    if (id !== undefined && others.length === 0) table.follow(id);
  });
}

/** While nothing is drawn with, a click on what a run has found selects that, unless an annotation lies there. */
function selectFoundByClick(
  { openSeadragon, toSlide, view }: SlideViewer,
  editor: Editor,
  table: ObjectTable,
  isShown: ReadonlySignal<boolean>,
): () => void {
  const onClick = ({ position: { x, y }, quick }: { position: { x: number; y: number }; quick: boolean }) => {
    if (!quick || !isShown.peek() || editor.tool.peek() !== "select") return;
    const at = toSlide({ space: "screen", x, y });
    const within = GRAB_RADIUS / 2 / view.peek().zoom;
    const kept = [...editor.store.objects.peek().values()].filter(
      ({ review }) => editor.rejectedShown.peek() || review !== "rejected",
    );
    const others = table.shown.peek().filter(({ isKept }) => !isKept);
    const isTaken = objectAt(kept, at, within) !== null;
    const hit = isTaken
      ? null
      : objectAt(
          others.map(({ object }) => object),
          at,
          within,
        );
    table.selectFound(hit?.id ?? null);
  };
  openSeadragon.addHandler("canvas-click", onClick);
  return () => openSeadragon.removeHandler("canvas-click", onClick);
}
