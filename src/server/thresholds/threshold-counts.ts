import { Slices } from "../../common/index.js";
import type { GreyImage } from "../../imaging/index.js";

/** Grey levels, and with them thresholds. */
const LEVELS = 256;
/** Pixels that are joined before others may have their turn. */
const PIXELS_AT_ONCE = 2 ** 14;

/**
 * How many pixels have at least each grey level.
 * @param within counts those where it is 1, of the image's size
 * @returns 256 counts
 */
export function pixelCounts({ data }: GreyImage, within?: Uint8Array): number[] {
  const histogram = new Float64Array(LEVELS);
  for (let at = 0; at < data.length; at++) {
    const level = data[at] ?? 0;
    if (within === undefined || within[at] === 1) histogram[level] = (histogram[level] ?? 0) + 1;
  }
  const counts = Array.from(histogram);
  for (let level = LEVELS - 2; level >= 0; level--)
    counts[level] = (counts[level] ?? 0) + (counts[level + 1] ?? 0);
  return counts;
}

/**
 * How many connected areas the pixels with at least each grey level make, those that touch at a corner joined: pixels
 * come in from the brightest on, and are joined to those that are there (union-find; Najman and Couprie 2006 build the
 * component tree so).
 * @param minimum pixels that an area has at least
 * @returns 256 counts; 1 at level 0, where everything is one area
 */
export async function focusCounts(image: GreyImage, minimum: number): Promise<number[]> {
  const { width, height, data } = image;
  const slices = new Slices();
  const areas = new GrowingAreas(width, height, minimum);
  const { order, starts } = brightestFirst(data);
  const counts = new Array<number>(LEVELS).fill(0);
  counts[0] = data.length >= minimum ? 1 : 0;
  for (let level = LEVELS - 1; level > 0; level--) {
    const [from, to] = [starts[level] ?? 0, starts[level - 1] ?? 0];
    for (let at = from; at < to; at++) {
      if (at % PIXELS_AT_ONCE === 0) await slices.next();
      areas.add(order[at] ?? 0);
    }
    counts[level] = areas.count;
  }
  return counts;
}

/** Numbers of the pixels from the brightest on, without those of level 0, and where each level begins. */
function brightestFirst(data: Uint8Array): { readonly order: Int32Array; readonly starts: Int32Array } {
  const counts = new Int32Array(LEVELS);
  for (let at = 0; at < data.length; at++) {
    const level = data[at] ?? 0;
    counts[level] = (counts[level] ?? 0) + 1;
  }
  const starts = new Int32Array(LEVELS);
  for (let level = LEVELS - 2; level >= 0; level--) {
    starts[level] = (starts[level + 1] ?? 0) + (counts[level + 1] ?? 0);
  }
  const next = starts.slice();
  const order = new Int32Array(data.length - (counts[0] ?? 0));
  for (let at = 0; at < data.length; at++) {
    const level = data[at] ?? 0;
    if (level === 0) continue;
    const place = next[level] ?? 0;
    order[place] = at;
    next[level] = place + 1;
  }
  return { order, starts };
}

const ABSENT = -1;

/** Connected areas of pixels that come one after another. */
class GrowingAreas {
  readonly #width: number;
  readonly #height: number;
  readonly #minimum: number;
  /** The next pixel on the way to its area's root, itself for a root, {@link ABSENT} while it is not there. */
  readonly #parents: Int32Array;
  /** Pixels of an area, at its root. */
  readonly #sizes: Int32Array;
  /** Areas that are large enough. */
  count = 0;

  constructor(width: number, height: number, minimum: number) {
    this.#width = width;
    this.#height = height;
    this.#minimum = Math.max(1, minimum);
    this.#parents = new Int32Array(width * height).fill(ABSENT);
    this.#sizes = new Int32Array(width * height);
  }

  add(pixel: number): void {
    this.#parents[pixel] = pixel;
    this.#sizes[pixel] = 1;
    this.count += this.#counts(1);
    const x = pixel % this.#width;
    const y = (pixel - x) / this.#width;
    const [left, right] = [Math.max(0, x - 1), Math.min(this.#width - 1, x + 1)];
    const [top, bottom] = [Math.max(0, y - 1), Math.min(this.#height - 1, y + 1)];
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) {
        const other = row * this.#width + column;
        if (other !== pixel && this.#parents[other] !== ABSENT) this.#join(pixel, other);
      }
    }
  }

  #join(one: number, other: number): void {
    const [first, second] = [this.#root(one), this.#root(other)];
    if (first === second) return;
    const [firstSize, secondSize] = [this.#sizes[first] ?? 0, this.#sizes[second] ?? 0];
    const [root, child] = firstSize < secondSize ? [second, first] : [first, second];
    this.#parents[child] = root;
    this.#sizes[root] = firstSize + secondSize;
    this.count += this.#counts(firstSize + secondSize) - this.#counts(firstSize) - this.#counts(secondSize);
  }

  #root(pixel: number): number {
    let at = pixel;
    for (let parent = this.#parents[at] ?? at; parent !== at; parent = this.#parents[at] ?? at) {
      // The way is halved for the next time.
      const next = this.#parents[parent] ?? parent;
      this.#parents[at] = next;
      at = next;
    }
    return at;
  }

  #counts(size: number): 0 | 1 {
    return size >= this.#minimum ? 1 : 0;
  }
}
