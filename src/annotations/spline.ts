import { type Level0Ring, ringOf } from "../geometry/index.js";

/** How the control points of an ASAP spline become a ring. */
export type SplineRule = "curve" | "straight";

/** Largest distance of the curve from the ring made of it, in level-0 pixels. */
const TOLERANCE = 0.25;
/** Enough for control points a hundred thousand pixels apart. */
const MAXIMUM_STEPS = 512;

/**
 * The ring of a closed spline. `curve`: the centripetal Catmull-Rom curve through the control points, as ASAP draws
 * it (Yuksel et al. 2011, knots at the square roots of the distances), in straight pieces within a quarter of a
 * level-0 pixel. `straight`: the control points joined by straight lines, as ASAP's conversion to masks does.
 * @param control ring of control points, no two neighbours equal
 */
export function splineRing(control: Level0Ring, rule: SplineRule): Level0Ring {
  if (rule === "straight") return control;
  const count = control.coordinates.length / 2;
  const coordinates: number[] = [];
  for (let index = 0; index < count; index++) {
    const points = [-1, 0, 1, 2].map((offset) => vertex(control, (index + offset + count) % count));
    const [before, start, end, after] = points;
    if (before && start && end && after) appendSegment(coordinates, before, start, end, after);
  }
  return ringOf(coordinates);
}

type Point = readonly [x: number, y: number];

function vertex({ coordinates }: Level0Ring, index: number): Point {
  return [coordinates[2 * index] ?? 0, coordinates[2 * index + 1] ?? 0];
}

/** Appends the curve from `start` up to, not including, `end`. */
function appendSegment(target: number[], before: Point, start: Point, end: Point, after: Point): void {
  const spans = [knotSpan(before, start), knotSpan(start, end), knotSpan(end, after)] as const;
  const [first, second] = [0, 1].map((axis) =>
    tangents(
      [before, start, end, after].map((point) => point[axis] ?? 0),
      spans,
    ),
  );
  if (first === undefined || second === undefined) return;
  const steps = stepsFor(first, second);
  for (let step = 0; step < steps; step++) {
    const t = step / steps;
    target.push(hermite(start[0], end[0], first, t), hermite(start[1], end[1], second, t));
  }
}

/** The distance of two knots of the centripetal parametrisation. */
function knotSpan([x0, y0]: Point, [x1, y1]: Point): number {
  return Math.sqrt(Math.hypot(x1 - x0, y1 - y0));
}

interface Tangents {
  /** Derivatives at both ends after the segment's parameter, which runs from 0 to 1. */
  readonly atStart: number;
  readonly atEnd: number;
  /** Bound of the second derivative's size. */
  readonly bend: number;
}

function tangents(values: readonly number[], [a, b, c]: readonly [number, number, number]): Tangents {
  const [v0 = 0, v1 = 0, v2 = 0, v3 = 0] = values;
  const atStart = b * ((v1 - v0) / a - (v2 - v0) / (a + b) + (v2 - v1) / b);
  const atEnd = b * ((v2 - v1) / b - (v3 - v1) / (b + c) + (v3 - v2) / c);
  const rise = v2 - v1;
  const bend = Math.max(
    Math.abs(6 * rise - 4 * atStart - 2 * atEnd),
    Math.abs(-6 * rise + 2 * atStart + 4 * atEnd),
  );
  return { atStart, atEnd, bend };
}

/** A chord over a step h is off by at most h²/8 times the second derivative. */
function stepsFor(x: Tangents, y: Tangents): number {
  const steps = Math.ceil(Math.sqrt(Math.hypot(x.bend, y.bend) / (8 * TOLERANCE)));
  return Math.min(MAXIMUM_STEPS, Math.max(1, steps));
}

function hermite(from: number, to: number, { atStart, atEnd }: Tangents, t: number): number {
  const u = 1 - t;
  return (1 + 2 * t) * u * u * from + t * u * u * atStart + t * t * (3 - 2 * t) * to - t * t * u * atEnd;
}
