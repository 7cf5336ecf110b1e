/**
 * A closed ring in level-0 pixels: x and y of each vertex in turn, the first not repeated at the end. The pixel in
 * column c and row r covers c to c + 1 and r to r + 1.
 */
export interface Level0Ring {
  readonly space: "level-0";
  /** At least three vertices, finite. */
  readonly coordinates: Float64Array;
}

/** An open line in level-0 pixels: x and y of each of its positions in turn, two or more. */
export interface Level0Line {
  readonly space: "level-0";
  readonly coordinates: Float64Array;
}

/** What lies inside `outer` and in none of `holes`; a ring's inside is where its winding number is not zero. */
export interface Level0Polygon {
  readonly outer: Level0Ring;
  readonly holes: readonly Level0Ring[];
}

/** A rectangle in level-0 pixels. */
export interface Level0Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A ring of x and y in turn. */
export function ringOf(coordinates: ArrayLike<number>): Level0Ring {
  return { space: "level-0", coordinates: Float64Array.from(coordinates) };
}

/** The smallest box that holds a ring, or a line. */
export function boxOfRing({ coordinates }: Level0Ring | Level0Line): Level0Box {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let at = 0; at < coordinates.length; at += 2) {
    const x = coordinates[at] ?? 0;
    const y = coordinates[at + 1] ?? 0;
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return { left, top, right, bottom };
}

/** Whether two boxes have a point in common, their borders included. */
export function boundsOverlap(one: Level0Box, other: Level0Box): boolean {
  return (
    one.left <= other.right && other.left <= one.right && one.top <= other.bottom && other.top <= one.bottom
  );
}

/**
 * Area in level-0 pixels by the shoelace formula: positive when the ring runs clockwise on the screen, where y
 * points down. Taken from the first vertex, so that it is exact far from the origin too.
 */
export function signedArea({ coordinates }: Level0Ring): number {
  const originX = coordinates[0] ?? 0;
  const originY = coordinates[1] ?? 0;
  let twice = 0;
  let previousX = (coordinates.at(-2) ?? 0) - originX;
  let previousY = (coordinates.at(-1) ?? 0) - originY;
  for (let at = 0; at < coordinates.length; at += 2) {
    const x = (coordinates[at] ?? 0) - originX;
    const y = (coordinates[at + 1] ?? 0) - originY;
    twice += previousX * y - x * previousY;
    previousX = x;
    previousY = y;
  }
  return twice / 2;
}

/** Area in level-0 pixels of a polygon whose rings do not cross and whose holes lie inside it. */
export function polygonArea({ outer, holes }: Level0Polygon): number {
  return holes.reduce((area, hole) => area - Math.abs(signedArea(hole)), Math.abs(signedArea(outer)));
}

/** False for a ring that winds around nothing: its vertices lie on a line, or every stretch is walked back. */
export function enclosesArea(ring: Level0Ring): boolean {
  // A figure of eight has none by this formula, though it winds around both its halves.
  if (Math.abs(signedArea(ring)) > 0) return true;
  const { coordinates } = ring;
  const [firstX = 0, firstY = 0, secondX = 0, secondY = 0] = coordinates;
  let isStraight = true;
  const walked = new Map<string, number>();
  let from = `${coordinates.at(-2)} ${coordinates.at(-1)}`;
  for (let at = 0; at < coordinates.length; at += 2) {
    const [x, y] = [coordinates[at] ?? 0, coordinates[at + 1] ?? 0];
    if ((secondX - firstX) * (y - firstY) !== (secondY - firstY) * (x - firstX)) isStraight = false;
    const to = `${x} ${y}`;
    walked.set(`${from} ${to}`, (walked.get(`${from} ${to}`) ?? 0) + 1);
    walked.set(`${to} ${from}`, (walked.get(`${to} ${from}`) ?? 0) - 1);
    from = to;
  }
  return !isStraight && [...walked.values()].some((times) => times !== 0);
}

/** A ring, or a line, moved by x and y. */
export function movedRing({ coordinates }: Level0Ring | Level0Line, x: number, y: number): Level0Ring {
  return ringOf(coordinates.map((value, at) => value + (at % 2 === 0 ? x : y)));
}

/** The smallest rectangle of whole pixels that holds these positions, x and y in turn; null for none. */
export function pixelsAround(coordinates: readonly number[]): Level0Polygon | null {
  if (coordinates.length < 2) return null;
  const { left, top, right, bottom } = boxOfRing(ringOf(coordinates));
  const [fromX, fromY] = [Math.floor(left), Math.floor(top)];
  const [toX, toY] = [Math.max(fromX + 1, Math.ceil(right)), Math.max(fromY + 1, Math.ceil(bottom))];
  return { outer: ringOf([fromX, fromY, toX, fromY, toX, toY, fromX, toY]), holes: [] };
}

/** True when the ring winds around the point; points on its left or upper border count as inside. */
export function ringContains({ coordinates }: Level0Ring, x: number, y: number): boolean {
  let winding = 0;
  let fromX = coordinates.at(-2) ?? 0;
  let fromY = coordinates.at(-1) ?? 0;
  for (let at = 0; at < coordinates.length; at += 2) {
    const toX = coordinates[at] ?? 0;
    const toY = coordinates[at + 1] ?? 0;
    if (fromY <= y !== toY <= y) {
      const crossing = fromX + ((y - fromY) / (toY - fromY)) * (toX - fromX);
      if (crossing <= x) winding += fromY < toY ? 1 : -1;
    }
    fromX = toX;
    fromY = toY;
  }
  return winding !== 0;
}

/** The ring without vertices that repeat the one before; null when fewer than three are left. */
export function distinctRing(coordinates: readonly number[]): Level0Ring | null {
  const kept: number[] = [];
  for (let at = 0; at + 1 < coordinates.length; at += 2) {
    const x = coordinates[at] ?? 0;
    const y = coordinates[at + 1] ?? 0;
    if (kept.length === 0 || kept.at(-2) !== x || kept.at(-1) !== y) kept.push(x, y);
  }
  while (kept.length > 2 && kept[0] === kept.at(-2) && kept[1] === kept.at(-1)) kept.length -= 2;
  return kept.length < 6 ? null : ringOf(kept);
}
