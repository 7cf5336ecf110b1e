import type { Level0Box } from "../../geometry/index.js";
import type { SlideViewer } from "./handle.js";

/**
 * The part of the slide that is seen; larger than that where it is turned.
 * @param margin CSS pixels around the view that count as seen
 */
export function shownBounds(
  { element, toSlide }: Pick<SlideViewer, "element" | "toSlide">,
  margin = 0,
): Level0Box {
  const [width, height] = [element.clientWidth + margin, element.clientHeight + margin];
  const corners = [
    [-margin, -margin],
    [width, -margin],
    [-margin, height],
    [width, height],
  ].map(([x = 0, y = 0]) => toSlide({ space: "screen", x, y }));
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

/** Lets a canvas over the slide take level-0 pixels. */
export function toLevel0(
  context: CanvasRenderingContext2D,
  { toScreen }: Pick<SlideViewer, "toScreen">,
): void {
  const [origin, right, below] = [toScreen([0, 0]), toScreen([1, 0]), toScreen([0, 1])];
  context.transform(
    right.x - origin.x,
    right.y - origin.y,
    below.x - origin.x,
    below.y - origin.y,
    origin.x,
    origin.y,
  );
}
