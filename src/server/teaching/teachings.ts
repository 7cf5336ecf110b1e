import { join } from "node:path";
import { EpSamError, hashBytes, RecentlyUsed } from "../../common/index.js";
import {
  type Box,
  type LayerEntry,
  type TeachingFrame,
  type TeachingPreparation,
  type TeachingRequest,
  teachingLimits,
} from "../../contract/index.js";
import { MAP_STEP, TILE_SIDE, type ViewCount } from "../../inference/index.js";
import type { ServerContext } from "../context.js";
import type { Layer } from "../layers/layer.js";
import { fileVersion } from "../open-slides.js";
import { tilePlace } from "../tile-place.js";
import type { WorkspaceSlide } from "../workspace/workspace.js";
import { TeachingProcess } from "./teaching-process.js";
import type { Lesson, TeachingResults } from "./work.js";

/** Taught maps and drafts whose tiles can be asked for: each click makes one of both. */
const KEPT = 128;

type Frame = TeachingResults["frame"];

interface KeptTeaching {
  readonly slide: string;
  readonly lesson: Lesson;
  readonly squares: TeachingRequest["squares"];
  readonly layer: Layer;
}

/** What squares have taught on the slides of the workspace: maps whose tiles are made when they are looked at. */
export class Teachings {
  readonly #context: ServerContext;
  readonly #process = new TeachingProcess();
  readonly #kept = new RecentlyUsed<string, KeptTeaching>({ limit: KEPT });

  constructor(context: ServerContext) {
    this.#context = context;
    context.signal.addEventListener("abort", () => this.#process.close(), { once: true });
  }

  /** How squares lie on a slide. @throws EpSamError `slide` when it cannot be read at the run's resolution */
  async frame(slide: WorkspaceSlide, run: string | null, signal: AbortSignal): Promise<TeachingFrame> {
    const { mpp, pixelSize } = await this.#frame(await this.#lesson(slide, run), signal);
    const warnings =
      mpp === null
        ? [`${slide.name} tells no microns per pixel: it is looked at as it is, whatever its magnification`]
        : [];
    return { pixelSize, mpp, tileSide: TILE_SIDE * pixelSize, warnings };
  }

  /**
   * Computes the features of squares, and of a part of a slide, tile by tile, nearest to its middle first.
   * @throws EpSamError `usage` when the part is too large
   */
  async prepare(
    slide: WorkspaceSlide,
    { run, box, squares = [] }: TeachingPreparation,
    signal: AbortSignal,
  ): Promise<void> {
    const lesson = await this.#lesson(slide, run);
    const frame = await this.#frame(lesson, signal);
    if (squares.length > 0) await this.#process.run({ kind: "prepare-squares", lesson, squares }, signal);
    if (box === undefined) return;
    const tiles = tilesIn(box, frame);
    // What a draft is made of comes first.
    for (const views of [1, 2] as const) {
      for (const place of tiles) {
        await this.#process.run({ kind: "prepare", lesson, place, views }, signal);
      }
    }
  }

  /** Teaches, and gives the map and its draft as layers. @throws EpSamError `usage` without squares of both kinds */
  async teach(
    slide: WorkspaceSlide,
    { run, squares }: TeachingRequest,
    signal: AbortSignal,
  ): Promise<{ readonly id: string; readonly layer: LayerEntry; readonly draft: LayerEntry }> {
    const lesson = await this.#lesson(slide, run);
    const frame = await this.#frame(lesson, signal);
    await this.#process.run({ kind: "teach", lesson, squares }, signal);
    const hash = hashBytes(JSON.stringify([lesson, squares])).slice(0, 32);
    const made = (id: string, views: ViewCount): LayerEntry => {
      const layer = this.#layerOf({ id, lesson, squares, views }, frame);
      this.#kept.set(id, { slide: slide.id, lesson, squares, layer });
      return layer.entry;
    };
    const id = `teaching-${hash}`;
    return { id, draft: made(`teaching-draft_${hash}`, 1), layer: made(id, 2) };
  }

  /** The layer of a map; undefined when there is none such on the slide. */
  layer(slide: string, id: string): Layer | undefined {
    const kept = this.#kept.get(id);
    return kept?.slide === slide ? kept.layer : undefined;
  }

  /** Squares in a box of which the map is least sure. @throws EpSamError `not-found` for a map that is not kept */
  async suggest(
    slide: WorkspaceSlide,
    id: string,
    { box, size }: { readonly box: Box; readonly size: number },
    signal: AbortSignal,
  ): Promise<TeachingResults["suggest"]> {
    const kept = this.#kept.get(id);
    if (kept === undefined || kept.slide !== slide.id) {
      throw new EpSamError("not-found", {
        where: id,
        what: "this map is not kept any longer",
        action: "Click a square: it is made anew.",
      });
    }
    const { lesson, squares } = kept;
    tilesIn(box, await this.#frame(lesson, signal));
    return this.#process.run({ kind: "suggest", lesson, squares, box, size }, signal);
  }

  async #lesson({ path }: WorkspaceSlide, id: string | null): Promise<Lesson> {
    const run = id === null ? null : this.#context.workspace.run(id).root;
    const versions = [path, ...(run === null ? [] : [join(run, "run.json")])].map(fileVersion);
    return { slide: path, run, version: (await Promise.all(versions)).join() };
  }

  #frame(lesson: Lesson, signal: AbortSignal): Promise<Frame> {
    return this.#process.run({ kind: "frame", lesson }, signal);
  }

