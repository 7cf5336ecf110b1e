import { RecentlyUsed } from "../../common/portable.js";
import type { LayerEntry, LevelEntry } from "../../contract/index.js";
import { isAbort, paths } from "../api/index.js";
import { showProblem } from "../interface/index.js";
import { canvasContext } from "../viewer/canvas.js";
import {
  type GreyPicture,
  greyPicture,
  palette,
  type SlideViewer,
  shownBounds,
  tilesWithin,
  toLevel0,
} from "../viewer/index.js";

/** Tiles that are kept; of 512 pixels a side they take 16 MB, and as much again as they are drawn. */
const KEPT_TILES = 64;
/** Opacity of what is called tumour, 0 to 255. */
const OPACITY = 120;

interface KeptTile {
  readonly grey: GreyPicture;
  readonly context: CanvasRenderingContext2D;
  /** The threshold that the canvas shows. */
  threshold: number;
}

/** Paints what of a map is at or above a threshold, from its own tiles, so that it follows a slider. */
export class ThresholdPainter {
  readonly #viewer: SlideViewer;
  readonly #repaint: () => void;
  readonly #tiles = new RecentlyUsed<string, KeptTile>({ limit: KEPT_TILES });
  readonly #asked = new Set<string>();
  #request = new AbortController();

  /** @param repaint called when a tile has come */
  constructor(viewer: SlideViewer, repaint: () => void) {
    this.#viewer = viewer;
    this.#repaint = repaint;
  }

  paint(context: CanvasRenderingContext2D, layer: LayerEntry, threshold: number): void {
    const { zoom } = this.#viewer.view.peek();
    const index = levelFor(layer.levels, zoom * devicePixelRatio);
    const level = layer.levels[index];
    if (level === undefined) return;
    context.save();
    toLevel0(context, this.#viewer);
    context.imageSmoothingEnabled = false;
    for (const { column, row, place } of tilesWithin(level, shownBounds(this.#viewer))) {
      const url = paths.layerTile(this.#viewer.slide.peek().id, layer.id, index, column, row);
      const tile = this.#tiles.get(url);
      if (tile === undefined) this.#fetch(url);
      else context.drawImage(drawn(tile, threshold), place.x, place.y, place.width, place.height);
    }
    context.restore();
  }

  dispose(): void {
    this.#request.abort();
  }

  #fetch(url: string): void {
    if (this.#asked.has(url)) return;
    this.#asked.add(url);
    greyPicture(url, this.#request.signal).then(
      (grey) => {
        this.#asked.delete(url);
        this.#tiles.set(url, { grey, context: canvasContext(grey.width, grey.height), threshold: -1 });
        this.#repaint();
      },
      // What could not be had is not asked for again: the next view may need others.
      (thrown: unknown) => {
        if (!isAbort(thrown)) showProblem(thrown);
      },
    );
  }
}

/** The coarsest level that has a pixel for each of the screen's, or else the finest. */
function levelFor(levels: readonly LevelEntry[], zoom: number): number {
  const fine = levels.findLastIndex(({ downsample }) => downsample * zoom <= 1);
  return Math.max(0, fine);
}

function drawn(tile: KeptTile, threshold: number): HTMLCanvasElement {
  const { context } = tile;
  if (tile.threshold === threshold) return context.canvas;
  const { width, height, levels } = tile.grey;
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  const [red, green, blue] = palette.sky;
  const colour = new Uint32Array(Uint8Array.of(red, green, blue, OPACITY).buffer)[0] ?? 0;
  for (let at = 0; at < levels.length; at++) if ((levels[at] ?? 0) >= threshold) pixels[at] = colour;
  context.putImageData(image, 0, 0);
  tile.threshold = threshold;
  return context.canvas;
}
