/** Height of a row in CSS pixels; the same figure stands in `styles/objects.css`. */
export const ROW_HEIGHT = 30;
/** Rows above and below what is seen, so that scrolling finds them there. */
const BEYOND = 6;

/** The rows that are drawn, from `first` up to, not including, `end`. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/** What of so many rows is drawn where a list of some height is scrolled to a place, all in CSS pixels. */
export function rowWindow(count: number, top: number, height: number): RowWindow {
  const first = Math.floor(top / ROW_HEIGHT) - BEYOND;
  const end = Math.ceil((top + height) / ROW_HEIGHT) + BEYOND;
  const within = (at: number) => Math.max(0, Math.min(count, at));
  return { first: within(first), end: within(end) };
}

/**
 * Where a list has to be scrolled to so that a row is seen whole; where it is, when it is seen already.
 * @param height of the part of the list that shows rows
 */
export function scrollTo(place: number, top: number, height: number): number {
  const [above, below] = [place * ROW_HEIGHT, (place + 1) * ROW_HEIGHT];
  if (above < top) return above;
  return below > top + height ? below - height : top;
}
