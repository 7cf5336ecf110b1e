/** Tokens at a crop's border that are dropped: they see a part of their surroundings alone. */
const BORDER = 2;

/** A stretch of cells that are shown to a model together, and those of them that are taken. */
export interface Crop {
  readonly start: number;
  /** First and one past the last cell that is taken. */
  readonly from: number;
  readonly to: number;
}

/**
 * Crops of `own` cells along a side of `cells`, whose taken parts cover it once. Neighbours overlap by twice the border
 * at least, and a border is dropped except at the ends.
 */
export function cropsAlong(cells: number, own: number, dropped = BORDER): Crop[] {
  if (cells <= own) return [{ start: 0, from: 0, to: cells }];
  const border = Math.min(dropped, Math.floor((own - 1) / 2));
  const count = Math.ceil((cells - own) / (own - 2 * border)) + 1;
  const starts = Array.from({ length: count }, (_, index) =>
    Math.round((index * (cells - own)) / (count - 1)),
  );
  const edges = starts.slice(1).map((start, index) => Math.round((start + (starts[index] ?? 0) + own) / 2));
  return starts.map((start, index) => ({
    start,
    from: index === 0 ? 0 : (edges[index - 1] ?? 0),
    to: index === count - 1 ? cells : (edges[index] ?? cells),
  }));
}
