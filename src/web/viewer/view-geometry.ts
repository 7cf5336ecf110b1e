import type { Position } from "../../contract/index.js";
import type { ScreenPoint, ViewState } from "./handle.js";

/** Size of the viewer in CSS pixels. */
export interface ViewportSize {
  readonly width: number;
  readonly height: number;
}

/** An affine map: x' = a·x + c·y + e, y' = b·x + d·y + f, as SVG and canvas write it. */
export type AffineMatrix = readonly [a: number, b: number, c: number, d: number, e: number, f: number];

/** The map from level-0 pixels to CSS pixels of the viewer. */
export function slideToScreen({ centre, zoom, rotation }: ViewState, size: ViewportSize): AffineMatrix {
  const angle = (rotation * Math.PI) / 180;
  const [cosine, sine] = [Math.cos(angle) * zoom, Math.sin(angle) * zoom];
  const [x, y] = centre;
  return [
    cosine,
    sine,
    -sine,
    cosine,
    size.width / 2 - cosine * x + sine * y,
    size.height / 2 - sine * x - cosine * y,
  ];
}

/** A level-0 position on the screen. */
export function toScreen(matrix: AffineMatrix, [x, y]: Position): ScreenPoint {
  const [a, b, c, d, e, f] = matrix;
  return { space: "screen", x: a * x + c * y + e, y: b * x + d * y + f };
}

/** The level-0 position under a point of the screen. */
export function toSlide(matrix: AffineMatrix, point: ScreenPoint): Position {
  const [a, b, c, d, e, f] = matrix;
  const determinant = a * d - b * c;
  const [x, y] = [point.x - e, point.y - f];
  return [(d * x - c * y) / determinant, (a * y - b * x) / determinant];
}

/** The map back. */
export function inverse([a, b, c, d, e, f]: AffineMatrix): AffineMatrix {
  const determinant = a * d - b * c;
  return [
    d / determinant,
    -b / determinant,
    -c / determinant,
    a / determinant,
    (c * f - d * e) / determinant,
    (b * e - a * f) / determinant,
  ];
}

/** One map after another. */
export function product(after: AffineMatrix, first: AffineMatrix): AffineMatrix {
  const [a, b, c, d, e, f] = after;
  const [p, q, r, s, t, u] = first;
  return [a * p + c * q, b * p + d * q, a * r + c * s, b * r + d * s, a * t + c * u + e, b * t + d * u + f];
}

/**
 * The view that shows a box as large as it fits.
 * @param room how much larger than the box the view is
 */
export function viewOf(
  box: { readonly x: number; readonly y: number; readonly width: number; readonly height: number },
  size: ViewportSize,
  rotation: number,
  largestZoom: number,
  room = 1.3,
): ViewState {
  const angle = (rotation * Math.PI) / 180;
  const [cosine, sine] = [Math.abs(Math.cos(angle)), Math.abs(Math.sin(angle))];
  const width = box.width * cosine + box.height * sine;
  const height = box.width * sine + box.height * cosine;
  return {
    centre: [box.x + box.width / 2, box.y + box.height / 2],
    zoom: Math.min(size.width / (width * room), size.height / (height * room), largestZoom),
    rotation,
  };
}

/** Whether two views show the same to the eye. */
export function sameView(one: ViewState, other: ViewState): boolean {
  const turn = Math.abs(((one.rotation - other.rotation + 540) % 360) - 180);
  const shift = Math.hypot(one.centre[0] - other.centre[0], one.centre[1] - other.centre[1]);
  return (
    turn < 0.05 &&
    Math.abs(Math.log(one.zoom / other.zoom)) < 1e-3 &&
    shift * Math.max(one.zoom, other.zoom) < 1
  );
}
