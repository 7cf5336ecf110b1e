import { describe, expect, it } from "vitest";
import { sameView, slideToScreen, toScreen, toSlide, viewOf } from "../../src/web/viewer/view-geometry.js";

const size = { width: 800, height: 600 };

describe("level-0 pixels on the screen", () => {
  it("has the centre in the middle of the viewer", () => {
    const matrix = slideToScreen({ centre: [1000, 500], zoom: 0.25, rotation: 33 }, size);
    const { x, y } = toScreen(matrix, [1000, 500]);
    expect(x).toBeCloseTo(400, 9);
    expect(y).toBeCloseTo(300, 9);
  });

  it("scales by the zoom", () => {
    const matrix = slideToScreen({ centre: [0, 0], zoom: 2, rotation: 0 }, size);
    expect(toScreen(matrix, [10, -5])).toEqual({ space: "screen", x: 420, y: 290 });
  });

  it("turns clockwise", () => {
    const matrix = slideToScreen({ centre: [0, 0], zoom: 1, rotation: 90 }, size);
    const right = toScreen(matrix, [100, 0]);
    expect(right.x).toBeCloseTo(400, 9);
    expect(right.y).toBeCloseTo(400, 9);
  });

  it.each([0, 17, 90, 211.5])("is undone by its counterpart at %d°", (rotation) => {
    const matrix = slideToScreen({ centre: [321, 123], zoom: 0.37, rotation }, size);
    const [x, y] = toSlide(matrix, toScreen(matrix, [700, -40]));
    expect(x).toBeCloseTo(700, 6);
    expect(y).toBeCloseTo(-40, 6);
  });
});

describe("the view of a box", () => {
  const box = { x: 100, y: 200, width: 400, height: 100 };

  it("holds the whole box at any rotation", () => {
    for (const rotation of [0, 30, 90, 250]) {
      const view = viewOf(box, size, rotation, 100);
      const matrix = slideToScreen(view, size);
      for (const [right, down] of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ] as const) {
        const { x, y } = toScreen(matrix, [box.x + right * box.width, box.y + down * box.height]);
        expect(x).toBeGreaterThan(0);
        expect(x).toBeLessThan(size.width);
        expect(y).toBeGreaterThan(0);
        expect(y).toBeLessThan(size.height);
      }
    }
  });

  it("does not zoom in further than asked", () => {
    expect(viewOf({ x: 0, y: 0, width: 1, height: 1 }, size, 0, 5).zoom).toBe(5);
  });
});

describe("views that look the same", () => {
  const view = { centre: [1000, 1000], zoom: 0.5, rotation: 359.99 } as const;

  it("forgives what a link rounds", () => {
    expect(sameView(view, { centre: [1000.05, 999.95], zoom: 0.50001, rotation: 0 })).toBe(true);
  });

  it("tells other places, zooms and rotations apart", () => {
    expect(sameView(view, { ...view, centre: [1010, 1000] })).toBe(false);
    expect(sameView(view, { ...view, zoom: 0.52 })).toBe(false);
    expect(sameView(view, { ...view, rotation: 5 })).toBe(false);
  });
});