  #layerOf(
    {
      id,
      lesson,
      squares,
      views,
    }: Pick<KeptTeaching, "lesson" | "squares"> & { id: string; views: ViewCount },
    { extent, pixelSize }: Frame,
  ): Layer {
    const level = {
      width: Math.ceil(extent.width / MAP_STEP),
      height: Math.ceil(extent.height / MAP_STEP),
      downsample: MAP_STEP * pixelSize,
      tileWidth: TILE_SIDE / MAP_STEP,
      tileHeight: TILE_SIDE / MAP_STEP,
    };
    return {
      entry: {
        id,
        kind: "probability",
        title: "Taught with squares",
        origin: `${squares.length} squares`,
        levels: [level],
        values: "fraction",
        isComputed: true,
      },
      readTile: (_level, column, row, signal) => {
        tilePlace(level, column, row);
        return this.#process.run({ kind: "map", lesson, squares, place: { column, row }, views }, signal);
      },
    };
  }
}

/** Tiles that a box touches, nearest to its middle first. @throws EpSamError `usage` when there are too many */
function tilesIn(
  box: Pick<Box, "x" | "y" | "width" | "height">,
  { extent, pixelSize }: Frame,
): { readonly column: number; readonly row: number }[] {
  const side = TILE_SIDE * pixelSize;
  const along = (start: number, length: number, limit: number) => {
    const first = Math.max(0, Math.floor(start / side));
    const last = Math.min(Math.ceil(limit / TILE_SIDE), Math.ceil((start + length) / side));
    return Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
  };
  const [columns, rows] = [along(box.x, box.width, extent.width), along(box.y, box.height, extent.height)];
  if (columns.length * rows.length > teachingLimits.tiles) {
    throw new EpSamError("usage", {
      what: "this is too much of the slide to be looked at at once",
      why: `it has ${columns.length * rows.length} tiles of ${TILE_SIDE} pixels, and ${teachingLimits.tiles} are the most`,
      action: "Zoom in.",
    });
  }
  const [middleX, middleY] = [(box.x + box.width / 2) / side - 0.5, (box.y + box.height / 2) / side - 0.5];
  const distance = ({ column, row }: { readonly column: number; readonly row: number }) =>
    Math.hypot(column - middleX, row - middleY);
  return rows
    .flatMap((row) => columns.map((column) => ({ column, row })))
    .sort((one, other) => distance(one) - distance(other));
}
