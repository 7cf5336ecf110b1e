import { join } from "node:path";
import { z } from "zod";
import { type FloatTensor, floatTensor } from "../../../src/graph/index.js";
import {
  type FloatMap,
  type GreyImage,
  type Mask,
  type RgbImage,
  readMask,
  readRgbImage,
  resizeFloatMap,
} from "../../../src/imaging/index.js";
import {
  type ActivationMap,
  ClassActivationMapper,
  cutOffLevel,
  type InitialMaskProfile,
  initialMask,
  normaliseLevels,
} from "../../../src/method/index.js";
import { paperResNetAdl, readSafetensors, stateDictOf } from "../../../src/models/index.js";
import {
  type GoldenDirectory,
  listError,
  relativeError,
  type SectionResult,
  sectionOf,
  sectionResult,
} from "../golden.js";
import { filledClassifier } from "./classifier-model.js";

const RAW_TOLERANCE = 1e-4;
/** Levels by which a map may be off: it is cut to 8 bits, and float32 sums decide on which side. */
const LEVEL_TOLERANCE = 1.01;

const camSchema = z.object({
  input: z.string(),
  mask_pixels: z.number(),
  mask_row_sums: z.array(z.number()),
  cam_mean: z.number(),
  /** Every eighth value of some rows of the map at the image's size. */
  cam_rows: z.record(z.string(), z.array(z.number())),
});
type Expected = z.infer<typeof camSchema>;

const sections = [
  ["cam_camelyon16", "camelyon16"],
  ["cam_camelyon17", "camelyon17"],
] as const;

/** The four-rotation activation map, before ReLU and averaged, and the initial masks of both profiles. */
export async function runCam(golden: GoldenDirectory): Promise<SectionResult[]> {
  const results: SectionResult[] = [];
  let known: Activations | undefined;
  for (const [section, profile] of sections) {
    const expected = sectionOf(golden, section, camSchema);
    // Both sections hold the same map, so it is computed once.
    known ??= await computeActivations(golden, expected.input);
    results.push(...(await compareSection(golden, section, profile, expected, known)));
  }
  return results;
}

interface Activations {
  readonly image: RgbImage;
  readonly activation: ActivationMap;
  readonly rawErrors: ReadonlyMap<string, number>;
}

async function computeActivations(golden: GoldenDirectory, input: string): Promise<Activations> {
  const image = await readRgbImage(join(golden.path, input));
  const file = join(golden.path, "cam.safetensors");
  const stored = stateDictOf((await readSafetensors(file)).tensors, { file });
  const { weights } = filledClassifier([1, 3, image.height, image.width], "evaluation");
  const head = stored.get("fc.weight");
  const mapper = await ClassActivationMapper.create(
    {
      model: paperResNetAdl,
      weights: head === undefined ? new Map<string, FloatTensor>() : withHead(weights, head),
      inputSize: image,
      device: golden.device,
    },
    { layer: "layer4-first" },
  );
  try {
    const activation = await mapper.map(image);
    const raw = [...(stored.get("raw_cam_0deg")?.data ?? [])];
    const rawErrors = new Map(raw.length > 0 ? [["raw 0°", listError(activation.upright.data, raw)]] : []);
    return { image, activation, rawErrors };
  } finally {
    await mapper.close();
  }
}

function withHead(
  weights: ReadonlyMap<string, FloatTensor>,
  { shape, data }: { readonly shape: readonly number[]; readonly data: Float32Array },
): Map<string, FloatTensor> {
  return new Map(weights).set("fc.weight", floatTensor(shape, data));
}

async function compareSection(
  golden: GoldenDirectory,
  section: string,
  profile: InitialMaskProfile,
  expected: Expected,
  { image, activation, rawErrors }: Activations,
): Promise<SectionResult[]> {
  const { levels } = activation;
  const map = normaliseLevels(levels);
  const maskErrors = await compareMask(golden, section, profile, expected, levels, image);
  return [
    sectionResult(`${section} before ReLU`, RAW_TOLERANCE, rawErrors),
    sectionResult(`${section} map`, mapTolerance(levels), compareMap(map, image, expected)),
    sectionResult(`${section} mask`, 0, maskErrors),
  ];
}

/** One level, as a share of the map's range; a map without contrast must be met exactly. */
function mapTolerance(levels: GreyImage): number {
  const range = levelRange(levels);
  return range === 0 ? 0 : LEVEL_TOLERANCE / range;
}

function levelRange({ data }: GreyImage): number {
  return data.reduce((a, b) => Math.max(a, b), 0) - data.reduce((a, b) => Math.min(a, b), 255);
}

/** Differences of the map at the image's size, whose values go from 0 to 1. */
function compareMap(map: FloatMap, { width, height }: RgbImage, expected: Expected): Map<string, number> {
  const { data } = resizeFloatMap(map, width, height);
  const mean = data.reduce((sum, value) => sum + value, 0) / data.length;
  const rows = Object.entries(expected.cam_rows).map(([row, values]): [string, number] => {
    const step = width / values.length;
    const ours = values.map((_, index) => data[Number(row) * width + index * step] ?? Number.NaN);
    return [`row ${row}`, Math.max(...values.map((value, index) => Math.abs((ours[index] ?? 0) - value)))];
  });
  return new Map([...rows, ["mean", Math.abs(mean - expected.cam_mean)]]);
}

/**
 * The share of mask pixels that differ although no level within one of the threshold explains it, and whether the
 * mask's file and its counts in `golden.json` agree.
 */
async function compareMask(
  golden: GoldenDirectory,
  section: string,
  profile: InitialMaskProfile,
  expected: Expected,
  levels: GreyImage,
  { width, height }: RgbImage,
): Promise<Map<string, number>> {
  const file = join(golden.path, section.replace(/^cam_/, "cam_mask_").concat(".png"));
  const stored = await readMask(file, { expectedSize: { width, height } });
  const rowSums = Array.from({ length: height }, (_, y) =>
    stored.data.subarray(y * width, (y + 1) * width).reduce((sum, value) => sum + value, 0),
  );
  const pixels = rowSums.reduce((sum, value) => sum + value, 0);
  const [narrow, wide] = await Promise.all(
    [1, -1].map((side) => maskBeyond(levels, profile, side * LEVEL_TOLERANCE, { width, height })),
  );
  let outside = 0;
  for (let pixel = 0; pixel < stored.data.length; pixel++) {
    const value = stored.data[pixel] ?? 0;
    if (value < (narrow?.data[pixel] ?? 1) || value > (wide?.data[pixel] ?? 0)) outside += 1;
  }
  return new Map([
    ["pixels", outside / stored.data.length],
    ["mask_pixels", relativeError(pixels, expected.mask_pixels)],
    ["mask_row_sums", listError(rowSums, expected.mask_row_sums)],
  ]);
}

/** The initial mask with the threshold moved by some levels. */
function maskBeyond(
  levels: GreyImage,
  profile: InitialMaskProfile,
  offset: number,
  size: { readonly width: number; readonly height: number },
): Promise<Mask> {
  const lowest = levels.data.reduce((a, b) => Math.min(a, b), 255);
  const level = (cutOffLevel(levels, { profile }) ?? 0) + offset;
  return initialMask(levels, size, { profile, threshold: (level - lowest) / levelRange(levels) });
}
