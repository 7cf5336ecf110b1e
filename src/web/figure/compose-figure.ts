import type { LayerEntry } from "../../contract/index.js";
import { paths, request } from "../api/index.js";
import type { LayerSetting } from "../routing/hash-link.js";
import { canvasContext } from "../viewer/canvas.js";
import {
  colouredContext,
  greyPicture,
  type OpenViewer,
  type PixelChange,
  scaleBar,
  shownBounds,
  toLevel0,
} from "../viewer/index.js";
import { drawLegend } from "./draw-legend.js";
import { legendRows } from "./legend-rows.js";
import { type PyramidSource, pyramidPicture } from "./pyramid-picture.js";

/** What a figure shows beside the slide. */
export interface FigureOptions {
  /** Pixels of the figure per CSS pixel of the view. */
  readonly ratio: number;
  /** The layers that are shown, with their opacity and colours. */
  readonly layers: readonly LayerSetting[];
  readonly hasScaleBar: boolean;
  /** Whether the names and colours of the layers stand in it. */
  readonly hasLegend: boolean;
  /** What is done to the slide's own pixels; null for nothing. */
  readonly change: PixelChange | null;
}

/** CSS pixels of the longest bar, and of the room around it. */
const LONGEST_BAR = 0.25;
const MARGIN = 14;

/**
 * Draws the view anew at another resolution: slide, layers, annotations and whatever else lies over it, scale bar.
 * @throws what fetching a tile throws
 */
export async function composeFigure(viewer: OpenViewer, options: FigureOptions): Promise<HTMLCanvasElement> {
  const { ratio } = options;
  const { clientWidth, clientHeight } = viewer.element;
  const context = canvasContext(Math.round(clientWidth * ratio), Math.round(clientHeight * ratio));
  const { canvas } = context;
  context.fillStyle = "white";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.scale(ratio, ratio);
  const scale = viewer.view.value.zoom * ratio;
  for (const { source, opacity } of sourcesOf(viewer, options)) {
    const { canvas: picture, place } = await pyramidPicture(source, shownBounds(viewer), scale);
    context.save();
    toLevel0(context, viewer);
    context.setTransform(
      onPixels(
        context
          .getTransform()
          .translate(place.x, place.y)
          .scale(1 / scale),
      ),
    );
    context.globalAlpha = opacity;
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, 0, 0);
    context.restore();
  }
  viewer.paintOverlays(context);
  if (options.hasScaleBar) drawScaleBar(context, viewer);
  if (options.hasLegend) drawLegend(context, legendRows(viewer.slide.value.layers, options.layers));
  return canvas;
}

/** Moves a picture that is turned by right angles onto whole pixels, so that it stays sharp. */
function onPixels(matrix: DOMMatrix): DOMMatrix {
  const isRight = Math.min(Math.abs(matrix.a), Math.abs(matrix.b)) < 1e-6;
  if (!isRight) return matrix;
  matrix.e = Math.round(matrix.e);
  matrix.f = Math.round(matrix.f);
  return matrix;
}

/** The slide and the layers over it, from the lowest. */
function sourcesOf(
  viewer: OpenViewer,
  { layers, change }: FigureOptions,
): readonly { readonly source: PyramidSource; readonly opacity: number }[] {
  const slide = viewer.slide.value;
  const own: PyramidSource = {
    levels: slide.levels,
    tile: async (level, column, row) => {
      const answer = await request(paths.tile(slide.id, level, column, row));
      const image = await createImageBitmap(await answer.blob());
      return change === null ? image : changed(image, change);
    },
  };
  // Earlier layers of the slide's list lie above later ones.
  const shown = [...slide.layers].reverse().flatMap((layer) => {
    const setting = layers.find(({ id }) => id === layer.id);
    return setting === undefined
      ? []
      : [{ source: layerSource(slide.id, layer, setting), opacity: setting.opacity }];
  });
  return [{ source: own, opacity: 1 }, ...shown];
}

function layerSource(slide: string, layer: LayerEntry, { map }: LayerSetting): PyramidSource {
  return {
    levels: layer.levels,
    tile: async (level, column, row) => {
      const grey = await greyPicture(paths.layerTile(slide, layer.id, level, column, row));
      return colouredContext(grey, map, layer.kind).canvas;
    },
  };
}

function changed(image: ImageBitmap, change: PixelChange): HTMLCanvasElement {
  const { width, height } = image;
  const context = canvasContext(width, height);
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, width, height);
  change(pixels.data);
  context.putImageData(pixels, 0, 0);
  return context.canvas;
}

function drawScaleBar(context: CanvasRenderingContext2D, { element, view, slide }: OpenViewer): void {
  const { clientWidth, clientHeight } = element;
  const resolution = slide.value.micronsPerPixel?.x ?? null;
  const { length, label } = scaleBar(view.value.zoom, resolution, clientWidth * LONGEST_BAR);
  const [left, bottom] = [2 * MARGIN, clientHeight - 2 * MARGIN];
  context.save();
  context.font = "600 14px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "bottom";
  const width = Math.max(length, context.measureText(label).width);
  context.fillStyle = "rgb(255 255 255 / 85%)";
  context.fillRect(left - MARGIN, bottom - 24 - MARGIN / 2, width + 2 * MARGIN, 24 + 5 + MARGIN);
  context.fillStyle = "black";
  context.fillRect(left + (width - length) / 2, bottom, length, 5);
  context.fillText(label, left + width / 2, bottom - 4);
  context.restore();
}
