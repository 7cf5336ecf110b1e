import { patchGeometry, type Resolution } from "../../../src/dataset/index.js";
import type { FloatMap, RgbImage } from "../../../src/imaging/index.js";
import type { PatchSegmenter } from "../../../src/inference/index.js";
import { type PatchLayout, patchLayout } from "../../../src/inference/patches/layout.js";
import type { MicronsPerPixel, PixelSource } from "../../../src/slides/index.js";
import { type MemorySlide, memorySlide } from "../../support/memory-slide.js";

export const PATCH = 32;
/** Patches darker than this in their green channel are let through. */
const GATE = 0.4;

/** A slide with a smooth, different colour everywhere; right of `glassFrom` it is white. */
export function colourfulSlide(width: number, height: number, glassFrom = width): MemorySlide {
  const wave = (at: number, period: number): number =>
    Math.round(127 + 120 * Math.sin((2 * Math.PI * at) / period));
  const colour = (x: number, y: number): readonly [number, number, number] =>
    x >= glassFrom ? [255, 255, 255] : [wave(x + 2 * y, 61), wave(y - x, 173), wave(x * 3 + y, 97)];
  return memorySlide("made-up.tif", width, height, colour, { micronsPerPixel: { x: 0.5, y: 0.5 } });
}

/** How patches of 32 pixels lie on a slide. */
export function layoutOf(
  source: PixelSource,
  { resolution = { level: 0 }, overlap = 0.5 }: { resolution?: Resolution; overlap?: number } = {},
): PatchLayout {
  const [full] = source.levels;
  const mpp: MicronsPerPixel | null = source.micronsPerPixel;
  const geometry = patchGeometry(source, resolution, mpp, PATCH);
  if (full === undefined || "refused" in geometry) throw new Error("the slide cannot be read so");
  return patchLayout(full, geometry.accepted, overlap);
}

/**
 * A segmenter that needs no models: a pixel's tumour probability is its red value, the patch's is its mean green
 * value, its activation map the blue values of 4 x 4 pixels. `wait` is called before every patch.
 */
export function stubSegmenter(wait: () => Promise<void> = async () => undefined): PatchSegmenter {
  const classify = async (patch: RgbImage) => {
    await wait();
    const probability = meanOf(channel(patch, 1));
    const activation = sampled(channel(patch, 2), patch.width, 4);
    return { probability, activation };
  };
  const segment = async (patch: RgbImage) => ({
    tumour: { width: patch.width, height: patch.height, data: channel(patch, 0) },
    estimatedIou: 0.75,
  });
  return {
    patchSize: PATCH,
    classifyPatch: async (patch) => {
      const classified = await classify(patch);
      if (classified.probability < GATE) return { ...classified, outcome: "below-gate" };
      return { ...classified, outcome: "segmented", segment: () => segment(patch) };
    },
  };
}

function channel({ data }: RgbImage, offset: number): Float32Array {
  return Float32Array.from({ length: data.length / 3 }, (_, pixel) => (data[pixel * 3 + offset] ?? 0) / 255);
}

function meanOf(values: Float32Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function sampled(values: Float32Array, width: number, side: number): FloatMap {
  const step = width / side;
  const data = Float32Array.from({ length: side * side }, (_, cell) => {
    const [x, y] = [cell % side, Math.floor(cell / side)];
    return values[y * step * width + x * step] ?? 0;
  });
  return { width: side, height: side, data };
}
