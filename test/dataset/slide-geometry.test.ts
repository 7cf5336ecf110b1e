import { describe, expect, it } from "vitest";
import { SPLITS } from "../../src/dataset/index.js";
import {
  gridOf,
  type PatchGeometry,
  patchGeometry,
  readPatch,
  slideLattice,
} from "../../src/dataset/slide-preparation/geometry.js";
import { patientInName, profiles, splitInProfile } from "../../src/dataset/slide-preparation/profiles.js";
import { resizeRgb } from "../../src/imaging/index.js";
import { memorySlide } from "../support/memory-slide.js";

const noise = (x: number, y: number) =>
  [(x * 7 + y * 13) % 251, (x * x + y) % 241, (x + y * y) % 239] as const;
const slide = memorySlide("a", 1000, 800, noise, { downsamples: [1, 2, 4] });
const mpp = (x: number, y = x) => ({ x, y });

function accepted(
  ...[resolution, microns, patchSize]: readonly [
    { level: number } | { mpp: number },
    { x: number; y: number } | null,
    number,
  ]
): PatchGeometry {
  const geometry = patchGeometry(slide, resolution, microns, patchSize);
  if ("refused" in geometry) throw new Error(geometry.refused);
  return geometry.accepted;
}

describe("patches of a slide", () => {
  it("are a level as it is stored, at the level's resolution", async () => {
    const geometry = accepted({ level: 1 }, mpp(0.25), 64);
    expect(geometry).toMatchObject({ level: 1, downsample: 2, pixelSize: { x: 2, y: 2 }, mpp: 0.5 });
    expect(accepted({ level: 2 }, null, 64).mpp).toBeNull();
    const lattice = slideLattice({ width: 1000, height: 800 }, geometry, { stride: 64, border: "align" });
    expect(lattice.slice(0, 3)).toEqual([
      { x: 0, y: 0 },
      { x: 128, y: 0 },
      { x: 256, y: 0 },
    ]);
    expect(lattice.at(-1)).toEqual({ x: 1000 - 128, y: 800 - 128 });
    const patch = await readPatch(slide, { x: 128, y: 256 }, geometry);
    const origin = { space: "level-0", x: 128, y: 256 } as const;
    expect(patch).toEqual(await slide.readRegion({ origin, level: 1, width: 64, height: 64 }));
    expect(gridOf({ x: 128, y: 256 }, geometry)).toEqual({
      origin,
      pixelSize: { x: 2, y: 2 },
      width: 64,
      height: 64,
    });
  });

  it("are resampled from the next finer level, as if from the whole level", async () => {
    const geometry = accepted({ mpp: 0.7 }, mpp(0.25), 96);
    expect(geometry).toMatchObject({ level: 1, pixelSize: { x: 2.8, y: 2.8 }, mpp: 0.7 });
    const lattice = slideLattice({ width: 1000, height: 800 }, geometry, { stride: 96, border: "align" });
    const whole = await slide.readRegion({
      origin: { space: "level-0", x: 0, y: 0 },
      level: 1,
      width: 500,
      height: 400,
    });
    for (const at of lattice) {
      const patch = await readPatch(slide, at, geometry);
      const [left, top, side] = [at.x / 2, at.y / 2, (96 * 2.8) / 2];
      const box = { left, top, right: Math.min(500, left + side), bottom: Math.min(400, top + side) };
      const expected = resizeRgb(whole, 96, 96, "bilinear", box);
      const furthest = patch.data.reduce(
        (most, value, i) => Math.max(most, Math.abs(value - (expected.data[i] ?? 0))),
        0,
      );
      // Pillow rounds the box to single precision, so the last bit may differ.
      expect(furthest).toBeLessThanOrEqual(1);
    }
    expect(gridOf({ x: 269, y: 0 }, geometry)).toMatchObject({
      origin: { x: 269, y: 0 },
      pixelSize: { x: 2.8, y: 2.8 },
    });
  });

  it("take a level as it is when it is what was asked for, within half a pixel of the patch", () => {
    expect(accepted({ mpp: 0.5 }, mpp(0.25), 512)).toMatchObject({ level: 1, pixelSize: { x: 2, y: 2 } });
    expect(accepted({ mpp: 0.5 }, mpp(0.2502), 96)).toMatchObject({ level: 1, pixelSize: { x: 2, y: 2 } });
    expect(accepted({ mpp: 0.5 }, mpp(0.248), 512).pixelSize.x).toBeCloseTo(2.016, 3);
    expect(accepted({ mpp: 0.5 }, mpp(0.25, 0.26), 64).pixelSize).toEqual({ x: 2, y: 0.5 / 0.26 });
  });

  it("are refused at a resolution or level that the slide lacks, never guessed", () => {
    const refusal = (...args: Parameters<typeof patchGeometry>): string => {
      const geometry = patchGeometry(...args);
      return "refused" in geometry ? geometry.refused : "";
    };
    expect(refusal(slide, { mpp: 0.5 }, null, 64)).toMatch(/does not tell its microns per pixel.*`mppTable`/);
    expect(refusal(slide, { mpp: 0.25 }, mpp(0.5), 64)).toMatch(
      /0.5 µm per pixel at best, too coarse for patches at 0.25/,
    );
    expect(refusal(slide, { level: 3 }, mpp(0.5), 64)).toMatch(/no level 3, its levels are 0 to 2/);
  });
});

describe("profiles", () => {
  it("put no slide and no patient into two splits", () => {
    for (const { slides } of Object.values(profiles)) {
      const names = SPLITS.flatMap((split) => slides[split]);
      expect(new Set(names).size).toBe(names.length);
      const splitsOf = new Map<string, Set<string>>();
      for (const split of SPLITS) {
        for (const name of slides[split]) {
          const patient = patientInName(name);
          splitsOf.set(patient, (splitsOf.get(patient) ?? new Set()).add(split));
        }
      }
      expect([...splitsOf.values()].every((splits) => splits.size === 1)).toBe(true);
    }
    const sizes = (name: "camelyon16" | "camelyon17") =>
      SPLITS.map((split) => profiles[name].slides[split].length);
    expect(sizes("camelyon16")).toEqual([47, 6, 15]);
    expect(sizes("camelyon17")).toEqual([23, 3, 9]);
  });

  it("know slides by name, and say why one has no split", () => {
    expect(splitInProfile("camelyon17", "patient_004_node_4")).toEqual({ split: "test" });
    expect(splitInProfile("camelyon16", "Tumor_061")).toEqual({ split: "train" });
    expect(splitInProfile("camelyon17", "patient_015_node_1")).toEqual({
      refused: "is left out of training, since its patient is in val too",
    });
    expect(splitInProfile("camelyon16", "normal_061")).toMatchObject({
      refused: expect.stringMatching(/not among/),
    });
  });

  it("read patients from names of Camelyon17 and TCGA alone", () => {
    expect(patientInName("patient_004_node_4")).toBe("patient_004");
    expect(patientInName("TCGA-A1-A0SK-01Z-00-DX1.A44D")).toBe("TCGA-A1-A0SK");
    expect(patientInName("bcss1008")).toBe("bcss1008");
  });
});
