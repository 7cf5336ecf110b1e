/** Side lengths of a unit of the coordinates, so that distances can be taken where they differ. */
export interface UnitSize {
  readonly x: number;
  readonly y: number;
}

/**
 * Maximum Feret diameter: the largest distance between two points of a ring, which its convex hull decides.
 * @param ring x and y in turn
 */
export function maximumDiameter(ring: ArrayLike<number>, unit: UnitSize = { x: 1, y: 1 }): number {
  const hull = convexHull(ring);
  let squared = 0;
  for (const [index, [ax, ay]] of hull.entries()) {
    for (const [bx, by] of hull.slice(index + 1)) {
      squared = Math.max(squared, ((ax - bx) * unit.x) ** 2 + ((ay - by) * unit.y) ** 2);
    }
  }
  return Math.sqrt(squared);
}

type Point = readonly [number, number];

/** Corners of the convex hull by Andrew's monotone chain. Of whole coordinates there are few: about n^(2/3). */
export function convexHull(ring: ArrayLike<number>): Point[] {
  const points = extremesByRow(ring).sort(([ax, ay], [bx, by]) => ax - bx || ay - by);
  if (points.length < 3) return points;
  const lower = chain(points);
  const upper = chain(points.reverse());
  return [...lower.slice(0, -1), ...upper.slice(0, -1)];
}

/** The outermost points of every y, the only ones that can be corners of the hull. */
function extremesByRow(ring: ArrayLike<number>): Point[] {
  const rows = new Map<number, { low: number; high: number }>();
  for (let at = 0; at + 1 < ring.length; at += 2) {
    const x = ring[at] ?? 0;
    const y = ring[at + 1] ?? 0;
    const row = rows.get(y);
    if (row === undefined) rows.set(y, { low: x, high: x });
    else if (x < row.low) row.low = x;
    else if (x > row.high) row.high = x;
  }
  return [...rows].flatMap(([y, { low, high }]): Point[] =>
    low === high
      ? [[low, y]]
      : [
          [low, y],
          [high, y],
        ],
  );
}

function chain(points: readonly Point[]): Point[] {
  const kept: Point[] = [];
  for (const point of points) {
    while (kept.length >= 2 && !turns(kept.at(-2), kept.at(-1), point)) kept.pop();
    kept.push(point);
  }
  return kept;
}

function turns(a: Point | undefined, b: Point | undefined, [cx, cy]: Point): boolean {
  if (a === undefined || b === undefined) return true;
  return (b[0] - a[0]) * (cy - a[1]) > (cx - a[0]) * (b[1] - a[1]);
}
