import { describe, expect, it } from "vitest";
import { EpSamError, RandomStream } from "../../src/common/index.js";
import type { FloatMap, Mask } from "../../src/imaging/index.js";
import { pointsInActivation, pointsInMask, weightedSample } from "../../src/method/index.js";
import type { Points } from "../../src/models/index.js";

const width = 12;
const height = 8;

function maskOf(inside: (x: number, y: number) => boolean): Mask {
  const data = Uint8Array.from({ length: width * height }, (_, i) =>
    inside(i % width, Math.floor(i / width)) ? 1 : 0,
  );
  return { width, height, data };
}

function activationOf(value: (x: number, y: number) => number): FloatMap {
  const data = Float32Array.from({ length: width * height }, (_, i) =>
    value(i % width, Math.floor(i / width)),
  );
  return { width, height, data };
}

/** The points as "x,y", which must exist. */
function placesOf(points: Points<"patch"> | undefined): string[] {
  if (points === undefined) throw new Error("no points");
  expect(points.space).toBe("patch");
  expect(points.coordinates.length).toBe(2 * points.labels.length);
  expect([...points.labels].every((label) => label === 1)).toBe(true);
  return Array.from(points.labels, (_, i) => `${points.coordinates[2 * i]},${points.coordinates[2 * i + 1]}`);
}

const stream = (...path: (string | number)[]) => new RandomStream(7, "test", ...path);
const corner = maskOf((x, y) => x >= 7 && y >= 4);
const empty = maskOf(() => false);
const onePixel = maskOf((x, y) => x === 5 && y === 3);

describe("points uniform in a mask", () => {
  it("are different pixels of the mask", () => {
    const places = placesOf(pointsInMask(corner, 15, stream()));
    expect(new Set(places).size).toBe(15);
    for (const place of places) {
      const [x = 0, y = 0] = place.split(",").map(Number);
      expect(x >= 7 && x < width && y >= 4 && y < height).toBe(true);
    }
  });

  it("take the whole mask when it has as many pixels as there are points", () => {
    expect(new Set(placesOf(pointsInMask(corner, 20, stream()))).size).toBe(20);
  });

  it("repeat pixels when the mask has fewer", () => {
    expect(placesOf(pointsInMask(onePixel, 4, stream()))).toEqual(Array(4).fill("5,3"));
    expect(placesOf(pointsInMask(corner, 50, stream()))).toHaveLength(50);
  });

  it("do not exist for an empty mask, not even at (0, 0)", () => {
    expect(pointsInMask(empty, 50, stream())).toBeUndefined();
  });

  it("depend on the stream's name alone", () => {
    expect(pointsInMask(corner, 5, stream(1))).toEqual(pointsInMask(corner, 5, stream(1)));
    expect(pointsInMask(corner, 5, stream(1))).not.toEqual(pointsInMask(corner, 5, stream(2)));
  });

  it("hit every pixel equally often", () => {
    const random = stream("uniform");
    const counts = new Map<string, number>();
    for (let trial = 0; trial < 4000; trial++) {
      for (const place of placesOf(pointsInMask(corner, 5, random))) {
        counts.set(place, (counts.get(place) ?? 0) + 1);
      }
    }
    // 1000 expected, standard deviation 27.
    expect(counts.size).toBe(20);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(140);
  });
});

describe("points by activation", () => {
  it("stay inside the mask and are different", () => {
    const places = placesOf(
      pointsInActivation(
        activationOf((x) => x),
        corner,
        12,
        stream(),
      ),
    );
    expect(new Set(places).size).toBe(12);
    for (const place of places) expect(Number(place.split(",")[0])).toBeGreaterThanOrEqual(7);
  });

  it("never lie where the activation is zero, while it is not zero elsewhere", () => {
    const activation = activationOf((x) => (x === 9 ? 0.5 : 0));
    const places = placesOf(pointsInActivation(activation, corner, 4, stream()));
    expect(new Set(places)).toEqual(new Set(["9,4", "9,5", "9,6", "9,7"]));
    const repeated = placesOf(pointsInActivation(activation, corner, 30, stream()));
    expect(repeated).toHaveLength(30);
    expect(new Set(repeated.map((place) => place.split(",")[0]))).toEqual(new Set(["9"]));
  });

  it("are uniform in the mask when nothing there is activated", () => {
    const places = placesOf(
      pointsInActivation(
        activationOf(() => 0),
        corner,
        20,
        stream(),
      ),
    );
    expect(new Set(places).size).toBe(20);
  });

  it("do not exist for an empty mask", () => {
    expect(
      pointsInActivation(
        activationOf(() => 1),
        empty,
        50,
        stream(),
      ),
    ).toBeUndefined();
  });

  it("accept a map of lower resolution", () => {
    const coarse: FloatMap = { width: 3, height: 2, data: Float32Array.of(0, 0, 0, 0, 0, 1) };
    const places = placesOf(
      pointsInActivation(
        coarse,
        maskOf(() => true),
        10,
        stream(),
      ),
    );
    for (const place of places) {
      const [x = 0, y = 0] = place.split(",").map(Number);
      expect(x >= 6 && y >= 2).toBe(true);
    }
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY])("refuse an activation of %s", (value) => {
    expect(() =>
      pointsInActivation(
        activationOf(() => value),
        corner,
        5,
        stream(),
      ),
    ).toThrow(EpSamError);
  });
});

