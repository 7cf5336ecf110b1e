/** The rows that are drawn, from `first` up to, not including, `end`. */
export interface RowWindow {
  readonly first: number;
  readonly end: number;
}

/** Which part of a list is seen, in CSS pixels. */
interface SeenPart {
  readonly rowHeight: number;
  /** Where the part begins; below 0 where the list begins further down. */
  readonly top: number;
  readonly height: number;
  /** Rows above and below what is seen, so that scrolling finds them there. */
  readonly beyond: number;
}

/** What of so many rows of one height is drawn. */
export function rowWindow(count: number, { rowHeight, top, height, beyond }: SeenPart): RowWindow {
  const first = Math.floor(top / rowHeight) - beyond;
  const end = Math.ceil((top + height) / rowHeight) + beyond;
  const within = (at: number) => Math.max(0, Math.min(count, at));
  return { first: within(first), end: within(end) };
}

/** Places of what is drawn of a list, in order: a window, and what else is wanted of it, as far as it is there. */
export function placesDrawn(
  count: number,
  { first, end }: RowWindow,
  others: readonly number[],
): readonly number[] {
  const window = Array.from({ length: Math.max(0, Math.min(count, end) - first) }, (_, at) => first + at);
  const there = others.filter((place) => place >= 0 && place < count);
  return [...new Set([...there, ...window])].sort((one, other) => one - other);
}
