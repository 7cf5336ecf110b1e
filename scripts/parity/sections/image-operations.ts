import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { EpSamError, messageOf } from "../../../src/common/index.js";
import {
  closeMask,
  hsvSaturation,
  type Mask,
  maskAbove,
  medianFilter,
  openMask,
  otsuThreshold,
  type RgbImage,
  readRgbImage,
  resizeFloatMap,
  resizeRgb,
} from "../../../src/imaging/index.js";
import {
  type GoldenDirectory,
  listError,
  relativeError,
  type SectionResult,
  sectionResult,
} from "../golden.js";

const SECTION = "imageops";
const FLOAT_TOLERANCE = 1e-6;

const resizedSchema = z.strictObject({
  shape: z.tuple([z.number(), z.number(), z.literal(3)]),
  sha256: z.string(),
  row_10_first_8_px: z.array(z.array(z.number())),
});
const hashedSchema = z.strictObject({ sha256: z.string() });
const maskSchema = hashedSchema.extend({ foreground: z.number() });
// Strict, so that an operation this program does not know is an error.
const operationsSchema = z.strictObject({
  input: z.string(),
  versions: z.record(z.string(), z.string()),
  hash: z.literal("sha256 of the row-major uint8 bytes"),
  pil_bilinear_1024x1024: resizedSchema,
  pil_bilinear_300x200: resizedSchema,
  pil_lanczos_300x200: resizedSchema,
  hsv_saturation: hashedSchema,
  otsu: maskSchema.extend({ threshold: z.number() }),
  close_7x7_x2: maskSchema,
  median_15: maskSchema,
  open_5x5: maskSchema,
  open_21x21: maskSchema,
  cv2_bilinear_float_32_to_512: z.strictObject({
    input: z.string(),
    mean: z.number(),
    row_100_every_64: z.array(z.number()),
  }),
});
type Operations = z.infer<typeof operationsSchema>;

/** Pillow's resizing and OpenCV's operations; all are exact but the resizing of real values. */
export async function runImageOperations(golden: GoldenDirectory): Promise<SectionResult[]> {
  const expected = await readOperations(golden);
  const [file = ""] = expected.input.split(",");
  const image = await readRgbImage(join(golden.path, file));
  const saturation = hsvSaturation(image);
  const exact = new Map([
    ...resizingErrors(image, expected),
    ["hsv_saturation", hashError(saturation.data, expected.hsv_saturation.sha256)] as const,
    ...(await maskErrors(saturation, expected)),
  ]);
  return [
    sectionResult(SECTION, 0, exact),
    sectionResult(`${SECTION} real values`, FLOAT_TOLERANCE, realValueErrors(saturation, expected)),
  ];
}

async function readOperations({ path }: GoldenDirectory): Promise<Operations> {
  const file = join(path, "imageops.json");
  try {
    return operationsSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : messageOf(cause);
    throw new EpSamError("usage", { what: "cannot be used", where: file, why }, { cause });
  }
}

/** 0 when the bytes have this hash, else 1. */
function hashError(data: Uint8Array, sha256: string): number {
  return createHash("sha256").update(data).digest("hex") === sha256 ? 0 : 1;
}

function resizingErrors(image: RgbImage, expected: Operations): [string, number][] {
  return (
    [
      ["pil_bilinear_1024x1024", "bilinear"],
      ["pil_bilinear_300x200", "bilinear"],
      ["pil_lanczos_300x200", "lanczos"],
    ] as const
  ).map(([name, filter]) => {
    const { shape, sha256, row_10_first_8_px: row } = expected[name];
    const [height, width] = shape;
    const { data } = resizeRgb(image, width, height, filter);
    const start = 10 * width * 3;
    return [name, Math.max(hashError(data, sha256), listError(data.subarray(start), row.flat()))];
  });
}

async function maskErrors(saturation: Mask, expected: Operations): Promise<[string, number][]> {
  const threshold = otsuThreshold(saturation);
  const tissue = maskAbove(saturation, threshold);
  const closed = closeMask(tissue, 7, 2);
  // The openings' hashes were taken of masks with 1 for foreground, the others' with 255.
  const masks = [
    ["otsu", tissue, 255],
    ["close_7x7_x2", closed, 255],
    ["median_15", medianFilter(closed, 15), 255],
    ["open_5x5", openMask(tissue, 5), 1],
    ["open_21x21", openMask(tissue, 21), 1],
  ] as const;
  const errors = masks.map(([name, { data }, foreground]): [string, number] => {
    const { sha256, foreground: pixels } = expected[name];
    const count = data.reduce((sum, value) => sum + value, 0);
    const bytes = data.map((value) => value * foreground);
    return [name, Math.max(hashError(bytes, sha256), relativeError(count, pixels))];
  });
  return [...errors, ["otsu threshold", relativeError(threshold, expected.otsu.threshold)]];
}

function realValueErrors(saturation: Mask, expected: Operations): Map<string, number> {
  const { mean, row_100_every_64: row } = expected.cv2_bilinear_float_32_to_512;
  const side = 32;
  const corner = Float32Array.from(
    { length: side * side },
    (_, index) => (saturation.data[Math.floor(index / side) * saturation.width + (index % side)] ?? 0) / 255,
  );
  const { data } = resizeFloatMap({ width: side, height: side, data: corner }, 512, 512);
  const every64 = row.map((_, index) => data[100 * 512 + index * 64] ?? Number.NaN);
  const average = data.reduce((sum, value) => sum + value, 0) / data.length;
  return new Map([
    ["mean", relativeError(average, mean)],
    ["row 100", listError(every64, row)],
  ]);
}
