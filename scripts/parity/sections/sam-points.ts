import { z } from "zod";
import {
  cast,
  constant,
  type FloatTensor,
  floats,
  floatTensor,
  greater,
  reshape,
  separable,
  sum,
  transpose,
  type Value,
} from "../../../src/graph/index.js";
import {
  compareSummary,
  describedInput,
  type GoldenDirectory,
  listError,
  relativeError,
  type SectionResult,
  sectionOf,
  sectionResult,
  summarySchema,
} from "../golden.js";
import { evaluate, foregroundLabels, patchMatrix, pretrainedSam, samGraph } from "./sam-model.js";

const TOLERANCE = 1e-4;

const pointsSchema = z.object({
  embedding: z.string(),
  points: z.string(),
  sparse: summarySchema,
  dense_pe: summarySchema,
  low_res: summarySchema,
  low_res_row128: z.array(z.number()),
  iou: z.array(z.number()),
  mask_pixels_512: z.number(),
});

const promptsSchema = z.object({
  box: z.array(z.number()),
  mask: z.string(),
  sparse: summarySchema,
  dense: summarySchema,
  low_res: summarySchema,
  iou: z.array(z.number()),
});

/** The prompt encoder and mask decoder with point prompts, and with points, a box and a mask. */
export async function run(golden: GoldenDirectory): Promise<SectionResult[]> {
  return [await pointPrompts(golden), await allPrompts(golden)];
}

async function pointPrompts(golden: GoldenDirectory): Promise<SectionResult> {
  const expected = sectionOf(golden, "sam_points", pointsSchema);
  const embedding = describedInput(expected.embedding);
  const points = describedInput(expected.points);
  const sam = await pretrainedSam();
  const graph = samGraph(sam, sam, {
    embedding,
    prompts: { points: { coordinates: constant(points), labels: constant(foregroundLabels(points)) } },
  });
  const matrix = patchMatrix();
  const mask = cast(greater(separable(graph.lowResolution, matrix, matrix), floats(0)), "float32");
  const outputs = {
    sparse: graph.prompts.sparse,
    dense_pe: positionsAsImage(graph.positions),
    low_res: graph.lowResolution,
    iou: graph.iou,
    pixels: sum(mask),
  };
  const results = await evaluate(outputs, { embedding }, golden.device);
  const errors = summaryErrors(results, expected, ["sparse", "dense_pe", "low_res"]);
  // The golden row holds every fourth pixel of row 128.
  const row = dataOf(results, "low_res").filter((_, index) => index >> 8 === 128 && index % 4 === 0);
  errors.set("low_res_row128", listError(row, expected.low_res_row128));
  errors.set("iou", listError(dataOf(results, "iou"), expected.iou));
  const [pixels = Number.NaN] = dataOf(results, "pixels");
  errors.set("mask_pixels_512", relativeError(pixels, expected.mask_pixels_512));
  return sectionResult("sam_points", TOLERANCE, errors);
}

async function allPrompts(golden: GoldenDirectory): Promise<SectionResult> {
  const section = "sam_points_box_mask_multimask";
  const expected = sectionOf(golden, section, promptsSchema);
  const earlier = sectionOf(golden, "sam_points", pointsSchema);
  const embedding = describedInput(earlier.embedding);
  const coordinates = floatTensor([1, 4, 2], describedInput(earlier.points).data.slice(0, 8));
  const sam = await pretrainedSam();
  const graph = samGraph(sam, sam, {
    embedding,
    multimask: true,
    prompts: {
      points: { coordinates: constant(coordinates), labels: floats([1, 0, 1, 0], [1, 4]) },
      boxes: floats(expected.box, [1, 4]),
      masks: constant(describedInput(expected.mask)),
    },
  });
  const outputs = {
    sparse: graph.prompts.sparse,
    dense: graph.prompts.dense,
    low_res: graph.lowResolution,
    iou: graph.iou,
  };
  const results = await evaluate(outputs, { embedding }, golden.device);
  const errors = summaryErrors(results, expected, ["sparse", "dense", "low_res"]);
  errors.set("iou", listError(dataOf(results, "iou"), expected.iou));
  return sectionResult(section, TOLERANCE, errors);
}

function summaryErrors<Name extends string>(
  results: ReadonlyMap<string, FloatTensor>,
  expected: Readonly<Record<Name, z.infer<typeof summarySchema>>>,
  names: readonly Name[],
): Map<string, number> {
  return new Map(names.map((name) => [name, compareSummary(name, tensorOf(results, name), expected[name])]));
}

function tensorOf(results: ReadonlyMap<string, FloatTensor>, name: string): FloatTensor {
  return results.get(name) ?? floatTensor([0]);
}

function dataOf(results: ReadonlyMap<string, FloatTensor>, name: string): Float32Array {
  return tensorOf(results, name).data;
}

/** [4096, 256] → [1, 256, 64, 64], the layout of the original's `get_dense_pe`. */
function positionsAsImage(positions: Value): Value {
  return reshape(transpose(positions, [1, 0]), [1, 256, 64, 64]);
}
