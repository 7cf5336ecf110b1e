/** Height of a row in CSS pixels; the same figure stands in `styles/objects.css`. */
export const ROW_HEIGHT = 30;
/** Rows above and below what is seen. */
export const BEYOND = 6;

/**
 * Where a list has to be scrolled to so that a row is seen whole; where it is, when it is seen already.
 * @param height of the part of the list that shows rows
 */
export function scrollTo(place: number, top: number, height: number): number {
  const [above, below] = [place * ROW_HEIGHT, (place + 1) * ROW_HEIGHT];
  if (above < top) return above;
  return below > top + height ? below - height : top;
}
