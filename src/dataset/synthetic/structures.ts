import type { RandomStream } from "../../common/index.js";
import { type NoiseField, smoothstep } from "./noise.js";
import type { Nucleus } from "./nuclei.js";
import type { Ground } from "./stroma.js";

/** A place in the image, in pixels. */
export interface Place {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Looks for a disc of stroma: away from nests and from the places already taken. */
export function findStroma(
  ground: Ground,
  nestDepth: NoiseField,
  radius: number,
  taken: readonly Place[],
  stream: RandomStream,
): Place | undefined {
  const { width, height } = ground.maps;
  for (let attempt = 0; attempt < 30; attempt++) {
    const place = { x: stream.uniform(0, width), y: stream.uniform(0, height), radius };
    const touches = taken.some((other) => distance(place, other) < radius + other.radius);
    if (!touches && liesInStroma(place, nestDepth, width, height)) return place;
  }
  return undefined;
}

function liesInStroma(place: Place, nestDepth: NoiseField, width: number, height: number): boolean {
  for (let corner = 0; corner < 9; corner++) {
    const reach = corner === 8 ? 0 : 1.1 * place.radius;
    const x = Math.round(place.x + reach * Math.cos((corner * Math.PI) / 4));
    const y = Math.round(place.y + reach * Math.sin((corner * Math.PI) / 4));
    if (x < 0 || y < 0 || x >= width || y >= height) continue;
    if ((nestDepth[y * width + x] as number) > -0.05) return false;
  }
  return true;
}

function distance(a: Place, b: Place): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}

/** An outline around a place: the radius towards every direction, in parts of the place's radius. */
type Outline = (angle: number) => number;

function drawOutline(stream: RandomStream, amount: number): Outline {
  const waves = [2, 3, 5].map((order) => ({
    order,
    phase: stream.uniform(0, 2 * Math.PI),
    size: (amount * stream.uniform(0.4, 1)) / Math.sqrt(order),
  }));
  return (angle) =>
    waves.reduce((sum, { order, phase, size }) => sum + size * Math.sin(order * angle + phase), 1);
}

/** Calls `paint(pixel, distance in parts of the outline's radius)` for the pixels around a place. */
function around(
  place: Place,
  ground: Ground,
  outline: Outline,
  paint: (pixel: number, part: number) => void,
): void {
  const { width, height } = ground.maps;
  const reach = place.radius * 1.5;
  const bottom = Math.min(height - 1, place.y + reach);
  const right = Math.min(width - 1, place.x + reach);
  for (let y = Math.max(0, Math.ceil(place.y - reach)); y <= bottom; y++) {
    for (let x = Math.max(0, Math.ceil(place.x - reach)); x <= right; x++) {
      const radius = place.radius * outline(Math.atan2(y - place.y, x - place.x));
      paint(y * width + x, Math.hypot(x - place.x, y - place.y) / radius);
    }
  }
}

/** Fat or a vessel: empty space behind a thin wall. */
export function paintEmptySpace(place: Place, ground: Ground, stream: RandomStream): void {
  const { haematoxylin, eosin } = ground.maps;
  around(place, ground, drawOutline(stream, 0.08), (pixel, part) => {
    const empty = 1 - smoothstep(0.86, 0.95, part);
    haematoxylin[pixel] = (haematoxylin[pixel] as number) * (1 - empty);
    eosin[pixel] = (eosin[pixel] as number) * (1 - empty);
    ground.coverage[pixel] = (ground.coverage[pixel] as number) * (1 - empty);
  });
}

/**
 * A normal gland: a single row of regular nuclei at the base, pale cytoplasm, an empty lumen.
 * @returns its nuclei.
 */
export function paintGland(
  place: Place,
  ground: Ground,
  pixelsPerMicron: number,
  stream: RandomStream,
): Nucleus[] {
  const { haematoxylin, eosin } = ground.maps;
  const outline = drawOutline(stream, 0.14);
  const lumen = stream.uniform(0.25, 0.5);
  around(place, ground, outline, (pixel, part) => {
    const inside = 1 - smoothstep(0.97, 1.03, part);
    const empty = 1 - smoothstep(lumen - 0.05, lumen + 0.04, part);
    haematoxylin[pixel] = blend(haematoxylin[pixel], 0.1, inside) * (1 - empty);
    eosin[pixel] = blend(eosin[pixel], 0.36, inside) * (1 - empty);
    ground.coverage[pixel] = blend(ground.coverage[pixel], 1, inside) * (1 - empty);
  });
  const base = 0.8 * place.radius;
  const count = Math.floor((2 * Math.PI * base) / (6.4 * pixelsPerMicron));
  const nuclei: Nucleus[] = [];
  for (let k = 0; k < count; k++) {
    const angle = (2 * Math.PI * (k + stream.uniform(-0.18, 0.18))) / count;
    const radius = base * outline(angle) * stream.uniform(0.95, 1.04);
    nuclei.push({
      x: place.x + radius * Math.cos(angle),
      y: place.y + radius * Math.sin(angle),
      long: stream.uniform(3.2, 4) * pixelsPerMicron,
      short: stream.uniform(2.3, 2.8) * pixelsPerMicron,
      angle,
      depth: stream.uniform(0.75, 1),
      irregularity: 0.06,
      coarseness: 0.12,
      nucleolus: false,
    });
  }
  return nuclei;
}

function blend(before: number | undefined, after: number, part: number): number {
  const value = before ?? 0;
  return value + part * (after - value);
}

/** A cluster of lymphocytes: small, round, dark and even nuclei, dense in the middle. */
export function lymphocytesOf(place: Place, pixelsPerMicron: number, stream: RandomStream): Nucleus[] {
  const area = Math.PI * (place.radius / pixelsPerMicron) ** 2;
  return Array.from({ length: Math.round(area / 20) }, () => {
    const radius = stream.uniform(2.4, 3) * pixelsPerMicron;
    return {
      x: place.x + 0.4 * place.radius * stream.normal(),
      y: place.y + 0.4 * place.radius * stream.normal(),
      long: radius * stream.uniform(1, 1.12),
      short: radius,
      angle: stream.uniform(0, Math.PI),
      depth: stream.uniform(1.25, 1.6),
      irregularity: 0.05,
      coarseness: 0.18,
      nucleolus: false,
    };
  });
}
