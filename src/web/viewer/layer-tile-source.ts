import type OpenSeadragon from "openseadragon";
import type { LayerEntry } from "../../contract/index.js";
import { canvasContext } from "./canvas.js";
import type { ColourMapName } from "./colour-maps.js";
import { colourPicture, type GreyPicture } from "./colouring.js";
import { GridTileSource } from "./grid-tile-source.js";

/** Tiles of an overlay: grey from the server, coloured here. */
export class LayerTileSource extends GridTileSource {
  readonly #layer: LayerEntry;
  readonly #downloads = new WeakMap<OpenSeadragon.ImageJob, AbortController>();
  /** Set another one, then reset the tiled image: tiles come from the browser's cache and are coloured anew. */
  map: ColourMapName;

  constructor(
    layer: LayerEntry,
    map: ColourMapName,
    urlOf: (level: number, column: number, row: number) => string,
  ) {
    super(layer.levels, urlOf);
    this.#layer = layer;
    this.map = map;
  }

  /** Whether tiles cost so much that only those that are seen are asked for. */
  get isComputed(): boolean {
    return this.#layer.isComputed === true;
  }

  override hasTransparency(): boolean {
    return true;
  }

  override getTileHashKey(_level: number, _column: number, _row: number, url: string): string {
    return `${url}#${this.map}`;
  }

  override downloadTileStart(job: OpenSeadragon.ImageJob): void {
    const controller = new AbortController();
    this.#downloads.set(job, controller);
    this.#download(job.src, controller.signal).then(
      (context) => job.finish(context, null, "context2d"),
      (cause: unknown) => job.fail(cause instanceof Error ? cause.message : String(cause), null),
    );
  }

  override downloadTileAbort(job: OpenSeadragon.ImageJob): void {
    this.#downloads.get(job)?.abort();
  }

  async #download(url: string, signal: AbortSignal): Promise<CanvasRenderingContext2D> {
    const grey = await greyPicture(url, signal);
    return colouredContext(grey, this.map, this.#layer.kind);
  }
}

/** Fetches an 8-bit grey PNG. @throws Error with the status when the server refuses it */
export async function greyPicture(url: string, signal?: AbortSignal): Promise<GreyPicture> {
  const response = await fetch(url, signal === undefined ? {} : { signal });
  if (!response.ok) throw new Error(`${url} was answered with ${response.status}`);
  // Grey levels are data: no colour profile and no premultiplication may touch them.
  const bitmap = await createImageBitmap(await response.blob(), {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const context = canvasContext(width, height, { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { data } = context.getImageData(0, 0, width, height);
  return {
    width,
    height,
    levels: Uint8ClampedArray.from({ length: width * height }, (_, i) => data[i * 4] ?? 0),
  };
}

/** A canvas that holds a coloured picture. */
export function colouredContext(
  grey: GreyPicture,
  map: ColourMapName,
  kind: LayerEntry["kind"],
): CanvasRenderingContext2D {
  const { width, height } = grey;
  const context = canvasContext(width, height, { willReadFrequently: true });
  context.putImageData(new ImageData(colourPicture(grey, map, kind), width, height), 0, 0);
  return context;
}
