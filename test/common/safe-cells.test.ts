import { parse } from "csv-parse/sync";
import { stringify } from "csv-stringify/sync";
import { expect, it } from "vitest";
import { nameInCell, safeCells } from "../../src/common/index.js";

it("names that a spreadsheet would compute are written so that it does not, and read back", () => {
  const names = ["=1+1", "+1", "-1", "@a", "＝1", "a=b", "'a", "", "Müller"];
  const table = stringify(
    names.map((name) => ({ name, figure: -1 })),
    safeCells,
  );
  const rows: { name: string; figure: string }[] = parse(table, { columns: true });
  expect(rows.map(({ name }) => name.slice(0, 2))).toEqual([
    "'=",
    "'+",
    "'-",
    "'@",
    "'＝",
    "a=",
    "'a",
    "",
    "Mü",
  ]);
  expect(rows.map(({ name }) => nameInCell(name))).toEqual(names);
  expect(rows.every(({ figure }) => figure === "-1")).toBe(true);
});
