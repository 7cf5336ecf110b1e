import { safeCells } from "../../common/portable.js";
import { centreOf, type ObjectRow, type Resolution, sizeOfRow } from "./object-row.js";
import { originTexts, stateOf, stateTexts } from "./row-order.js";

/**
 * Rows as a table for spreadsheets: lengths in µm, in level-0 pixels where the slide tells no resolution; names that a
 * spreadsheet would compute are written so that it does not.
 */
export async function csvOf(rows: readonly ObjectRow[], resolution: Resolution): Promise<string> {
  // Fetched with the first table.
  const { stringify } = await import("csv-stringify/browser/esm/sync");
  const [area, diameter] = resolution === null ? ["area_px2", "diameter_px"] : ["area_um2", "diameter_um"];
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
      probability,
      review: stateTexts[stateOf(row)],
      origin: originTexts[object.origin],
      centre_x_px: x,
      centre_y_px: y,
    };
  });
  const columns = ["id", "name", "class", area, diameter, "probability", "review", "origin"];
  return stringify(lines, { ...safeCells, columns: [...columns, "centre_x_px", "centre_y_px"] });
}
