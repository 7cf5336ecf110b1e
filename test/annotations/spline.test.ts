import { describe, expect, it } from "vitest";
import { parseAnnotations } from "../../src/annotations/index.js";
import { signedArea } from "../../src/geometry/index.js";
import { asapXml } from "./fixtures.js";

const spline = (points: readonly (readonly [number, number])[], splines: "curve" | "straight") => {
  const coordinates = points.map(([x, y], i) => `<Coordinate Order="${i}" X="${x}" Y="${y}" />`).join("");
  const text = asapXml({ annotation: 'Type="Spline" PartOfGroup="Tumor"', coordinates });
  const outer = parseAnnotations("s.xml", text, { splines }).annotations[0]?.polygons[0]?.outer;
  if (outer === undefined) throw new Error("no outline");
  return outer;
};

const circle = (count: number, radius: number): [number, number][] =>
  Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count;
    return [1000 + radius * Math.cos(angle), 1000 + radius * Math.sin(angle)];
  });

/** Barry and Goldman's pyramid: the definition of a centripetal Catmull-Rom curve, at share `t` of a segment. */
function pyramid(points: readonly (readonly [number, number])[], t: number, axis: 0 | 1): number {
  const knots = [0];
  for (let i = 1; i < 4; i++) {
    const [a = [0, 0], b = [0, 0]] = [points[i - 1], points[i]];
    knots.push((knots[i - 1] ?? 0) + Math.sqrt(Math.hypot(b[0] - a[0], b[1] - a[1])));
  }
  const [t0 = 0, t1 = 0, t2 = 0, t3 = 0] = knots;
  const u = t1 + t * (t2 - t1);
  const mix = (a: number, b: number, from: number, to: number): number =>
    ((to - u) * a + (u - from) * b) / (to - from);
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0] = points.map((point) => point[axis]);
  const [a1, a2, a3] = [mix(p0, p1, t0, t1), mix(p1, p2, t1, t2), mix(p2, p3, t2, t3)];
  return mix(mix(a1, a2, t0, t2), mix(a2, a3, t1, t3), t1, t2);
}

describe("splines", () => {
  it("pass through their control points in between which they bend", () => {
    const control = circle(16, 400);
    const { coordinates } = spline(control, "curve");
    for (const [x, y] of control) {
      const nearest = Math.min(
        ...Array.from({ length: coordinates.length / 2 }, (_, i) =>
          Math.hypot((coordinates[2 * i] ?? 0) - x, (coordinates[2 * i + 1] ?? 0) - y),
        ),
      );
      expect(nearest).toBeLessThan(1e-9);
    }
    const area = Math.abs(signedArea(spline(control, "curve")));
    expect(Math.abs(area / (Math.PI * 400 ** 2) - 1)).toBeLessThan(0.003);
    expect(Math.abs(signedArea(spline(control, "straight")))).toBeLessThan(0.98 * area);
  });

  it("are the centripetal Catmull-Rom curve, at uneven control points too", () => {
    const control: [number, number][] = [
      [0, 0],
      [700, 20],
      [720, 300],
      [300, 900],
      [-50, 400],
    ];
    const { coordinates } = spline(control, "curve");
    const exact = control.flatMap((_, index) => {
      const four = [-1, 0, 1, 2].map((offset) => control[(index + offset + 5) % 5] ?? ([0, 0] as const));
      return Array.from({ length: 200 }, (_, step) => [
        pyramid(four, step / 200, 0),
        pyramid(four, step / 200, 1),
      ]);
    });
    const distance = ([x = 0, y = 0]: number[]): number => {
      let least = Infinity;
      for (let at = 0; at < coordinates.length; at += 2) {
        const [ax = 0, ay = 0] = coordinates.subarray(at, at + 2);
        const next = (at + 2) % coordinates.length;
        const [dx, dy] = [(coordinates[next] ?? 0) - ax, (coordinates[next + 1] ?? 0) - ay];
        const share = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
        least = Math.min(least, Math.hypot(x - ax - share * dx, y - ay - share * dy));
      }
      return least;
    };
    expect(Math.max(...exact.map(distance))).toBeLessThan(0.25);
  });

  it("take repeated control points as one", () => {
    const control = circle(6, 100);
    const repeated = control.flatMap((point): [number, number][] => [point, point]);
    expect(spline(repeated, "curve")).toEqual(spline(control, "curve"));
  });
});
