import { describe, expect, it } from "vitest";
import { alignmentOf, framesOf, placesOf, viewHere, viewThere } from "../../../src/web/beside/alignment.js";
import { slideToScreen, toScreen, toSlide } from "../../../src/web/viewer/view-geometry.js";

const size = { width: 500, height: 400 };
const fine = { size: { width: 4000, height: 2000 }, micronsPerPixel: { x: 0.25, y: 0.25 } };
const coarse = { size: { width: 1000, height: 900 }, micronsPerPixel: { x: 1, y: 1 } };
const silent = { size: { width: 1000, height: 900 }, micronsPerPixel: null };

describe("two slides side by side", () => {
  it("show the same microns where both tell a resolution", () => {
    const frames = framesOf(fine, coarse);
    const view = { centre: [800, 400], zoom: 0.5, rotation: 30 } as const;
    expect(viewThere(view, frames, placesOf(frames))).toEqual({ centre: [200, 100], zoom: 2, rotation: 30 });
  });

  it("show the same part, from middle to middle, where one tells none", () => {
    const frames = framesOf(fine, silent);
    const there = viewThere({ centre: [2000, 1000], zoom: 0.1, rotation: 0 }, frames, placesOf(frames));
    // As wide on the screen as the other: 4000 pixels at 0.1 are 1000 at 0.4.
    expect(there).toEqual({ centre: [500, 450], zoom: 0.4, rotation: 0 });
  });

  it.each([
    ["microns", coarse],
    ["parts", silent],
  ])("that were aligned by hand stay so in %s wherever one looks", (_, other) => {
    const frames = framesOf(fine, other);
    const here = { centre: [1200, 700], zoom: 0.7, rotation: 350 } as const;
    const there = { centre: [333, 250], zoom: 2.2, rotation: 25 } as const;
    const alignment = alignmentOf({ here, there }, frames);
    // What lies on one point of the screen now does so in every other view.
    const point = { space: "screen", x: 90, y: 310 } as const;
    const [place, otherPlace] = [
      toSlide(slideToScreen(here, size), point),
      toSlide(slideToScreen(there, size), point),
    ];
    const moved = { centre: [100, 1500], zoom: 0.2, rotation: 100 } as const;
    const followed = viewThere(moved, frames, alignment);
    const seen = toScreen(slideToScreen(moved, size), place);
    const seenThere = toScreen(slideToScreen(followed, size), otherPlace);
    expect([seenThere.x, seenThere.y]).toEqual([expect.closeTo(seen.x, 6), expect.closeTo(seen.y, 6)]);
    const back = viewHere(followed, frames, alignment);
    expect(back.centre).toEqual([expect.closeTo(100, 6), expect.closeTo(1500, 6)]);
    expect([back.zoom, back.rotation]).toEqual([expect.closeTo(0.2, 9), expect.closeTo(100, 9)]);
  });
});
