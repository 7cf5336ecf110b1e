import type { RgbImage } from "../../imaging/index.js";
import type { StoredLevel } from "../tiled-source.js";
import { type FrameOrder, type ImageParts, tiledImage } from "./tiled-image.js";

/** Seams of each direction that are looked at. */
const SEAMS = 8;
/** How much smaller the steps at the seams must be for an order to be believed. */
const CLEARLY = 0.7;

/**
 * The order of frames in a file that does not state it: it has neither Dimension Organization Type nor places, which
 * the standard asks for, but early converters left out. Right neighbours fit at their seams, so the order with the
 * smaller steps there is taken and told; `small_dicom.dcm` lies column by column that way.
 */
export async function frameOrder(parts: ImageParts, warn: (text: string) => void): Promise<FrameOrder> {
  const [{ isOrderStated, width, height, tileWidth, tileHeight }] = parts;
  if (isOrderStated || width <= tileWidth || height <= tileHeight) return "row by row";
  const ignore = (): void => undefined;
  const byRow = await stepAtSeams(tiledImage(parts, ignore, "row by row"));
  const byColumn = await stepAtSeams(tiledImage(parts, ignore, "column by column"));
  const figures = `mean step at their seams ${byRow.toFixed(1)} row by row, ${byColumn.toFixed(1)} column by column`;
  const order = byColumn < CLEARLY * byRow ? "column by column" : "row by row";
  const isClear = order === "column by column" || byRow < CLEARLY * byColumn;
  const verdict = isClear ? "taken" : "taken, though that cannot be told for sure,";
  warn(`the file does not say in which order its frames lie; ${verdict} ${order} (${figures})`);
  return order;
}

/** Mean absolute difference of the pixels on both sides of some seams, spread evenly over the image. */
async function stepAtSeams(image: StoredLevel): Promise<number> {
  const columns = Math.ceil(image.width / image.tileWidth);
  const rows = Math.ceil(image.height / image.tileHeight);
  const step = { sum: 0, samples: 0 };
  for (const seam of spread((columns - 1) * rows)) {
    const [column, row] = [seam % (columns - 1), Math.floor(seam / (columns - 1))];
    const height = Math.min(image.tileHeight, image.height - row * image.tileHeight);
    const [left, right] = [await image.decodeTile(column, row), await image.decodeTile(column + 1, row)];
    for (let y = 0; y < height; y++) addStep(step, left, y, image.tileWidth - 1, right, y, 0);
  }
  for (const seam of spread(columns * (rows - 1))) {
    const [column, row] = [seam % columns, Math.floor(seam / columns)];
    const width = Math.min(image.tileWidth, image.width - column * image.tileWidth);
    const [upper, lower] = [await image.decodeTile(column, row), await image.decodeTile(column, row + 1)];
    for (let x = 0; x < width; x++) addStep(step, upper, image.tileHeight - 1, x, lower, 0, x);
  }
  return step.sum / Math.max(1, step.samples);
}

/** At most {@link SEAMS} numbers below `count`, evenly apart. */
function spread(count: number): readonly number[] {
  const taken = Math.min(SEAMS, count);
  return Array.from({ length: taken }, (_, index) => Math.floor(((index + 0.5) * count) / taken));
}

function addStep(
  step: { sum: number; samples: number },
  first: RgbImage | null,
  firstRow: number,
  firstColumn: number,
  second: RgbImage | null,
  secondRow: number,
  secondColumn: number,
): void {
  if (first === null || second === null) return;
  for (let channel = 0; channel < 3; channel++) {
    const before = first.data[(firstRow * first.width + firstColumn) * 3 + channel] ?? 0;
    const after = second.data[(secondRow * second.width + secondColumn) * 3 + channel] ?? 0;
    step.sum += Math.abs(before - after);
    step.samples += 1;
  }
}
