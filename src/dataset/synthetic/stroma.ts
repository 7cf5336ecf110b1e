import type { RandomStream } from "../../common/index.js";
import { fractalNoise, type NoiseField, noiseTile, smoothNoise, smoothstep, TILE } from "./noise.js";
import type { StainMaps } from "./staining.js";

/** The tissue before its nuclei. */
export interface Ground {
  readonly maps: StainMaps;
  /** Phase of the stroma's fibres: its level lines run along them. */
  readonly fibrePhase: NoiseField;
  /** 1 where there is tissue, 0 in empty space. */
  readonly coverage: NoiseField;
}

/** Fibrous stroma, and the cytoplasm of the nests where `nestDepth` is positive. */
export function drawGround(
  width: number,
  height: number,
  pixelsPerMicron: number,
  nestDepth: NoiseField,
  stream: RandomStream,
): Ground {
  const fibrePhase = drawFibres(width, height, pixelsPerMicron, stream);
  const loose = smoothNoise(width, height, 40 * pixelsPerMicron, stream);
  const grain = fractalNoise(width, height, 6 * pixelsPerMicron, 3, stream);
  const fibrils = noiseTile(2, stream);
  const looseness = stream.uniform(-0.35, 0.35);
  const retraction = stream.chance(0.5) ? stream.uniform(0.3, 0.9) : 0;
  const haematoxylin = new Float32Array(width * height);
  const eosin = new Float32Array(width * height);
  const coverage = new Float32Array(width * height);
  for (let i = 0; i < coverage.length; i++) {
    const phase = 2 * Math.PI * (fibrePhase[i] as number);
    const texture = grain[i] as number;
    const fine = fibrils[(Math.floor(i / width) * TILE + (i % width)) & (TILE * TILE - 1)] as number;
    const looseHere = loose[i] as number;
    const fibre = 0.6 * Math.sin(phase) + 0.4 * Math.sin(2.6 * phase + 3 * texture) + 0.5 * texture;
    const nestPart = smoothstep(-0.015, 0.03, nestDepth[i] as number);
    // Empty clefts open between the fibres where the stroma is loose, and around shrunken nests.
    const cleft = 1 - smoothstep(-1.1, -0.6, fibre - 0.9 * (looseHere + looseness));
    const halo = retraction * haloAt(nestDepth[i] as number) * smoothstep(-0.1, 0.4, looseHere);
    const stromaEosin = (0.4 + 0.1 * fibre + 0.05 * fine - 0.08 * looseHere) * (1 - 0.8 * cleft);
    const nestEosin = 0.33 + 0.07 * texture + 0.04 * fine;
    const here = 1 - halo;
    eosin[i] = here * Math.max(0.02, stromaEosin + nestPart * (nestEosin - stromaEosin));
    haematoxylin[i] =
      here * Math.max(0, 0.05 + 0.02 * texture + nestPart * (0.15 + 0.09 * texture + 0.03 * fine));
    coverage[i] = 1 - Math.max(halo, (1 - nestPart) * 0.5 * cleft);
  }
  return { maps: { width, height, haematoxylin, eosin }, fibrePhase, coverage };
}

function haloAt(depth: number): number {
  return smoothstep(-0.12, -0.06, depth) * (1 - smoothstep(-0.02, 0.01, depth));
}

function drawFibres(
  width: number,
  height: number,
  pixelsPerMicron: number,
  stream: RandomStream,
): NoiseField {
  const period = stream.uniform(9, 14) * pixelsPerMicron;
  const angle = stream.uniform(0, Math.PI);
  const [alongX, alongY] = [Math.cos(angle) / period, Math.sin(angle) / period];
  const bends = smoothNoise(width, height, 70 * pixelsPerMicron, stream);
  const waves = smoothNoise(width, height, 22 * pixelsPerMicron, stream);
  const phase = new Float32Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      phase[i] = x * alongX + y * alongY + 3.5 * (bends[i] as number) + 0.7 * (waves[i] as number);
    }
  }
  return phase;
}

/** The direction of the fibres at a pixel, radians: across the gradient of the phase. */
export function fibreDirection(
  phase: NoiseField,
  width: number,
  height: number,
  x: number,
  y: number,
): number {
  const column = Math.min(width - 2, Math.max(1, Math.round(x)));
  const row = Math.min(height - 2, Math.max(1, Math.round(y)));
  const i = row * width + column;
  const gradientX = (phase[i + 1] as number) - (phase[i - 1] as number);
  const gradientY = (phase[i + width] as number) - (phase[i - width] as number);
  return Math.atan2(gradientY, gradientX) + Math.PI / 2;
}
