import { safeCells } from "../../common/portable.js";
import type { PixelSize } from "../../geometry/index.js";
import { centreOf, type ObjectRow, sizeOfRow } from "./object-row.js";
import { originTexts, stateOf, stateTexts } from "./row-order.js";

/**
 * Rows as a table for spreadsheets: lengths in µm, in level-0 pixels where the slide tells no resolution; names that a
 * spreadsheet would compute are written so that it does not.
 */
export async function csvOf(rows: readonly ObjectRow[], resolution: PixelSize | null): Promise<string> {
  // Fetched with the first table.
  const { stringify } = await import("csv-stringify/browser/esm/sync");
  const unit = resolution === null ? "px" : "um";
  const [area, diameter, length] = [`area_${unit}2`, `diameter_${unit}`, `length_${unit}`];
  const lines = rows.map((row) => {
    const { object, probability } = row;
    const size = sizeOfRow(row, resolution);
    const [x, y] = centreOf(object);
    return {
      id: object.id,
      name: object.name,
      class: object.classification,
      [area]: size.area,
      [diameter]: size.diameter,
      [length]: size.length,
      probability,
      review: stateTexts[stateOf(row)],
      author: object.author,
      origin: originTexts[object.origin],
      comment: object.comment,
      centre_x_px: x,
      centre_y_px: y,
    };
  });
  const columns = [
    "id",
    "name",
    "class",
    area,
    diameter,
    length,
    "probability",
    "review",
    "author",
    "origin",
  ];
  return stringify(lines, { ...safeCells, columns: [...columns, "comment", "centre_x_px", "centre_y_px"] });
}
