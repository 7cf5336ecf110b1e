import { EpSamError } from "../../src/common/index.js";
import type { RgbImage } from "../../src/imaging/index.js";
import type { MicronsPerPixel, PixelSource, Region } from "../../src/slides/index.js";

export interface MemorySlideOptions {
  readonly micronsPerPixel?: MicronsPerPixel | null;
  /** Downsamples of the levels; each is made by taking every n-th pixel. */
  readonly downsamples?: readonly number[];
  /** Level-0 box in which reading fails, as in a damaged file. */
  readonly damaged?: {
    readonly left: number;
    readonly top: number;
    readonly right: number;
    readonly bottom: number;
  };
}

/** A slide whose pixels a function gives, and the largest region that was read from it. */
export interface MemorySlide extends PixelSource {
  readonly largestRead: () => number;
}

/** A slide without a file: `colour` gives its level-0 pixels, so that it can be of any size. */
export function memorySlide(
  path: string,
  width: number,
  height: number,
  colour: (x: number, y: number) => readonly [number, number, number],
  options: MemorySlideOptions = {},
): MemorySlide {
  const { micronsPerPixel = null, downsamples = [1, 4, 16], damaged } = options;
  let largest = 0;
  const levels = downsamples.map((downsample) => ({
    width: Math.floor(width / downsample),
    height: Math.floor(height / downsample),
    downsample,
    tileSize: null,
  }));
  const readRegion = async (region: Region): Promise<RgbImage> => {
    const level = levels[region.level];
    if (level === undefined) throw new Error(`no level ${region.level}`);
    const [left, top] = [region.origin.x, region.origin.y].map((at) => Math.floor(at / level.downsample));
    if (left === undefined || top === undefined) throw new Error("two coordinates");
    largest = Math.max(largest, region.width * region.height);
    const right = (left + region.width) * level.downsample;
    const bottom = (top + region.height) * level.downsample;
    const isDamaged =
      damaged !== undefined &&
      region.origin.x < damaged.right &&
      right > damaged.left &&
      region.origin.y < damaged.bottom &&
      bottom > damaged.top;
    if (isDamaged) throw new EpSamError("slide", { where: path, what: "has a damaged tile" });
    const data = new Uint8Array(region.width * region.height * 3).fill(255);
    for (let row = 0; row < region.height; row++) {
      for (let column = 0; column < region.width; column++) {
        const [x, y] = [left + column, top + row];
        if (x < 0 || y < 0 || x >= level.width || y >= level.height) continue;
        const at = (row * region.width + column) * 3;
        const [red, green, blue] = colour(x * level.downsample, y * level.downsample);
        data[at] = red;
        data[at + 1] = green;
        data[at + 2] = blue;
      }
    }
    return { width: region.width, height: region.height, data };
  };
  return {
    path,
    format: "memory",
    levels,
    micronsPerPixel,
    objectivePower: null,
    associatedImages: [],
    warnings: [],
    properties: {},
    readRegion,
    readAssociatedImage: async (name) => {
      throw new EpSamError("usage", { where: path, what: `has no associated image "${name}"` });
    },
    close: async () => undefined,
    largestRead: () => largest,
  };
}
