import { effect, type ReadonlySignal, signal } from "@preact/signals";
import { type Box, type SlideDetail, type TeachingFrame, teachingLimits } from "../../../contract/index.js";
import type { SlideViewer } from "../../viewer/handle.js";
import { shownBounds } from "../../viewer/shown-bounds.js";

/** Milliseconds for which the view stands still before what it shows is computed. */
const REST = 200;

/** The part of the slide that is seen, once the view stands still. */
export function restingBox(viewer: SlideViewer): ReadonlySignal<Box> & { dispose(): void } {
  const box = signal(seenBox(viewer));
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = effect(() => {
    void viewer.view.value;
    clearTimeout(timer);
    timer = setTimeout(() => {
      const now = seenBox(viewer);
      if (JSON.stringify(now) !== JSON.stringify(box.peek())) box.value = now;
    }, REST);
  });
  return Object.assign(box, {
    dispose() {
      clearTimeout(timer);
      end();
    },
  });
}

function seenBox(viewer: SlideViewer): Box {
  const { width, height } = viewer.slide.peek().size ?? { width: 0, height: 0 };
  const { left, top, right, bottom } = shownBounds(viewer);
  const [x, y] = [Math.max(0, Math.round(left)), Math.max(0, Math.round(top))];
  return {
    space: "level-0",
    x,
    y,
    width: Math.max(0, Math.min(width, Math.round(right)) - x),
    height: Math.max(0, Math.min(height, Math.round(bottom)) - y),
  };
}

/**
 * A part of a slide with a tile of what lies around it: whoever moves the slide is to find the map there. Null where that
 * is too much.
 */
export function tilesAround(
  { x, y, width, height }: Box,
  frame: TeachingFrame | null,
  size: SlideDetail["size"],
): Box | null {
  if (frame === null || size === null) return null;
  const by = frame.tileSide;
  const [left, top] = [Math.max(0, Math.floor(x - by)), Math.max(0, Math.floor(y - by))];
  const right = Math.min(size.width, Math.ceil(x + width + by));
  const bottom = Math.min(size.height, Math.ceil(y + height + by));
  const around: Box = { space: "level-0", x: left, y: top, width: right - left, height: bottom - top };
  return tilesOf(around, frame) > teachingLimits.tiles ? null : around;
}

/** Tiles of the map that a part of the slide touches. */
export function tilesOf({ x, y, width, height }: Box, { tileSide }: TeachingFrame): number {
  const along = (start: number, length: number) =>
    length <= 0 ? 0 : Math.ceil((start + length) / tileSide) - Math.floor(start / tileSide);
  return along(x, width) * along(y, height);
}
