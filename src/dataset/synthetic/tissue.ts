import { EpSamError, type RandomStream } from "../../common/index.js";
import type { Mask, RgbImage } from "../../imaging/index.js";
import { drawNests, maskOfNests } from "./nests.js";
import type { NoiseField } from "./noise.js";
import { drawTextures, type Nucleus, Occupancy, paintNucleus } from "./nuclei.js";
import { drawStaining, renderStains, type Staining } from "./staining.js";
import { drawGround, fibreDirection, type Ground } from "./stroma.js";
import { findStroma, lymphocytesOf, type Place, paintEmptySpace, paintGland } from "./structures.js";

/** A generated image and what is tumour in it. */
export interface SyntheticTissue {
  readonly image: RgbImage;
  /** 1 inside tumour nests, cytoplasm included. */
  readonly mask: Mask;
}

export interface TissueOptions {
  readonly width: number;
  readonly height: number;
  /** Number of tumour nests; they may overlap. */
  readonly tumourNests: number;
  /** Smallest and largest radius of a nest in microns, 35–80 unless told. */
  readonly nestRadius?: readonly [number, number];
  /** The part of the image to be tumour; without it the nests keep their drawn size. */
  readonly tumourFraction?: number;
  /** Drawn from the stream unless given. */
  readonly staining?: Staining;
  /** 0.5 unless told. */
  readonly micronsPerPixel?: number;
}

/**
 * An H&E-like image with known ground truth. Tumour nests are crowded with large, uneven, dark nuclei and have
 * irregular outlines. All around lie fibres with spindle nuclei and what a classifier may confuse with tumour:
 * lymphocyte clusters, normal glands, empty spaces.
 *
 * Time grows with the area, about 0.2 s for 512²; memory is about 60 bytes a pixel.
 * @throws EpSamError `usage` when the image is smaller than 16 pixels or the tumour fraction is not in (0, 1).
 */
export function generateTissueImage(stream: RandomStream, options: TissueOptions): SyntheticTissue {
  checkOptions(options);
  const { width, height, tumourNests, nestRadius = [35, 80], tumourFraction } = options;
  const pixelsPerMicron = 1 / (options.micronsPerPixel ?? 0.5);
  const staining = options.staining ?? drawStaining(stream);
  const nestDepth = drawNests(
    {
      width,
      height,
      pixelsPerMicron,
      count: tumourNests,
      radius: nestRadius,
      ...(tumourFraction === undefined ? {} : { tumourFraction }),
    },
    stream,
  );
  const ground = drawGround(width, height, pixelsPerMicron, nestDepth, stream);
  populate(ground, nestDepth, pixelsPerMicron, stream);
  return { image: renderStains(ground.maps, staining, stream), mask: maskOfNests(nestDepth, width, height) };
}

function checkOptions({ width, height, tumourFraction }: TissueOptions): void {
  const whole = Number.isInteger(width) && Number.isInteger(height);
  if (!whole || width < 16 || height < 16) {
    throw new EpSamError("usage", {
      what: `a generated image of ${width}×${height} pixels is too small`,
      action: "Choose whole numbers from 16 pixels on.",
    });
  }
  if (tumourFraction !== undefined && !(tumourFraction > 0 && tumourFraction < 1)) {
    throw new EpSamError("usage", {
      what: `the tumour fraction must lie between 0 and 1, not at ${tumourFraction}`,
      action: "Ask for no nests to have no tumour.",
    });
  }
}

/** Structures first, then nuclei wherever there is room, drawn in order of their placing. */
function populate(
  ground: Ground,
  nestDepth: NoiseField,
  pixelsPerMicron: number,
  stream: RandomStream,
): void {
  const { width, height } = ground.maps;
  const textures = drawTextures(pixelsPerMicron, stream);
  const occupancy = new Occupancy(width, 8 * pixelsPerMicron);
  const area = (width * height) / (pixelsPerMicron * pixelsPerMicron);
  const structures = drawStructures(ground, nestDepth, area, pixelsPerMicron, stream);
  const nuclei = [
    ...structures.nuclei,
    ...tumourNuclei(ground, nestDepth, pixelsPerMicron, stream),
    ...spindleNuclei(ground, nestDepth, structures.glands, pixelsPerMicron, stream),
  ];
  for (const nucleus of nuclei) {
    const radius = Math.sqrt(nucleus.long * nucleus.short);
    if (coverageAt(ground, nucleus.x, nucleus.y) < 0.6) continue;
    if (occupancy.take(nucleus.x, nucleus.y, radius)) paintNucleus(ground.maps, nucleus, textures, stream);
  }
}

