/** Changes red, green and blue of RGBA pixels in place. */
import { canvasContext } from "./canvas.js";
export type PixelChange = (pixels: Uint8ClampedArray) => void;

interface ChangedTile {
  readonly context: CanvasRenderingContext2D;
  change: PixelChange;
}

/**
 * Tiles as they are shown when their pixels are changed for the screen: each is changed once, when it is first drawn,
 * so that moving the slide costs nothing. The tiles themselves stay as they came.
 */
export class ChangedTiles {
  #changed = new WeakMap<CanvasRenderingContext2D, ChangedTile>();
  #change: PixelChange | null = null;

  /** @param change null shows tiles as they are */
  set(change: PixelChange | null): void {
    this.#change = change;
    if (change === null) this.#changed = new WeakMap();
  }

  /** The tile to draw instead of another. */
  of(tile: CanvasRenderingContext2D): CanvasRenderingContext2D {
    const change = this.#change;
    if (change === null) return tile;
    const known = this.#changed.get(tile);
    if (known?.change === change) return known.context;
    const { width, height } = tile.canvas;
    const context = known?.context ?? canvasContext(width, height);
    const image = tile.getImageData(0, 0, width, height);
    change(image.data);
    context.putImageData(image, 0, 0);
    this.#changed.set(tile, { context, change });
    return context;
  }
}
