import type { RandomStream } from "../../common/index.js";
import { type NoiseField, noiseTile, smoothstep, TILE } from "./noise.js";
import type { StainMaps } from "./staining.js";

/** A nucleus to be drawn; lengths in pixels. */
export interface Nucleus {
  readonly x: number;
  readonly y: number;
  /** Half axes of the ellipse. */
  readonly long: number;
  readonly short: number;
  /** Direction of the long axis, radians. */
  readonly angle: number;
  /** Haematoxylin in the middle. */
  readonly depth: number;
  /** How far the outline leaves the ellipse, in parts of the radius. */
  readonly irregularity: number;
  /** Contrast of the chromatin. */
  readonly coarseness: number;
  readonly nucleolus: boolean;
}

/** Textures that all nuclei of an image are cut from. */
export interface NuclearTextures {
  readonly outline: NoiseField;
  readonly chromatin: NoiseField;
}

/** Draws the textures for an image of `pixelsPerMicron`. */
export function drawTextures(pixelsPerMicron: number, stream: RandomStream): NuclearTextures {
  return {
    outline: noiseTile(powerOfTwoNear(3.5 * pixelsPerMicron), stream),
    chromatin: noiseTile(powerOfTwoNear(1.1 * pixelsPerMicron), stream),
  };
}

function powerOfTwoNear(size: number): number {
  return Math.min(TILE / 8, Math.max(2, 2 ** Math.round(Math.log2(size))));
}

/** Adds one nucleus to the stain maps, with an outline and chromatin of its own. */
export function paintNucleus(
  maps: StainMaps,
  nucleus: Nucleus,
  textures: NuclearTextures,
  stream: RandomStream,
): void {
  const { width, height, haematoxylin, eosin } = maps;
  const { long, short, irregularity, coarseness, depth } = nucleus;
  const reach = Math.max(long, short) * (1 + irregularity) + 2;
  const cosine = Math.cos(nucleus.angle);
  const sine = Math.sin(nucleus.angle);
  const edge = Math.min(0.35, 0.9 / short);
  const offset = stream.integer(TILE * TILE);
  const spot = {
    u: stream.uniform(-0.35, 0.35),
    v: stream.uniform(-0.35, 0.35),
    size: stream.uniform(0.18, 0.3),
  };
  const left = Math.max(0, Math.floor(nucleus.x - reach));
  const right = Math.min(width - 1, Math.ceil(nucleus.x + reach));
  const bottom = Math.min(height - 1, Math.ceil(nucleus.y + reach));
  for (let y = Math.max(0, Math.floor(nucleus.y - reach)); y <= bottom; y++) {
    for (let x = left; x <= right; x++) {
      const u = ((x - nucleus.x) * cosine + (y - nucleus.y) * sine) / long;
      const v = ((y - nucleus.y) * cosine - (x - nucleus.x) * sine) / short;
      const texel = (offset + (y & 255) * TILE + (x & 255)) & (TILE * TILE - 1);
      const radius = Math.sqrt(u * u + v * v) * (1 + irregularity * (textures.outline[texel] as number));
      if (radius >= 1 + edge) continue;
      const cover = 1 - smoothstep(1 - edge, 1 + edge, radius);
      // Chromatin condenses at the membrane and in clumps.
      const membrane = 0.2 * smoothstep(0.6, 0.9, radius);
      let amount = depth * (0.9 + membrane + coarseness * (textures.chromatin[texel] as number));
      if (nucleus.nucleolus && Math.hypot(u - spot.u, v - spot.v) < spot.size) amount += 0.45;
      const pixel = y * width + x;
      const before = haematoxylin[pixel] as number;
      haematoxylin[pixel] = before + cover * (Math.max(amount, before) - before);
      eosin[pixel] = (eosin[pixel] as number) * (1 - 0.35 * cover);
    }
  }
}

/** Remembers where nuclei are, so that they do not lie on each other. */
export class Occupancy {
  readonly #cell: number;
  readonly #columns: number;
  readonly #cells = new Map<number, { x: number; y: number; radius: number }[]>();

  /** @param largest radius of any nucleus to come, in pixels. */
  constructor(width: number, largest: number) {
    this.#cell = Math.max(4, 2 * largest);
    this.#columns = Math.ceil(width / this.#cell) + 4;
  }

  /** Takes the disc if it overlaps no earlier one by more than `overlap` (0–1) of the summed radii. */
  take(x: number, y: number, radius: number, overlap = 0.12): boolean {
    const column = Math.floor(x / this.#cell);
    const row = Math.floor(y / this.#cell);
    for (let dy = -1; dy <= 1; dy++) {
      for (let dx = -1; dx <= 1; dx++) {
        for (const other of this.#cells.get(this.#key(column + dx, row + dy)) ?? []) {
          const allowed = (radius + other.radius) * (1 - overlap);
          if ((x - other.x) ** 2 + (y - other.y) ** 2 < allowed * allowed) return false;
        }
      }
    }
    const key = this.#key(column, row);
    const cell = this.#cells.get(key) ?? [];
    cell.push({ x, y, radius });
    this.#cells.set(key, cell);
    return true;
  }

  #key(column: number, row: number): number {
    return (row + 2) * this.#columns + column + 2;
  }
}