function drawStructures(
  ground: Ground,
  nestDepth: NoiseField,
  areaInSquareMicrons: number,
  pixelsPerMicron: number,
  stream: RandomStream,
): { nuclei: Nucleus[]; glands: Place[] } {
  const taken: Place[] = [];
  const glands: Place[] = [];
  const nuclei: Nucleus[] = [];
  const place = (radius: number): Place | undefined => {
    const found = findStroma(ground, nestDepth, radius * pixelsPerMicron, taken, stream);
    if (found !== undefined) taken.push(found);
    return found;
  };
  for (let n = amount(areaInSquareMicrons / 30_000, stream); n > 0; n--) {
    const gland = place(stream.uniform(16, 30));
    if (gland === undefined) continue;
    glands.push(gland);
    nuclei.push(...paintGland(gland, ground, pixelsPerMicron, stream));
  }
  for (let n = amount(areaInSquareMicrons / 25_000, stream); n > 0; n--) {
    const cluster = place(stream.uniform(10, 28));
    if (cluster !== undefined) nuclei.push(...lymphocytesOf(cluster, pixelsPerMicron, stream));
  }
  for (let n = amount(areaInSquareMicrons / 25_000, stream); n > 0; n--) {
    const space = place(stream.uniform(5, 18));
    if (space !== undefined) paintEmptySpace(space, ground, stream);
  }
  return { nuclei, glands };
}

/** A whole number scattered around `mean`, 0 included. */
function amount(mean: number, stream: RandomStream): number {
  return Math.floor(mean * stream.uniform(0.2, 1.8) + stream.uniform());
}

/** Points of a shaken lattice, in random order. */
function shakenLattice(width: number, height: number, spacing: number, stream: RandomStream): Place[] {
  const places: Place[] = [];
  for (let y = -spacing / 2; y < height + spacing; y += spacing) {
    for (let x = -spacing / 2; x < width + spacing; x += spacing) {
      const shake = (): number => stream.uniform(-0.45, 0.45) * spacing;
      places.push({ x: x + shake(), y: y + shake(), radius: spacing / 2 });
    }
  }
  return stream.shuffled(places);
}

function tumourNuclei(
  ground: Ground,
  nestDepth: NoiseField,
  pixelsPerMicron: number,
  stream: RandomStream,
): Nucleus[] {
  const { width, height } = ground.maps;
  const grade = stream.uniform(0.85, 1.15);
  return shakenLattice(width, height, 8.2 * pixelsPerMicron, stream).flatMap(({ x, y }) => {
    if (valueAt(nestDepth, width, height, x, y) < 0.03) return [];
    const radius = grade * (4.2 + 1.1 * Math.abs(stream.normal())) * pixelsPerMicron;
    const elongation = stream.uniform(1, 1.35);
    return {
      x,
      y,
      long: Math.min(radius, 7.5 * pixelsPerMicron) * Math.sqrt(elongation),
      short: Math.min(radius, 7.5 * pixelsPerMicron) / Math.sqrt(elongation),
      angle: stream.uniform(0, Math.PI),
      depth: stream.chance(0.06) ? stream.uniform(1.7, 2) : stream.uniform(0.85, 1.35),
      irregularity: stream.uniform(0.1, 0.24),
      coarseness: stream.uniform(0.2, 0.34),
      nucleolus: stream.chance(0.45),
    };
  });
}

function spindleNuclei(
  ground: Ground,
  nestDepth: NoiseField,
  glands: readonly Place[],
  pixelsPerMicron: number,
  stream: RandomStream,
): Nucleus[] {
  const { width, height } = ground.maps;
  const density = stream.uniform(0.35, 0.75);
  return shakenLattice(width, height, 13 * pixelsPerMicron, stream).flatMap(({ x, y }) => {
    if (!stream.chance(density) || valueAt(nestDepth, width, height, x, y) > -0.04) return [];
    if (glands.some((gland) => Math.hypot(gland.x - x, gland.y - y) < 1.15 * gland.radius)) return [];
    return {
      x,
      y,
      long: stream.uniform(4, 7.5) * pixelsPerMicron,
      short: stream.uniform(1.1, 1.9) * pixelsPerMicron,
      angle: fibreDirection(ground.fibrePhase, width, height, x, y) + 0.2 * stream.normal(),
      depth: stream.uniform(0.8, 1.35),
      irregularity: 0.1,
      coarseness: 0.15,
      nucleolus: false,
    };
  });
}

function coverageAt(ground: Ground, x: number, y: number): number {
  return valueAt(ground.coverage, ground.maps.width, ground.maps.height, x, y);
}

/** The value at the nearest pixel of the image. */
function valueAt(field: NoiseField, width: number, height: number, x: number, y: number): number {
  const column = Math.min(width - 1, Math.max(0, Math.round(x)));
  const row = Math.min(height - 1, Math.max(0, Math.round(y)));
  return field[row * width + column] as number;
}
