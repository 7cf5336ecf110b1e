/** Options of tables: a name that a spreadsheet would compute, since it begins with `=` or the like, gets an apostrophe. */
export const safeCells = { header: true, escape_formulas: true } as const;

/** A name as it was before it was written with {@link safeCells}. */
export function nameInCell(cell: string): string {
  return cell.replace(/^'(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20])/u, "");
}
