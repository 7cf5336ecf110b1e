import { computed, type ReadonlySignal, type Signal, signal } from "@preact/signals";
import * as z from "zod/mini";
import {
  type Box,
  type LabelledSquareEntry,
  type LayerEntry,
  type Suggestion,
  suggestionsSchema,
  type TeachingFrame,
  type TeachingPreparation,
  teachingFrameSchema,
  teachingLimits,
  teachingSchema,
} from "../../../contract/index.js";
import { isAbort, paths, request, requestJson } from "../../api/index.js";
import { abortable, keptSignal, showMessage } from "../../interface/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import type { Editor } from "../editing/editor.js";
import { restingBox, tilesAround, tilesOf } from "./seen-part.js";
import { placeOf, squaresOf } from "./squares.js";
import { openTaughtMap } from "./taught-map.js";

/** How teaching stands. */
export type TeachingStatus = "collecting" | "teaching" | "ready" | "failed";

/** What squares of the open slide teach, and what is seen of it. */
export interface TeachSession {
  readonly squares: ReadonlySignal<readonly LabelledSquareEntry[]>;
  /** Run that is taught; null for a new head. */
  readonly run: Signal<string | null>;
  /** Side of the next square in pixels of what is looked at. */
  readonly side: Signal<number>;
  /** The same in level-0 pixels; null until the slide is known. */
  readonly size: ReadonlySignal<number | null>;
  readonly status: ReadonlySignal<TeachingStatus>;
  /** Whether the map that is shown is one that a better one follows. */
  readonly isDraft: ReadonlySignal<boolean>;
  /** Whether too much of the slide is seen for a map. */
  readonly isTooFar: ReadonlySignal<boolean>;
  /** The map; null while there is none to be shown. */
  readonly layer: ReadonlySignal<LayerEntry | null>;
  /** Where the map is least sure, the least sure first. */
  readonly suggestions: ReadonlySignal<readonly Suggestion[]>;
  dispose(): void;
}

/** Whether there are squares enough, of both kinds. */
export function canTeach(squares: readonly LabelledSquareEntry[]): boolean {
  return squares.length >= teachingLimits.first && new Set(squares.map(({ tumour }) => tumour)).size === 2;
}

const { leastSide, mostSide, usualSide } = teachingLimits;

