import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from "@preact/signals";
import * as z from "zod/mini";
import {
  type Box,
  type LabelledSquareEntry,
  type LayerEntry,
  type SlideDetail,
  type Suggestion,
  suggestionsSchema,
  type TeachingFrame,
  teachingFrameSchema,
  teachingLimits,
  teachingSchema,
} from "../../../contract/index.js";
import { isAbort, paths, request, requestJson } from "../../api/index.js";
import { keptSignal, showMessage, showProblem } from "../../interface/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { shownBounds } from "../../viewer/shown-bounds.js";
import type { Editor } from "../editing/editor.js";
import { squaresOf } from "./squares.js";

/** Milliseconds for which the view stands still before what it shows is computed. */
const REST = 200;

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
  /** Milliseconds that the last map took to be taught. */
  readonly milliseconds: ReadonlySignal<number | null>;
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
  const milliseconds = signal<number | null>(null);
  const map = signal<LayerEntry | null>(null);
  const suggestions = signal<readonly Suggestion[]>([]);
  const box = restingBox(viewer);
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
    const taught = await requestJson(teachingSchema, paths.teachings(slide), {
      method: "POST",
      body,
      signal: abort,
    });
    map.value = taught.layer;
    milliseconds.value = taught.milliseconds;
    status.value = "ready";
    viewer.announce(`The map is made of ${given.length} squares`);
  }

  async function goOn(shown: string, seen: Box, abort: AbortSignal): Promise<void> {
    const pixelSize = frame.peek()?.pixelSize ?? 1;
    suggestions.value = await suggested({ slide, map: shown }, seen, pixelSize * side.peek(), abort);
    const count = suggestions.value.length;
    if (count > 0) viewer.announce(`${count} suggestions: Y tumour, N not`);
    const around = tilesAround(seen, frame.peek(), viewer.slide.peek().size);
    if (around !== null) await prepared(slide, { run: run.peek(), box: around }, abort);
  }

  const ends = [
    abortable(() => {
      void run.value;
      if (!isActive.value) return null;
      return (abort) => learnFrame(abort).catch(fail);
    }),
    abortable(() => {
      // Features are computed while the first squares are clicked; afterwards the map's tiles ask for them.
      if (!isActive.value || frame.value === null || isTooFar.value || map.value !== null) return null;
      const place = { run: run.value, box: box.value };
      return (abort) => prepared(slide, place, abort).catch(fail);
    }),
    abortable(() => {
      void [taughtWith.value, run.value];
      if (!isActive.value) return null;
      suggestions.value = [];
      if (!canTeach(squares.peek())) {
        map.value = null;
        status.value = "collecting";
        return null;
      }
      return (abort) =>
        teach(abort).catch((thrown: unknown) => {
          if (isAbort(thrown)) return;
          status.value = "failed";
          fail(thrown);
        });
    }),
    abortable(() => {
      const [seen, shown] = [box.value, map.value];
      // A square that comes meanwhile goes before what nobody has asked for yet.
      if (!isActive.value || shown === null || status.value !== "ready" || isTooFar.value) return null;
      return (abort) => goOn(shown.id, seen, abort).catch(fail);
    }),
  ];
  return {
    ...{ squares, run, side, status, milliseconds, isTooFar, suggestions },
    size: computed(() => (frame.value === null ? null : frame.value.pixelSize * side.value)),
    layer: computed(() => (isTooFar.value ? null : map.value)),
    dispose() {
      for (const end of ends) end();
      box.dispose();
    },
  };
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

/** Has the server compute the features of a part of the slide. */
async function prepared(
  slide: string,
  body: { readonly run: string | null; readonly box: Box },
  signal: AbortSignal,
): Promise<void> {
  await request(paths.prepareTeaching(slide), { method: "POST", body, signal });
}

function fail(thrown: unknown): void {
  if (!isAbort(thrown)) showProblem(thrown);
}

/** Work that begins anew, the earlier one aborted, whenever the signals change that `begin` reads. */
function abortable(begin: () => ((signal: AbortSignal) => Promise<void>) | null): () => void {
  return effect(() => {
    const work = begin();
    if (work === null) return undefined;
    const controller = new AbortController();
    untracked(() => void work(controller.signal));
    return () => controller.abort();
  });
}

/** The part of the slide that is seen, once the view stands still. */
function restingBox(viewer: SlideViewer): ReadonlySignal<Box> & { dispose(): void } {
  const box = signal(seenBox(viewer));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = effect(() => {
    void viewer.view.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = seenBox(viewer);
      if (JSON.stringify(now) !== JSON.stringify(box.peek())) box.value = now;
    }, REST);
  });
  return Object.assign(box, {
    dispose() {
      clearTimeout(timer);
      end();
    },
  });
}

function seenBox(viewer: SlideViewer): Box {
  const { width, height } = viewer.slide.peek().size ?? { width: 0, height: 0 };
  const { left, top, right, bottom } = shownBounds(viewer);
  const [x, y] = [Math.max(0, Math.round(left)), Math.max(0, Math.round(top))];
  return {
    space: "level-0",
    x,
    y,
    width: Math.max(0, Math.min(width, Math.round(right)) - x),
    height: Math.max(0, Math.min(height, Math.round(bottom)) - y),
  };
}

/**
 * A part of a slide with a tile of what lies around it: whoever moves the slide is to find the map there. Null where that
 * is too much.
 */
function tilesAround(
  { x, y, width, height }: Box,
  frame: TeachingFrame | null,
  size: SlideDetail["size"],
): Box | null {
  if (frame === null || size === null) return null;
  const by = frame.tileSide;
  const [left, top] = [Math.max(0, Math.floor(x - by)), Math.max(0, Math.floor(y - by))];
  const right = Math.min(size.width, Math.ceil(x + width + by));
  const bottom = Math.min(size.height, Math.ceil(y + height + by));
  const around: Box = { space: "level-0", x: left, y: top, width: right - left, height: bottom - top };
  return tilesOf(around, frame) > teachingLimits.tiles ? null : around;
}

function tilesOf({ x, y, width, height }: Box, { tileSide }: TeachingFrame): number {
  const along = (start: number, length: number) =>
    length <= 0 ? 0 : Math.ceil((start + length) / tileSide) - Math.floor(start / tileSide);
  return along(x, width) * along(y, height);
}
