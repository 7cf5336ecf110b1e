import type { LayerEntry } from "../../contract/index.js";
import { type ColourMapName, colourTable, maskColours } from "./colour-maps.js";

/** A grey picture of 8 bits, row by row. */
export interface GreyPicture {
  readonly width: number;
  readonly height: number;
  readonly levels: Uint8ClampedArray;
}

/** Width of a mask's outline in pixels of its tile. */
const OUTLINE_WIDTH = 2;

/** Colours a grey picture: RGBA, row by row, 4 bytes a pixel. */
export function colourPicture(
  { width, height, levels }: GreyPicture,
  map: ColourMapName,
  kind: LayerEntry["kind"],
): Uint8ClampedArray<ArrayBuffer> {
  const table = colourTable(map, kind);
  const lookup = new Uint8ClampedArray(table.flat());
  const coloured = new Uint8ClampedArray(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    const level = levels[pixel] ?? 0;
    coloured.set(lookup.subarray(level * 4, level * 4 + 4), pixel * 4);
  }
  if (map === "outline" || map === "tint-outline") {
    const [red, green, blue] = maskColours[kind];
    for (const pixel of outlineOf({ width, height, levels })) {
      coloured.set([red, green, blue, 255], pixel * 4);
    }
  }
  return coloured;
}

/**
 * The mask's own pixels within {@link OUTLINE_WIDTH} of its edge. What lies beyond the picture counts as more of the
 * same, so that no line shows where tiles meet.
 */
export function outlineOf({ width, height, levels }: GreyPicture): number[] {
  const pixels: number[] = [];
  const clamp = (value: number, limit: number) => Math.min(Math.max(value, 0), limit - 1);
  const filled = (x: number, y: number) => (levels[clamp(y, height) * width + clamp(x, width)] ?? 0) >= 128;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (!filled(x, y)) continue;
      for (let reach = 1; reach <= OUTLINE_WIDTH; reach += 1) {
        if (filled(x - reach, y) && filled(x + reach, y) && filled(x, y - reach) && filled(x, y + reach))
          continue;
        pixels.push(y * width + x);
        break;
      }
    }
  }
  return pixels;
}
