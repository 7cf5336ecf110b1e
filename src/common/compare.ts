/** Order of texts by code units: the same on every machine, unlike a locale's. */
export function compareText(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