describe("weighted sampling without replacement", () => {
  it("draws first items in proportion to their weights", () => {
    const weights = [1, 2, 0, 3, 4];
    const first = new Array<number>(5).fill(0);
    const random = stream("first");
    for (let trial = 0; trial < 10_000; trial++) {
      const [index = -1] = weightedSample(weights, 3, random);
      first[index] = (first[index] ?? 0) + 1;
    }
    weights.forEach((weight, index) => {
      // Standard deviation at most 49.
      expect(Math.abs((first[index] ?? 0) - weight * 1000)).toBeLessThan(250);
    });
  });

  it("draws second items in proportion to the weights that are left", () => {
    // P(second = 0 | first = 2) = 1/3 with weights 1, 2, 3.
    const random = stream("second");
    let given = 0;
    let hits = 0;
    for (let trial = 0; trial < 12_000; trial++) {
      const [a, b] = weightedSample([1, 2, 3], 2, random);
      if (a !== 2) continue;
      given += 1;
      if (b === 0) hits += 1;
    }
    expect(Math.abs(given / 12_000 - 0.5)).toBeLessThan(0.025);
    expect(Math.abs(hits / given - 1 / 3)).toBeLessThan(0.035);
  });

  it("includes items of a long list as often as drawing one after another does", () => {
    // Two classes of weights, 9 to 1: compare with the exact successive draws.
    const weights = Array.from({ length: 200 }, (_, index) => (index < 20 ? 9 : 1));
    const random = stream("long");
    const trials = 1500;
    let heavy = 0;
    for (let trial = 0; trial < trials; trial++) {
      const drawn = weightedSample(weights, 30, random);
      expect(new Set(drawn).size).toBe(30);
      heavy += drawn.filter((index) => index < 20).length;
    }
    expect(Math.abs(heavy / trials - expectedHeavy(20, 180, 9, 30))).toBeLessThan(0.3);
  });

  it("takes all positive weights when as many are asked for, and refuses more", () => {
    expect([...weightedSample([0, 5, 0, 1], 2, stream())].sort()).toEqual([1, 3]);
    expect(weightedSample([1, 2], 0, stream())).toEqual([]);
    expect(() => weightedSample([0, 5, 0], 2, stream())).toThrow(EpSamError);
  });

  it("survives weights of very different sizes", () => {
    const weights = Array.from({ length: 1000 }, (_, index) => (index === 500 ? 1e12 : 1e-12));
    expect(weightedSample(weights, 5, stream())[0]).toBe(500);
  });
});

/** The expected number of heavy items among successive draws without replacement, by dynamic programming. */
function expectedHeavy(heavy: number, light: number, weight: number, draws: number): number {
  let probabilities = new Map([[0, 1]]);
  for (let draw = 0; draw < draws; draw++) {
    const next = new Map<number, number>();
    for (const [taken, probability] of probabilities) {
      const heavyWeight = (heavy - taken) * weight;
      const share = heavyWeight / (heavyWeight + light - (draw - taken));
      next.set(taken + 1, (next.get(taken + 1) ?? 0) + probability * share);
      next.set(taken, (next.get(taken) ?? 0) + probability * (1 - share));
    }
    probabilities = next;
  }
  return [...probabilities].reduce((sum, [taken, probability]) => sum + taken * probability, 0);
}