/** Teaches while the tool is active: with every square that comes, changes or goes. */
export function openTeachSession(viewer: SlideViewer, editor: Editor): TeachSession {
  const slide = viewer.slide.peek().id;
  const squares = computed(() => squaresOf(editor.store.objects.value.values()));
  const taughtWith = computed(() => JSON.stringify(squares.value));
  const isActive = computed(() => editor.tool.value === "teach");
  const run = signal<string | null>(null);
  const side = keptSignal("square-side", z.number().check(z.gte(leastSide), z.lte(mostSide)), usualSide);
  const frame = signal<TeachingFrame | null>(null);
  const status = signal<TeachingStatus>("collecting");
  const map = openTaughtMap(viewer);
  const suggestions = signal<readonly Suggestion[]>([]);
  const box = restingBox(viewer);
  /** The map, and the place on it, that suggestions were last made for. */
  let looked: string | null = null;
  const isTooFar = computed(
    () => frame.value !== null && tilesOf(box.value, frame.value) > teachingLimits.tiles,
  );
  async function learnFrame(signal: AbortSignal): Promise<void> {
    frame.value = await requestJson(teachingFrameSchema, paths.teaching(slide, run.peek()), { signal });
    for (const warning of frame.value.warnings) showMessage(`${warning}.`);
  }

  async function teach(abort: AbortSignal): Promise<void> {
    const given = squares.peek();
    status.value = "teaching";
    const body = { run: run.peek(), squares: given };
    const options = { method: "POST", body, signal: abort } as const;
    const taught = await requestJson(teachingSchema, paths.teachings(slide), options);
    map.show(taught);
    status.value = "ready";
    viewer.announce(`The map is made of ${given.length} squares`);
  }

  async function goOn(shown: string, seen: Box, abort: AbortSignal): Promise<void> {
    const pixelSize = frame.peek()?.pixelSize ?? 1;
    suggestions.value = await suggested({ slide, map: shown }, seen, pixelSize * side.peek(), abort);
    const count = suggestions.value.length;
    if (count > 0) viewer.announce(`${count} suggestions: Y tumour, N not`);
    const next = [...squares.peek(), ...suggestions.peek()].map(placeOf);
    await prepared(slide, { run: run.peek(), squares: next }, abort);
    const around = tilesAround(seen, frame.peek(), viewer.slide.peek().size);
    if (around !== null) await prepared(slide, { run: run.peek(), box: around }, abort);
  }

  const ends = [
    abortable(() => {
      void run.value;
      return isActive.value ? learnFrame : null;
    }),
    ...prepareFirst({ slide, isActive, frame, squares, taughtWith, run, box, isTooFar, map: map.shown }),
    abortable(() => {
      void [taughtWith.value, run.value];
      if (!isActive.value) return null;
      suggestions.value = [];
      map.keepDraft();
      looked = null;
      if (!canTeach(squares.peek())) {
        map.hide();
        status.value = "collecting";
        return null;
      }
      return (abort) =>
        teach(abort).catch((thrown: unknown) => {
          if (!isAbort(thrown)) status.value = "failed";
          throw thrown;
        });
    }),
    abortable(() => {
      const [seen, shown] = [box.value, map.shown.value];
      // The map itself, and a square that comes meanwhile, go before what nobody has asked for yet.
      if (!isActive.value || shown === null || status.value !== "ready" || isTooFar.value) return null;
      const place = JSON.stringify([shown.id, seen]);
      if (viewer.loading.value || place === looked || map.isDraft.value) return null;
      return async (abort) => {
        await goOn(shown.id, seen, abort);
        looked = place;
      };
    }),
  ];
  return {
    ...{ squares, run, side, status, isTooFar, suggestions },
    isDraft: map.isDraft,
    size: computed(() => (frame.value === null ? null : frame.value.pixelSize * side.value)),
    layer: computed(() => (isTooFar.value ? null : map.shown.value)),
    dispose() {
      for (const end of ends) end();
      map.dispose();
      box.dispose();
    },
  };
}

/** What a session knows before its first map. */
interface BeforeMap {
  readonly slide: string;
  readonly isActive: ReadonlySignal<boolean>;
  readonly frame: ReadonlySignal<TeachingFrame | null>;
  readonly squares: ReadonlySignal<readonly LabelledSquareEntry[]>;
  readonly taughtWith: ReadonlySignal<string>;
  readonly run: ReadonlySignal<string | null>;
  readonly box: ReadonlySignal<Box>;
  readonly isTooFar: ReadonlySignal<boolean>;
  readonly map: ReadonlySignal<LayerEntry | null>;
}

/** Has features computed while the first squares are clicked, so that the first map costs no more than later ones. */
function prepareFirst(before: BeforeMap): (() => void)[] {
  const { slide, isActive, frame, squares, taughtWith, run, box, isTooFar, map } = before;
  return [
    abortable(() => {
      // Afterwards the map's tiles ask for them.
      if (!isActive.value || frame.value === null || isTooFar.value || map.value !== null) return null;
      const place = { run: run.value, box: box.value };
      return (abort) => prepared(slide, place, abort);
    }),
    abortable(() => {
      // The first lesson finds what its squares look like; those of later ones are few.
      void taughtWith.value;
      const [given, of] = [squares.peek(), run.value];
      if (!isActive.value || frame.value === null || given.length === 0 || canTeach(given)) return null;
      return (abort) => prepared(slide, { run: of, squares: given.map(placeOf) }, abort);
    }),
  ];
}

async function suggested(
  { slide, map }: { readonly slide: string; readonly map: string },
  box: Box,
  size: number,
  signal: AbortSignal,
): Promise<readonly Suggestion[]> {
  const body = { box, size };
  return requestJson(suggestionsSchema, paths.suggestions(slide, map), { method: "POST", body, signal });
}

/** Has the server compute the features of squares, or of a part of the slide. */
async function prepared(slide: string, body: TeachingPreparation, signal: AbortSignal): Promise<void> {
  await request(paths.prepareTeaching(slide), { method: "POST", body, signal });
}
