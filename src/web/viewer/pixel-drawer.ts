import OpenSeadragon from "openseadragon";
import { ChangedTiles } from "./changed-tiles.js";
import { LayerTileSource } from "./layer-tile-source.js";

/**
 * Draws tiles on whole pixels of the screen. OpenSeadragon's canvas drawer makes each tile a pixel larger to hide the
 * seams between them, which blurs a slide at its own resolution and moves it by half a pixel. Here both edges of a
 * tile are rounded, as its neighbour's are, so that tiles meet and level-0 pixels stay sharp at 1 : 1. Slides that
 * are turned by odd angles keep OpenSeadragon's way.
 */
export class PixelDrawer extends OpenSeadragon.CanvasDrawer {
  /** What is made of the slide's own tiles; those of layers keep their colours. */
  readonly changed = new ChangedTiles();

  /** Asked by OpenSeadragon for each tile: whether it is to be made a pixel larger. */
  minimumOverlapRequired(): boolean {
    return this.viewport.getRotation(true) % 90 !== 0;
  }

  /** Asked before each tile is drawn; the last moment to place it. */
  override getDataToDraw(tile: OpenSeadragon.Tile): ReturnType<OpenSeadragon.CanvasDrawer["getDataToDraw"]> {
    const { position, size } = tile;
    if (position !== null && size !== null && !this.minimumOverlapRequired()) {
      const [left, top] = [onPixel(position.x), onPixel(position.y)];
      const [right, bottom] = [onPixel(position.x + size.x), onPixel(position.y + size.y)];
      tile.position = new OpenSeadragon.Point(left, top);
      tile.size = new OpenSeadragon.Point(right - left, bottom - top);
    }
    const data = super.getDataToDraw(tile);
    return data === undefined || tile.tiledImage?.source instanceof LayerTileSource
      ? data
      : this.changed.of(data);
  }
}

/** The nearest edge of a pixel of the screen, in CSS pixels. */
function onPixel(value: number): number {
  return Math.round(value * OpenSeadragon.pixelDensityRatio) / OpenSeadragon.pixelDensityRatio;
}
