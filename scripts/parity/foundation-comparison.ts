import { join } from "node:path";
import { z } from "zod";
import { must, readJson } from "../../src/common/index.js";
import { device, floatTensor } from "../../src/graph/index.js";
import {
  detectTransformer,
  openModelWeights,
  readSafetensors,
  TransformerModel,
  transformerWeights,
} from "../../src/models/index.js";

/** Colours as foundation_reference.py shows them. */
const normalisation = {
  mean: [0.707223 * 255, 0.578729 * 255, 0.703617 * 255],
  deviation: [0.211883 * 255, 0.230117 * 255, 0.177517 * 255],
} as const;

const listSchema = z.object({
  versions: z.record(z.string(), z.string()),
  models: z.array(z.object({ name: z.string(), file: z.string() })),
});

/** The models that foundation_reference.py has left in a directory. */
export function readReferences(directory: string): Promise<z.infer<typeof listSchema>> {
  return readJson(join(directory, "models.json"), listSchema, {
    tag: "weights",
    what: "is no list of reference models",
    action: "Make it with foundation_reference.py.",
  });
}

/** How far one picture's map is from the reference. */
export interface MapDifference {
  readonly height: number;
  readonly width: number;
  /** Largest difference over the largest value. */
  readonly relativeError: number;
}

/** Computes the maps of a model's pictures and compares them. */
export async function compareWithReference(
  directory: string,
  { name, file }: { readonly name: string; readonly file: string },
  heads: number | undefined,
): Promise<MapDifference[]> {
  const { tensors } = await readSafetensors(join(directory, `${name}.expected.safetensors`));
  const opened = await openModelWeights(join(directory, file));
  try {
    const weights = transformerWeights(opened);
    const transformer = detectTransformer(weights, heads);
    const differences: MapDifference[] = [];
    for (const index of [0, 1]) {
      const image = must(tensors, `image-${index}`, "pictures");
      const expected = must(tensors, `map-${index}`, "maps");
      const [, , height = 0, width = 0] = image.shape;
      const grid = { rows: height / transformer.patch, columns: width / transformer.patch };
      const model = await TransformerModel.create({
        transformer,
        weights,
        grid,
        batchSize: 1,
        normalisation,
        device: device("cpu"),
        // One block a stretch, so that stretches are compared too.
        stretchElements: 1,
      });
      try {
        const [map = new Float32Array()] = await model.run(
          floatTensor(image.shape, Float32Array.from(image.data, Number)),
        );
        differences.push({
          height,
          width,
          relativeError: relativeError(map, Float64Array.from(expected.data, Number)),
        });
      } finally {
        await model.close();
      }
    }
    return differences;
  } finally {
    await opened.close();
  }
}

function relativeError(actual: Float32Array, expected: Float64Array): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [largest, scale] = [0, 0];
  expected.forEach((value, index) => {
    const difference = Math.abs(value - (actual[index] ?? Number.NaN));
    largest = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(largest, difference);
    scale = Math.max(scale, Math.abs(value));
  });
  return largest / scale;
}
